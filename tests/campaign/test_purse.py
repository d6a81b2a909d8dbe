"""What a budget still pays for, against plain loops over whole nano-dollars."""

from __future__ import annotations

import itertools

import pytest

from mcal.campaign.purse import (
    LEAST_AUDIT,
    Purse,
    least_audit,
    least_budget_usd,
    most_labels_of_budget,
)
from mcal.settings import CertificateSettings, PriceSettings, PriceTier, Settings

CASES = list(
    itertools.product([1.0, 0.37, 2.0], [0.0, 0.013, 0.05], [0, 1, 7, 20])
)  # budget, fee, items, at a price of 0.04


def settings(budget_usd: float, fee: float = 0.0, **prices: float) -> Settings:
    return Settings(budget_usd=budget_usd, prices=PriceSettings(machine_fee=fee, **prices))


def cents(usd: float) -> int:
    return round(usd * 10**9)


@pytest.mark.parametrize(("budget_usd", "fee", "n_items"), CASES)
def test_most_people_is_the_largest_end_that_is_paid(
    budget_usd: float, fee: float, n_items: int
) -> None:
    purse = Purse.of(settings(budget_usd, fee), cents(0.11))
    paid = [
        n
        for n in range(n_items + 1)
        if cents(0.04) * n + cents(fee) * (n_items - n) <= cents(budget_usd) - cents(0.11)
    ]
    assert purse.most_people(n_items) == max(paid, default=-1)


@pytest.mark.parametrize(("budget_usd", "fee", "n_items"), CASES)
def test_most_labels_leaves_the_training_and_an_end(
    budget_usd: float, fee: float, n_items: int
) -> None:
    purse, n_broken, n_audit, kept = Purse.of(settings(budget_usd, fee)), 2, 5, 0.1
    paid = []
    for n in range(n_items + 1):
        n_people = n + n_broken + min(n_audit, n_items - n)
        n_machine = n_items + n_broken - n_people
        cost = cents(0.04) * n_people + cents(fee) * n_machine + cents(kept)
        if cost <= cents(budget_usd):
            paid.append(n)
    assert purse.most_labels(n_items, n_broken, n_audit, kept) == max(paid, default=-1)


def test_money_is_exact_to_the_last_label() -> None:
    assert Purse.of(settings(0.3, price_per_label=0.1)).most_people(5) == 3
    assert Purse.of(settings(0.29999999, price_per_label=0.1)).most_people(5) == 2
    assert Purse.of(settings(1.0)).without(0.2, 20).left_usd == 0.0
    assert Purse.of(settings(1.0)).without(0.3, 20).left_nano == -cents(0.1)
    assert Purse.of(settings(1.0)).without(0.3, 20).most_people(10) == -1


def test_labels_of_a_budget() -> None:
    assert most_labels_of_budget(Settings()) is None
    assert most_labels_of_budget(settings(1.0)) == 25


@pytest.mark.parametrize("fee", [0.0, 0.001])
def test_the_least_budget_is_the_least_that_pays_for_the_start_and_an_end(fee: float) -> None:
    def n_first(given: Settings) -> int:
        n_labels = most_labels_of_budget(given)
        assert n_labels is not None
        return 40 + n_labels // 5

    given = settings(1.0, fee, fixed_cost_per_training=0.2)
    least_usd = least_budget_usd(n_first, n_pool=2000, n_broken=3, n_candidates=2, settings=given)

    def is_paid(usd: float) -> bool:
        asked = given.model_copy(update={"budget_usd": usd})
        n_people = n_first(asked) + LEAST_AUDIT + 3
        return cents(1.4) + cents(0.04) * n_people + cents(fee) * (2000 - n_people) <= cents(usd)

    assert is_paid(least_usd)
    assert not is_paid(least_usd - 0.04)


def test_people_alone_may_be_the_least() -> None:
    given = settings(1.0, 0.05, fixed_cost_per_training=100.0)
    arguments = {"n_pool": 50, "n_broken": 0, "n_candidates": 1, "settings": given}
    assert least_budget_usd(lambda _: 20, **arguments) == 2.0


def test_tiers_and_judgements_are_counted_in_the_order_bought() -> None:
    tiers = (PriceTier(n_from=0, price=0.05), PriceTier(n_from=20, price=0.03))
    prices = PriceSettings(tiers=tiers, judgements_per_item=2)
    purse = Purse.of(Settings(budget_usd=2.0, prices=prices), n_bought=4)
    assert purse.left_nano == cents(2.0 - 4 * 0.1)
    assert purse.labels_nano(8) == cents(6 * 0.1 + 2 * 0.06)
    assert purse.most_people(100) == 6 + 100 // 6
    assert purse.without(0.0, 8).labels_nano(1) == cents(0.06)
    assert most_labels_of_budget(Settings(budget_usd=2.0, prices=prices)) == 10 + 100 // 6


def test_the_audit_kept_back_is_one_that_people_take() -> None:
    assert least_audit(Settings()) == LEAST_AUDIT
    assert least_audit(Settings(prices=PriceSettings(min_batch=100))) == 100
    assert least_audit(Settings(certificate=CertificateSettings(kind="none"))) == 0
