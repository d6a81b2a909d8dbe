"""Campaigns with a budget: never a cent more, and the error falls as the budget grows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean, NearestMeanModel, SlowAnnotator, make_blobs
from mcal.campaign import Campaign, CampaignResult
from mcal.campaign.moves import Move
from mcal.campaign.opening import check_same_settings
from mcal.errors import BudgetError, StoreError
from mcal.settings import CertificateSettings, PlanSettings, PriceSettings, PriceTier, Settings
from mcal.store import Store, summarise
from mcal.types import IndexArray, Pool, Progress, no_progress
from worlds import EASY, HOPELESS, MEDIUM, World

SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
RULES = PlanSettings(replicas=20)


def label(folder: Path, world: World, share: float, seed: int = 0, **more: Any) -> CampaignResult:
    prices = PriceSettings(
        gpu_usd_per_hour=0.0, fixed_cost_per_training=world.fixed_cost_per_training
    )
    settings = Settings(
        seed=seed,
        plan=RULES,
        prices=prices,
        budget_usd=round(share * 0.04 * world.n_pool, 6),
        **more,
    )
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.annotator,
        classifiers=[world.classifier],
        settings=settings,
    ) as campaign:
        result = campaign.run()
    assert result is not None
    return result


def small(world: World, seed: int = 0) -> World:
    """A tenth of a world, and of what its trainings cost."""
    fixed_usd = world.fixed_cost_per_training / 10
    return replace(world, n_pool=world.n_pool // 10, fixed_cost_per_training=fixed_usd, seed=seed)


@pytest.mark.parametrize("world", [EASY, MEDIUM], ids=["easy", "medium"])
def test_the_error_falls_as_the_budget_grows(tmp_path: Path, world: World) -> None:
    realised, certified = [], []
    for share in SHARES:
        errors = []
        for seed in range(2):
            one = small(world, seed)
            result = label(tmp_path / f"{share}-{seed}", one, share, seed)
            summary = result.summary
            assert summary.budget_usd is not None
            assert summary.total_cost_usd <= summary.budget_usd
            assert summary.total_cost_usd >= 0.98 * summary.budget_usd, "money left is error left"
            assert summary.left_usd == pytest.approx(summary.budget_usd - summary.total_cost_usd)
            assert (result.sources != "").all()
            assert summary.certified_error is not None
            errors.append((np.mean(result.labels != one.truth), summary.certified_error))
            assert summary.target_met is (summary.certified_error <= 0.05)
        realised.append(np.mean([error for error, _ in errors]))
        certified.append(np.mean([error for _, error in errors]))
    assert (np.diff(realised) < 0).all()
    assert (np.diff(certified) < 0).all()
    assert (realised[-1], certified[-1]) == (0.0, 0.0)


def test_what_is_certified_holds_as_often_as_promised(tmp_path: Path) -> None:
    kept = runs = 0
    for world in (EASY, HOPELESS):
        for seed in range(10):
            one = small(world, seed)
            result = label(tmp_path / f"{world.name}-{seed}", one, 0.2, seed)
            assert result.summary.certified_error is not None
            kept += np.mean(result.labels != one.truth) <= result.summary.certified_error
            runs += 1
    assert kept / runs >= 0.95 - 3.0 * np.sqrt(0.05 * 0.95 / runs)


def test_of_the_machine_s_labels(tmp_path: Path) -> None:
    one = small(EASY)
    result = label(tmp_path / "run", one, 0.3, target="machine")
    machine = result.sources == "machine"
    assert result.summary.certified_error is not None
    wrong = np.mean(result.labels[machine] != one.truth[machine])
    assert 0.0 < wrong <= result.summary.certified_error < 0.3


def test_without_a_certificate_the_same_money_is_spent(tmp_path: Path) -> None:
    certificate = CertificateSettings(kind="none")
    summary = label(tmp_path / "run", small(EASY), 0.2, certificate=certificate).summary
    assert summary.budget_usd is not None
    assert 0.98 * summary.budget_usd <= summary.total_cost_usd <= summary.budget_usd
    assert (summary.certified_error, summary.target_met, summary.n_audit) == (None, None, 0)
    assert summary.n_machine > 0


@pytest.mark.parametrize("fee", [0.004, 0.06])
def test_the_machine_s_fee_is_kept_back(tmp_path: Path, easy: Blobs, fee: float) -> None:
    prices = PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.5, machine_fee=fee)
    settings = Settings(prices=prices, plan=RULES, budget_usd=60.0 if fee < 0.04 else 160.0)
    with create(tmp_path / "run", easy, settings) as campaign:
        result = campaign.run()
    assert result is not None
    assert result.summary.total_cost_usd <= settings.budget_usd
    assert (result.summary.n_machine > 0) == (fee < 0.04)


def test_tiers_judgements_and_least_batches(tmp_path: Path, easy: Blobs) -> None:
    tiers = (PriceTier(n_from=0, price=0.03), PriceTier(n_from=500, price=0.01))
    prices = PriceSettings(
        gpu_usd_per_hour=0.0,
        fixed_cost_per_training=0.3,
        tiers=tiers,
        judgements_per_item=2,
        min_batch=80,
    )
    with create(
        tmp_path / "run", easy, Settings(prices=prices, plan=RULES, budget_usd=31.0)
    ) as campaign:
        result = campaign.run()
        batches = campaign._store.batches()
    assert result is not None
    assert 30.0 < result.summary.total_cost_usd <= 31.0
    assert all(batch.n_items >= 80 for batch in batches if batch.purpose != "rest")


def test_broken_items_are_paid_for(tmp_path: Path, easy: Blobs) -> None:
    broken = dict.fromkeys(range(3000, 3400), "truncated file")
    easy.pool.broken = lambda: broken  # type: ignore[method-assign]
    with create(tmp_path / "run", easy, budget(30.0)) as campaign:
        result = campaign.run()
    assert result is not None
    assert (result.sources[3000:3400] == "human").all()
    assert (result.sources != "").all()
    assert result.summary.total_cost_usd <= 30.0
    with pytest.raises(ValueError, match=r"budget_usd: expected at least \$2\d\.\d\d"):
        create(tmp_path / "poor", easy, budget(20.0))


def test_the_least_budget_is_named_and_works(tmp_path: Path, easy: Blobs) -> None:
    with pytest.raises(ValueError, match=r"budget_usd: expected at least \$([\d.]+) ") as refused:
        create(tmp_path / "run", easy, budget(1.0))
    assert not Store.exists(tmp_path / "run")
    least_usd = float(str(refused.value).split("$")[1].split()[0])
    with create(tmp_path / "run", easy, budget(least_usd)) as campaign:
        result = campaign.run()
    assert result is not None
    assert result.summary.total_cost_usd <= least_usd
    assert result.summary.n_audit > 0


def test_the_least_budget_pays_for_seconds_too(tmp_path: Path, clock: Clock) -> None:
    world, parts = make_blobs(4000, 2.5), {"classifiers": [Working(clock, n_fixed=400)]}
    prices = {"gpu_usd_per_hour": 3.0, "fixed_cost_per_training": 0.0}
    with pytest.raises(ValueError, match="expected at least") as refused:
        create(tmp_path / "run", world, budget(1.0, **prices), **parts)
    least_usd = float(str(refused.value).split("$")[1].split()[0])
    with create(tmp_path / "run", world, budget(least_usd, **prices), **parts) as campaign:
        result = campaign.run()
    assert result is not None
    assert result.summary.total_cost_usd <= least_usd
    assert result.summary.n_audit > 0


@pytest.mark.parametrize("budget_usd", [160.0, 1000.0])
def test_people_alone_where_the_budget_pays_them(
    tmp_path: Path, easy: Blobs, budget_usd: float
) -> None:
    with create(tmp_path / "run", easy, budget(budget_usd)) as campaign:
        result = campaign.run()
    assert result is not None
    assert (result.summary.n_human, result.summary.total_cost_usd) == (4000, 160.0)
    assert result.summary.certified_error == 0.0
    assert result.summary.stop_reason is not None
    assert "pay people for every item left" in result.summary.stop_reason


def test_where_the_money_is_while_it_runs(tmp_path: Path, easy: Blobs) -> None:
    seen = []
    annotator = SlowAnnotator(easy.truth, per_visit=80)
    with create(tmp_path / "run", easy, budget(24.0), annotator=annotator) as campaign:
        while campaign.next_move() is not None:
            campaign.step()
            seen.append(summarise(campaign._store))
    for s in seen:
        assert s.reserved_usd is not None
        assert s.left_usd is not None
        assert s.reserved_usd >= 0.0
        assert s.left_usd >= 0.0
        assert s.total_cost_usd + s.reserved_usd + s.left_usd == pytest.approx(24.0)
    assert seen[0].reserved_usd is not None
    assert seen[0].reserved_usd > 0.04 * 60, "the first labels, a training and the audit"
    assert seen[-1].reserved_usd == 0.0
    with Store.open(tmp_path / "run", read_only=True) as store:
        actions = store.actions()
    assert actions[0].name == "budget"
    assert all(a.reason for a in actions)
    assert {"budget", "buy", "audit", "machine_label"} == {a.name for a in actions}


def budget(usd: float, **prices: float) -> Settings:
    known = {"gpu_usd_per_hour": 0.0, "fixed_cost_per_training": 0.3} | prices
    return Settings(budget_usd=usd, plan=RULES, prices=PriceSettings(**known))


def create(folder: Path, world: Blobs, settings: Settings, **parts: Any) -> Campaign:
    parts = {"annotator": world.oracle(), "classifiers": [NearestMean()]} | parts
    return Campaign.create(folder, pool=world.pool, settings=settings, **parts)


# -- seconds that nobody foresaw ---------------------------------------------------------------


class Clock:
    """Seconds that pass only when somebody works."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    return clock


