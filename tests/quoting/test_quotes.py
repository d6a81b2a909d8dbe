"""Quotes: from the prior against simulated campaigns, on the way against the status."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mcal
from blobs import NearestMean, make_blobs
from mcal.campaign import Campaign
from mcal.errors import SettingsError, StoreError
from mcal.pools import open_pool, read_truth
from mcal.quoting import Quote
from mcal.quoting.prior import PriorDraw, _early, _trained_at, draw_prior
from mcal.settings import (
    ConsensusSettings,
    LabelsSettings,
    PlanSettings,
    PoolSettings,
    PriceSettings,
    PriceTier,
    Settings,
)
from mcal.simulation import QUICK, RandomWorld, simulate
from mcal.simulation.curves import FAMILIES

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KEYS = [
    "basis", "given", "n_pool", "n_classes", "rounds", "spent_usd", "total_usd", "interval_usd",
    "human_only_usd", "pays_probability", "n_human", "n_waits", "hours", "human_only_hours",
    "complete_at",
]  # fmt: skip


def prior(settings: Settings | None = None, n_pool: int = 2000, **more: Any) -> Quote:
    options: dict[str, Any] = {"n_classes": 10, "n_draws": 24, "now": NOON} | more
    return mcal.quote(settings or Settings(), n_pool=n_pool, **options)


def test_the_same_question_has_the_same_answer() -> None:
    assert prior() == prior()
    assert prior(Settings(seed=1)) != prior()
    assert list(prior().to_json()) == KEYS
    assert json.loads(json.dumps(prior().to_json()))["n_pool"] == 2000


def test_the_prior_s_interval_holds_most_simulated_campaigns() -> None:
    """Loosely: the quote knows the family of worlds, and plays no campaign."""
    worlds = [RandomWorld(f"any-{family}", family, 2000) for family in FAMILIES]
    result = simulate(worlds, ["mcal"], n_campaigns=4, seed=3, settings=Settings(plan=QUICK))
    totals = [o.total_usd for outcomes in result.outcomes.values() for o in outcomes]
    quoted = prior(n_draws=60)
    assert quoted.interval_usd is not None
    low, high = quoted.interval_usd
    assert sum(low <= total <= high for total in totals) >= 11  # of 16; 14.4 expected
    assert quoted.total_usd == pytest.approx(sum(totals) / len(totals), rel=0.25)
    assert low < quoted.total_usd < high < quoted.human_only_usd == 80.0
    assert quoted.pays_probability == 1.0


def test_a_quote_expects_third_judgements() -> None:
    two = PriceSettings(judgements_per_item=2)
    pairs = prior(Settings(prices=two))
    thirds = prior(Settings(prices=two, consensus=ConsensusSettings(third_on_disagreement=True)))
    assert thirds.human_only_usd == pytest.approx(1.14 * pairs.human_only_usd)
    assert pairs.total_usd < thirds.total_usd < 1.2 * pairs.total_usd


def test_what_makes_labels_dear_makes_quotes_dear() -> None:
    plain = prior()
    twice = prior(Settings(prices=PriceSettings(price_per_label=0.08, gpu_usd_per_hour=6.0)))
    assert twice.total_usd == pytest.approx(2 * plain.total_usd)
    assert twice.n_human == plain.n_human
    assert prior(Settings(target_error=0.01)).total_usd > plain.total_usd
    nothing_saved = prior(Settings(prices=PriceSettings(machine_fee=0.04)))
    assert nothing_saved.pays_probability == 0.0
    assert nothing_saved.n_human == 2000
    tiers = (PriceTier(n_from=0, price=0.04), PriceTier(n_from=500, price=0.02))
    cheaper = prior(Settings(prices=PriceSettings(tiers=tiers)))
    assert cheaper.human_only_usd == 50.0
    assert cheaper.total_usd < plain.total_usd


@pytest.mark.parametrize(("n_pool", "n_classes"), [(20, 2), (300, 3), (5000, 1000)])
def test_odd_sizes(n_pool: int, n_classes: int) -> None:
    quoted = prior(n_pool=n_pool, n_classes=n_classes, n_draws=8)
    assert 0 < quoted.n_human <= n_pool
    assert quoted.interval_usd is not None
    assert quoted.interval_usd[0] <= quoted.total_usd <= quoted.interval_usd[1] * 1.5


def test_without_an_audit_people_label_less() -> None:
    certificate = mcal.CertificateSettings(kind="none")
    assert prior(Settings(certificate=certificate)).n_human < prior().n_human


def test_the_day_at_people_s_pace() -> None:
    assert (prior().hours, prior().complete_at, prior().human_only_hours) == (None, None, None)
    paced = prior(Settings(prices=PriceSettings(latency_hours=24.0, items_per_hour=100.0)))
    assert paced.human_only_hours == 24.0 + 20.0
    draws = draw_prior(2000, 10, Settings(), n_draws=24, seed=mcal_seed())
    hours = [24.0 * draw.n_waits + draw.n_human / 100.0 for draw in draws]
    assert paced.hours == pytest.approx(sum(hours) / 24)
    assert paced.complete_at is not None
    after_s = (datetime.fromisoformat(paced.complete_at) - NOON).total_seconds()
    assert after_s / 3600.0 == pytest.approx(paced.hours, abs=1 / 60)
    assert min(draw.n_waits for draw in draws) >= 5  # four trainings and the rest


def mcal_seed() -> int:
    from mcal.types import derive_seed

    return derive_seed(0, 0, "quote")


def test_a_campaign_is_quoted_from_its_rounds(tmp_path: Path) -> None:
    world, folder = make_blobs(4000, 1.2), tmp_path / "run"
    settings = Settings(
        plan=PlanSettings(replicas=50),
        prices=PriceSettings(latency_hours=1.0, gpu_usd_per_hour=0.0),
    )
    seen = []
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=[NearestMean()],
        settings=settings,
    ) as campaign:
        going = True
        while going:
            going = campaign.step() is not None
            found = mcal.quote(settings, folder, n_draws=4, now=NOON)
            summary = campaign.summary()
            seen.append(found)
            assert (found.n_pool, found.rounds) == (4000, summary.rounds)
            assert found.spent_usd == summary.total_cost_usd
            if found.basis == "prior":
                assert summary.predicted_interval_usd is None
                assert found.n_human >= summary.n_human
            elif found.basis == "rounds":
                assert found.interval_usd == summary.predicted_interval_usd
                assert found.total_usd == summary.predicted_total_cost_usd
                assert found.hours == found.n_waits
                assert found.total_usd >= found.spent_usd
    bases = [found.basis for found in seen]
    assert bases == sorted(bases, key=["prior", "rounds", "finished"].index)
    assert set(bases) == {"prior", "rounds", "finished"}
    last = seen[-1]
    assert last.interval_usd is not None
    assert last.total_usd == last.spent_usd == last.interval_usd[0] == last.interval_usd[1]
    assert (last.n_waits, last.hours, last.pays_probability) == (0, None, 1.0)
    with pytest.raises(StoreError, match=r"target_error was 0\.05, now 0\.1"):
        mcal.quote(settings.model_copy(update={"target_error": 0.1}), folder)


def test_a_prior_quote_counts_what_a_campaign_has_bought(tmp_path: Path) -> None:
    world, folder = make_blobs(2000, 1.2), tmp_path / "run"
    settings = Settings(prices=PriceSettings(latency_hours=24.0, items_per_hour=100.0))
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=[NearestMean()],
        settings=settings,
    ) as campaign:
        before = mcal.quote(settings, folder, n_draws=8, now=NOON)
        while (summary := campaign.summary()).n_train == 0 or summary.open_batch is not None:
            campaign.step()
        after = mcal.quote(settings, folder, n_draws=8, now=NOON)
    assert (before.basis, after.basis) == ("prior", "prior")
    assert after.n_human == before.n_human
    assert before.hours is not None
    assert after.hours is not None
    assert before.hours - after.hours == pytest.approx(24.0 + summary.n_human / 100.0)


def test_what_is_spent_is_the_least_of_a_prior_quote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, folder = make_blobs(2000, 1.2), tmp_path / "run"
    settings = Settings()
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=[NearestMean()],
        settings=settings,
    ) as campaign:
        while campaign.summary().rounds == 0:
            campaign.step()
        spent = campaign.summary()
    # Worlds that cost nothing: far below what this campaign has spent already.
    free = [PriorDraw(total_usd=0.0, n_human=0, n_waits=0)] * 8
    monkeypatch.setattr("mcal.quoting.quotes.draw_prior", lambda *args, **more: free)
    found = mcal.quote(settings, folder, n_draws=8)
    assert (found.basis, found.rounds) == ("prior", 1)
    assert found.spent_usd == spent.total_cost_usd > 1.0
    assert found.total_usd == pytest.approx(found.spent_usd)
    assert found.interval_usd == pytest.approx((found.spent_usd, found.spent_usd))
    assert found.n_human == spent.n_human


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_plan_without_an_interval_is_quoted_as_such(tmp_path: Path, preset: Any) -> None:
    world, folder = make_blobs(4000, 1.2), tmp_path / "run"
    settings = Settings(
        preset=preset, plan=PlanSettings(replicas=0), prices=PriceSettings(gpu_usd_per_hour=0.0)
    )
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=[NearestMean()],
        settings=settings,
    ) as campaign:
        while campaign.summary().rounds < 2:
            campaign.step()
        found, summary = mcal.quote(settings, folder, n_draws=4), campaign.summary()
    assert (found.basis, found.interval_usd, found.pays_probability) == ("rounds", None, None)
    assert found.total_usd == summary.predicted_total_cost_usd
    assert found.n_human >= summary.n_human
    assert "no interval" in found.given


def test_a_pool_is_opened_to_be_counted(tmp_path: Path) -> None:
    settings = Settings(pool=PoolSettings(kind="digits", limit=300))
    found = mcal.quote(settings, tmp_path / "none", n_draws=4)
    assert (found.basis, found.n_pool, found.n_classes) == ("prior", 300, 10)
    assert not (tmp_path / "none").exists()


def test_known_labels_are_counted(tmp_path: Path) -> None:
    digits = PoolSettings(kind="digits", limit=600)
    plain = mcal.quote(Settings(pool=digits), n_draws=24, now=NOON)
    names, truth = open_pool(digits, None).item_name, read_truth(digits, None)
    file = tmp_path / "known.csv"

    def known(n: int) -> Quote:
        rows = [f"{names(index)},{truth[index]}" for index in range(n)]
        file.write_text("\n".join(["item,label", *rows]))
        pace = PriceSettings(items_per_hour=100.0)
        labels = LabelsSettings(known=file)
        settings = Settings(pool=digits, labels=labels, prices=pace)
        return mcal.quote(settings, n_draws=24, now=NOON)

    some, most, all_ = known(200), known(595), known(600)
    assert (some.human_only_usd, plain.human_only_usd) == (pytest.approx(16.0), 24.0)
    assert some.total_usd < plain.total_usd
    assert "200 labels known of this data set" in some.given
    assert some.human_only_hours == pytest.approx(4.0)
    assert 200 < some.n_human <= 600
    assert (most.n_human, most.n_waits, most.hours) == (600, 1, pytest.approx(0.05))
    assert most.total_usd == pytest.approx(0.2)
    assert (all_.total_usd, all_.n_waits, all_.hours) == (0.0, 0, 0.0)


def test_a_campaign_that_began_with_known_labels_is_quoted(tmp_path: Path) -> None:
    world = make_blobs(2000, 1.2)
    settings = Settings(prices=PriceSettings(gpu_usd_per_hour=0.0))
    known = (range(500), world.truth[:500])
    with Campaign.create(
        tmp_path / "run",
        pool=world.pool,
        classifiers=[NearestMean()],
        annotator=world.oracle(),
        settings=settings,
        known=known,
    ) as campaign:
        begun = mcal.quote(settings, tmp_path / "run", n_draws=12, now=NOON)
        assert campaign.run() is not None
        finished = mcal.quote(settings, tmp_path / "run", now=NOON)
        summary = campaign.summary()
    assert (begun.basis, begun.human_only_usd, begun.spent_usd) == ("prior", 60.0, 0.0)
    assert (finished.basis, finished.human_only_usd) == ("finished", 60.0)
    assert (finished.total_usd, finished.n_human) == (summary.total_cost_usd, summary.n_human)


def test_large_batches_need_large_pools() -> None:
    settings = Settings(prices=PriceSettings(min_batch=5000))
    for n_pool in (8000, 9000, 10_000):
        with pytest.raises(
            ValueError,
            match=r"n_pool: expected at least 10,001 items .*\(prices.min_batch is 5,000\)",
        ):
            prior(settings, n_pool, n_draws=4)
    for n_pool in (10_001, 10_300, 16_000):
        assert 10_000 <= prior(settings, n_pool, n_draws=4).n_human <= n_pool


@pytest.mark.parametrize(("budget_usd", "total_usd"), [(20.0, 20.0), (500.0, 80.0)])
def test_with_a_budget_the_error_is_uncertain_and_not_the_cost(
    budget_usd: float, total_usd: float
) -> None:
    found = prior(Settings(budget_usd=budget_usd), n_draws=4)
    assert (found.total_usd, found.interval_usd) == (total_usd, None)
    assert found.n_human == round(total_usd / 0.04)
    assert "uncertain is the error, not the cost" in found.given
    assert "budget" not in prior(n_draws=4).given


def test_the_first_trainings_are_those_of_a_campaign() -> None:
    assert _early(200, 200, 5000, 19_000) == [200, 400, 800, 1600]
    assert _early(200, 200, 700, 19_000) == [200, 400, 700, 1400]  # a plan to stop is not believed
    assert _early(200, 200, 200, 19_000) == [200, 400, 800, 1600]
    assert _early(20, 20, 20, 70) == [20, 40, 70]
    assert _trained_at([200, 400, 800, 1600], 2600, 200) == [200, 400, 800, 1600, 2000, 2500, 2600]
    assert _trained_at([20, 40, 70], 70, 20) == [20, 40, 70]


def test_mistakes_are_named() -> None:
    with pytest.raises(SettingsError, match="pool: expected a"):
        mcal.quote(Settings())
    with pytest.raises(SettingsError, match="classes: expected their names"):
        mcal.quote(Settings(), n_pool=100)
    for more in ({"n_pool": 19}, {"n_classes": 1}, {"n_draws": 0}):
        with pytest.raises(ValueError, match=next(iter(more))):
            prior(**more)
    assert prior(Settings(classes=("a", "b")), n_classes=None, n_draws=4).n_classes == 2


def test_after_the_buying_only_known_prices_are_quoted(tmp_path: Path) -> None:
    world, folder = make_blobs(2000, 60.0), tmp_path / "run"
    settings = Settings(
        plan=PlanSettings(replicas=50),
        prices=PriceSettings(fixed_cost_per_training=4.0, machine_fee=0.05, latency_hours=1.0),
    )
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=[NearestMean()],
        settings=settings,
    ) as campaign:
        while not any(a.name == "people" for a in campaign._store.actions()):
            assert campaign.step() is not None
        found, training_usd = mcal.quote(settings, folder), campaign.summary().training_cost_usd
        assert campaign.run() is not None
        bill = campaign.summary().total_cost_usd
    assert found.basis == "rounds"
    assert "only people's labels" in found.given
    assert found.total_usd == bill == pytest.approx(80.0 + training_usd)
    assert found.interval_usd == (bill, bill)
    assert (found.n_human, found.n_waits, found.pays_probability) == (2000, 1, 0.0)
