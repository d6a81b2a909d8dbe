"""Prices of people's labels, against judgement after judgement in whole nano-dollars."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from mcal.money import add_usd, to_nano
from mcal.prices import LabelPrices, item_prices
from mcal.settings import PriceSettings, PriceTier, Settings


def by_judgement(tiers: list[tuple[int, float]], k: int, n_items: int) -> list[int]:
    """Nano-dollars of each item."""
    found = []
    for item in range(n_items):
        judgements = range(k * item, k * (item + 1))
        found.append(sum(to_nano("", [usd for n, usd in tiers if n <= j][-1]) for j in judgements))
    return found


def by_item(prices: LabelPrices, n_items: int) -> list[int]:
    ends = [start for start, _ in prices.steps_nano[1:]] + [n_items]
    return [
        nano
        for (start, nano), end in zip(prices.steps_nano, ends, strict=True)
        for _ in range(start, min(end, n_items))
    ]


def test_one_price() -> None:
    prices = PriceSettings(price_per_label=0.1).people
    assert prices == LabelPrices(((0, 100_000_000),))
    assert (prices.first_usd, prices.later_usd) == (0.1, ())
    assert prices.total_usd(0) == 0.0
    assert prices.total_usd(3) == 0.3
    assert prices.purchase(7, 5) == ((0, 0.1),)


def test_labels_that_cost_nothing_come_first() -> None:
    prices = item_prices([(0, 0.05), (10, 0.04)], 1)
    known = prices.after_free(3)
    assert by_item(known, 14) == [0, 0, 0, *by_item(prices, 11)]
    assert known.purchase(0, 5) == ((0, 0.0), (3, 0.05))
    assert known.purchase(3, 11) == ((0, 0.05), (10, 0.04))
    assert prices.after_free(0) == prices


def test_settings_that_know_labels_say_nothing_of_it() -> None:
    tiers = [{"from": 0, "price": 0.05}, {"from": 10, "price": 0.04}]
    given = Settings(prices=PriceSettings(tiers=tiers))
    assert given.prices.people.total_usd(4) == 0.2  # kept: it must not be taken over
    known = given.knowing(3)
    assert (given.n_known, known.n_known, known.knowing(5).n_known) == (0, 3, 5)
    assert known.model_dump_json() == given.model_dump_json()
    assert known.prices.people.total_usd(4) == 0.05
    assert known.prices.judgement.total_usd(4) == 0.2
    assert known.prices.scaled(2.0).people.total_usd(4) == 0.1
    assert known.model_copy(update={"seed": 1}).n_known == 3


def test_tiers_by_hand() -> None:
    prices = item_prices([(0, 0.05), (10, 0.04), (13, 0.01)], 1)
    totals = [prices.total_usd(n) for n in (9, 10, 11, 13, 14)]
    assert totals == [0.45, 0.5, 0.54, 0.62, 0.63]
    assert prices.purchase(0, 10) == ((0, 0.05),)
    assert prices.purchase(9, 2) == ((0, 0.05), (1, 0.04))
    assert prices.purchase(10, 3) == ((0, 0.04),)
    assert prices.purchase(8, 100) == ((0, 0.05), (2, 0.04), (5, 0.01))
    assert prices.later_usd == ((10, 0.04), (13, 0.01))


def test_an_item_between_two_tiers_costs_some_of_each() -> None:
    prices = item_prices([(0, 0.05), (10, 0.04)], 3)
    # Item 3 is judgements 9, 10 and 11.
    assert by_item(prices, 5) == [150_000_000] * 3 + [130_000_000, 120_000_000]
    assert prices.first_usd == 0.15
    assert prices.total_usd(5) == 0.7


@pytest.mark.parametrize("seed", range(40))
def test_items_cost_what_their_judgements_cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 6))
    starts = [0, *np.unique(rng.integers(1, 60, size=rng.integers(0, 5))).tolist()]
    tiers = [(start, round(float(rng.uniform(0.001, 1.0)), 12)) for start in starts]
    prices = item_prices(tiers, k)
    want = by_judgement(tiers, k, 50)
    assert by_item(prices, 50) == want
    assert all(before[1] != after[1] for before, after in pairwise(prices.steps_nano))
    cuts = [0, *np.sort(rng.integers(0, 50, 3)).tolist(), 50]
    for first, last in pairwise(cuts):
        steps = prices.purchase(first, last - first)
        paid = [
            to_nano("", [usd for position, usd in steps if position <= i][-1])
            for i in range(last - first)
        ]
        assert paid == want[first:last]
    assert prices.total_usd(50) == add_usd(*(nano / 1e9 for nano in want))


def test_tiers_in_settings_survive_json() -> None:
    prices = PriceSettings.model_validate(
        {"tiers": [{"from": 0, "price": 0.05}, {"from": 10_000, "price": 0.04}]}
    )
    assert prices.price_per_label == 0.05
    assert prices.people == item_prices([(0, 0.05), (10_000, 0.04)], 1)
    assert prices == PriceSettings(
        tiers=(PriceTier(n_from=0, price=0.05), PriceTier(n_from=10_000, price=0.04))
    )
    settings = Settings(prices=prices)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.model_dump(mode="json")["prices"]["tiers"][1] == {"from": 10_000, "price": 0.04}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tiers": [{"from": 5, "price": 1.0}]}, r"from = 0, then rising, found \[5\]"),
        (
            {"tiers": [{"from": n, "price": 1.0} for n in (0, 7, 7)]},
            r"from = 0, then rising, found \[0, 7, 7\]",
        ),
        (
            {"price_per_label": 0.1, "tiers": [{"from": 0, "price": 0.2}]},
            "price_per_label: expected none beside tiers, or the first tier's 0.2, found 0.1",
        ),
        ({"tiers": [{"from": 0, "price": 0.0}]}, "price"),
        ({"judgements_per_item": 0}, "judgements_per_item"),
        ({"min_batch": 0}, "min_batch"),
        ({"items_per_hour": 0.0}, "items_per_hour"),
        ({"latency_hours": -1.0}, "latency_hours"),
    ],
)
def test_prices_that_make_no_sense_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PriceSettings.model_validate(values)