class Working(NearestMean):
    """Takes a second per training item, and from some training on many times that."""

    def __init__(
        self,
        clock: Clock,
        *,
        slow_from: int = 99,
        slowness: float = 50.0,
        epochs: int = 100,
        n_fixed: int = 0,
    ) -> None:
        super().__init__()
        self.epochs, self.n_fixed = epochs, n_fixed
        self.clock, self.slow_from, self.slowness = clock, slow_from, slowness

    def train(
        self,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> NearestMeanModel:
        is_slow = len(self.trainings) >= self.slow_from
        for epoch in range(1, self.epochs + 1):
            n_seconds = (self.n_fixed + indices.size) * (self.slowness if is_slow else 1.0)
            self.clock.now += n_seconds / self.epochs
            progress(epoch / self.epochs, "trains")
        return super().train(pool, indices, labels, seed=seed)


@pytest.mark.parametrize(("slow_from", "epochs"), [(1, 100), (1, 20), (2, 100), (2, 7), (99, 100)])
def test_a_training_that_outruns_its_forecast_is_stopped(
    tmp_path: Path, clock: Clock, slow_from: int, epochs: int
) -> None:
    world = make_blobs(4000, 2.5)
    classifier = Working(clock, slow_from=slow_from, epochs=epochs)
    settings = budget(24.0, gpu_usd_per_hour=30.0)
    with create(tmp_path / "run", world, settings, classifiers=[classifier]) as campaign:
        result = campaign.run()
    assert result is not None
    assert (result.sources != "").all()
    assert 22.0 < result.summary.total_cost_usd <= 24.0
    assert result.summary.n_audit >= 60, "what is kept back for the audit is never trained away"
    realised = np.mean(result.labels != world.truth)
    assert result.summary.certified_error is not None
    assert realised <= result.summary.certified_error
    with Store.open(tmp_path / "run", read_only=True) as store:
        runs = store.runs()
    interrupted = [run for run in runs if run.status == "interrupted"]
    assert not any(run.status == "started" for run in runs)
    if slow_from < 99:
        assert len(interrupted) == 1
        assert result.summary.stop_reason is not None
        assert "do not pay for the next training" in result.summary.stop_reason


def test_a_first_training_beyond_the_budget_is_told(tmp_path: Path, clock: Clock) -> None:
    world = make_blobs(4000, 2.5)
    parts = {"classifiers": [Working(clock, slow_from=0, slowness=1000.0)]}
    settings = budget(24.0, gpu_usd_per_hour=30.0)
    with create(tmp_path / "run", world, settings, **parts) as campaign:
        for _ in range(2):
            with pytest.raises(BudgetError, match="for the first time"):
                campaign.run()
        assert 20.0 < campaign.summary().total_cost_usd <= 24.0


def test_a_stuck_campaign_says_so_and_a_larger_budget_frees_it(
    tmp_path: Path, clock: Clock
) -> None:
    world, folder = make_blobs(4000, 2.5), tmp_path / "run"
    settings = budget(24.0, gpu_usd_per_hour=30.0)
    slow = [Working(clock, slow_from=0, slowness=1000.0)]
    with create(folder, world, settings, classifiers=slow) as campaign:
        for _ in range(4):
            with pytest.raises(BudgetError, match=r"go on with budget_usd = \d+\.\d\d") as stuck:
                campaign.run()
        summary = campaign.summary()
    assert (summary.phase, summary.stop_reason) == ("stuck", str(stuck.value))
    with Store.open(folder, read_only=True) as store:
        reasons = [act.reason for act in store.actions() if act.name == "stuck"]
    assert 0 < len(set(reasons)) == len(reasons) < 4, "each is recorded once"
    enough_usd = float(str(stuck.value).split("budget_usd = ")[1].split()[0])
    parts = {"annotator": world.oracle(), "pool": world.pool, "classifiers": [Working(clock)]}
    for bad_usd in (20.0, float("inf")):
        with pytest.raises(StoreError, match=r"budget_usd: expected 24\.0 or more"):
            Campaign.open(folder, budget_usd=bad_usd, **parts)
    with Campaign.open(folder, budget_usd=enough_usd, **parts) as campaign:
        assert campaign.summary().phase != "stuck"
        assert campaign.summary().budget_usd == campaign.settings.budget_usd == enough_usd
        result = campaign.run()
    assert result is not None
    assert 24.0 < result.summary.total_cost_usd <= enough_usd
    with Campaign.open(folder, **parts) as campaign:
        assert campaign.settings.budget_usd == enough_usd
    with pytest.raises(StoreError, match="ended its buying"):
        Campaign.open(folder, budget_usd=100.0, **parts)


def test_a_budget_may_rise_in_the_settings_and_nothing_else(tmp_path: Path, easy: Blobs) -> None:
    create(tmp_path / "run", easy, budget(24.0)).close()
    check_same_settings(budget(30.0), tmp_path / "run")
    with pytest.raises(StoreError, match=r"budget_usd was 24\.0, now 20\.0"):
        check_same_settings(budget(20.0), tmp_path / "run")
    with pytest.raises(StoreError, match="seed was 0, now 1"):
        check_same_settings(budget(30.0).model_copy(update={"seed": 1}), tmp_path / "run")
    create(tmp_path / "free", easy, Settings()).close()
    with pytest.raises(StoreError, match="budget_usd was null"):
        check_same_settings(Settings(budget_usd=24.0), tmp_path / "free")


@pytest.mark.parametrize("kind", ["audit", "none"])
def test_no_prediction_is_above_the_budget_nor_names_what_is_not_there(
    tmp_path: Path, clock: Clock, kind: Any
) -> None:
    world, said = make_blobs(4000, 2.5), []
    settings = budget(24.0, gpu_usd_per_hour=30.0).model_copy(
        update={"certificate": CertificateSettings(kind=kind)}
    )
    with create(tmp_path / "run", world, settings, classifiers=[Working(clock)]) as campaign:
        result = campaign.run(said.append)
    assert result is not None
    plans = [event for event in said if event.phase == "plan"]
    assert plans
    for event in plans:
        assert float(event.words.split("$")[1].split()[0]) <= 24.0
        assert event.facts["predicted_usd"] <= 24.0
    assert said[-1].facts["predicted_usd"] == result.summary.total_cost_usd
    with Store.open(tmp_path / "run", read_only=True) as store:
        reasons = [act.reason for act in store.actions()]
    assert any("audit" in reason for reason in reasons) == (kind == "audit")


def test_trainings_repeated_after_kills_never_overspend(tmp_path: Path, clock: Clock) -> None:
    """Every training is lost some times: each was paid for."""

    class Killed(BaseException):
        pass

    class Mortal(Working):
        lives = 6

        def train(self, *parts: Any, **rest: Any) -> NearestMeanModel:
            model = super().train(*parts, **rest)
            if Mortal.lives and len(self.trainings) == 2:
                Mortal.lives -= 1
                raise Killed
            return model

    world = make_blobs(4000, 2.5)
    parts = {"annotator": world.oracle(), "pool": world.pool}
    folder, settings = tmp_path / "run", budget(14.0, gpu_usd_per_hour=20.0)
    Campaign.create(folder, settings=settings, classifiers=[Mortal(clock)], **parts).close()
    result = None
    while result is None:
        with Campaign.open(folder, classifiers=[Mortal(clock)], **parts) as campaign:
            with suppress(Killed):
                result = campaign.run()
            assert campaign.summary().total_cost_usd <= 14.0
    assert Mortal.lives == 0 or "do not pay" in (result.summary.stop_reason or "")
    assert (result.sources != "").all()
    assert result.summary.total_cost_usd > 13.0


def test_a_process_that_ends_anywhere_changes_nothing(tmp_path: Path, easy: Blobs) -> None:
    settings = budget(20.0)
    with create(tmp_path / "whole", easy, settings) as campaign:
        whole = campaign.run()
    create(tmp_path / "cut", easy, settings).close()
    parts = {"annotator": easy.oracle(), "pool": easy.pool, "classifiers": [NearestMean()]}
    moves: list[Move | None] = []
    while not moves or moves[-1] is not None:
        with Campaign.open(tmp_path / "cut", **parts) as campaign:
            moves.append(campaign.step())
            cut = campaign.result()
    assert whole is not None
    np.testing.assert_array_equal(cut.labels, whole.labels)
    np.testing.assert_array_equal(cut.sources, whole.sources)
    assert cut.summary.total_cost_usd == whole.summary.total_cost_usd <= 20.0
    assert cut.summary.certified_error == whole.summary.certified_error


def test_a_budget_knows_no_weighted_audit() -> None:
    with pytest.raises(ValueError, match="expected 'audit' or 'none' with budget_usd"):
        Settings(budget_usd=10.0, certificate=CertificateSettings(kind="weighted"))
