"""What exploring may cost where nothing can be learned, and what rare classes come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean, make_blobs
from mcal.campaign import Campaign, CampaignResult
from mcal.campaign.models import Models
from mcal.pools import EmbeddingPool
from mcal.pools.digits import read_digits
from mcal.report.curves import read_curves
from mcal.settings import PlanSettings, PriceSettings, Settings
from mcal.store import Store
from mcal.types import Progress, no_progress

RULES = PlanSettings(replicas=50)


class Slow(NearestMean):
    """Takes as many seconds of a clock that only it moves as it has items, and says so."""

    def __init__(self, clock: Clock, s_per_item: float, name: str = "slow/fake") -> None:
        super().__init__(name)
        self.clock, self.s_per_item = clock, s_per_item

    def train(
        self,
        pool: Any,
        indices: Any,
        labels: Any,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> Any:
        for i in range(indices.size):
            self.clock.now += self.s_per_item
            progress(i / indices.size, "training")
        return super().train(pool, indices, labels, seed=seed, progress=progress)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


def run(folder: Path, world: Blobs, *candidates: NearestMean, **prices: float) -> CampaignResult:
    settings = Settings(prices=PriceSettings(**prices), plan=RULES)
    parts: dict[str, Any] = {"annotator": world.oracle(), "classifiers": candidates}
    with Campaign.create(folder, pool=world.pool, settings=settings, **parts) as campaign:
        result = campaign.run()
    assert result is not None
    return result


def digits(labels: np.ndarray) -> Blobs:
    data = read_digits()
    x = data.images.reshape(len(data.images), -1).astype(np.float32) / 16.0
    return Blobs(EmbeddingPool(x, data.classes), labels)


# -- nothing to learn --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fixed_usd", [0.0, 0.4, 3.0, 50.0])
def test_random_labels_cost_people_s_price_and_the_tax_at_most(
    tmp_path: Path, seed: int, fixed_usd: float
) -> None:
    truth = np.random.default_rng(seed).permutation(read_digits().labels)
    world = digits(truth)
    result = run(tmp_path / "run", world, NearestMean(), fixed_cost_per_training=fixed_usd)
    summary = result.summary
    assert summary.total_cost_usd <= 1.1 * summary.human_only_cost_usd
    assert np.mean(result.labels != truth) <= 0.05
    if fixed_usd == 50.0:
        assert summary.n_machine == 0
        assert summary.total_cost_usd == pytest.approx(summary.human_only_cost_usd)


@pytest.mark.parametrize("s_per_item", [0.5, 2.0, 20.0, 500.0])
def test_trainings_that_get_dearer_keep_the_tax_too(
    tmp_path: Path, hopeless: Blobs, monkeypatch: pytest.MonkeyPatch, s_per_item: float
) -> None:
    """$80 of labels; at $3 an hour 40 items cost 1.7 cents to $17."""
    clock = Clock()
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    summary = run(tmp_path / "run", hopeless, Slow(clock, s_per_item)).summary
    assert summary.human_only_cost_usd == pytest.approx(80.0)
    assert summary.training_cost_usd <= 8.0
    assert summary.total_cost_usd <= 88.0


def test_a_first_training_that_is_too_dear_ends_in_people(
    tmp_path: Path, easy: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    result = run(tmp_path / "run", easy, Slow(clock, 1_000.0))
    assert result.summary.n_machine == 0
    assert result.summary.training_cost_usd == pytest.approx(16.0, abs=1.0)
    np.testing.assert_array_equal(result.labels, easy.truth)
    with Store.open(tmp_path / "run", read_only=True) as store:
        (decided,) = [action for action in store.actions() if action.name == "people"]
    assert "limit for exploring, $16.00" in decided.reason


def test_a_candidate_that_is_too_dear_leaves_the_others(
    tmp_path: Path, easy: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    cheap = NearestMean("cheap/fake")
    result = run(tmp_path / "run", easy, cheap, Slow(clock, 1_000.0))
    assert result.summary.n_machine > 0.6 * 4000
    with Store.open(tmp_path / "run", read_only=True) as store:
        (dropped,) = [action for action in store.actions() if action.name == "drop"]
    assert dropped.details == {"classifier": "slow/fake"}
    assert "limit for exploring" in dropped.reason


@pytest.mark.parametrize("cheap_first", [True, False])
def test_a_dear_candidate_leaves_the_others_their_part_in_any_order(
    tmp_path: Path, easy: Blobs, monkeypatch: pytest.MonkeyPatch, cheap_first: bool
) -> None:
    """$16 for exploring: a training of $33 stops at its part, one of 50 cents goes on."""
    clock = Clock()
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    cheap, slow = Slow(clock, 15.0, "cheap/fake"), Slow(clock, 1_000.0)
    order = (cheap, slow) if cheap_first else (slow, cheap)
    result = run(tmp_path / "run", easy, *order)
    assert result.summary.n_machine > 0.6 * 4000
    assert result.summary.training_cost_usd <= 16.0
    with Store.open(tmp_path / "run", read_only=True) as store:
        (dropped,) = [action for action in store.actions() if action.name == "drop"]
    assert dropped.details == {"classifier": "slow/fake"}
    part = "$15.50" if cheap_first else "$8.00"
    assert f"more than the {part} it may take of the limit for exploring, $16.00" in dropped.reason


class GetsDear(Slow):
    """From one training on it is far slower than those before foretell."""

    def __init__(self, clock: Clock, s_per_item: float, then: float, at: int) -> None:
        super().__init__(clock, s_per_item)
        self.then, self.at = then, at

    def train(self, *args: Any, **rest: Any) -> Any:
        if len(self.trainings) + 1 >= self.at:
            self.s_per_item = self.then
        return super().train(*args, **rest)


@pytest.mark.parametrize("at", [2, 3])
def test_a_later_training_that_outruns_its_forecast_is_stopped(
    tmp_path: Path, hopeless: Blobs, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    clock = Clock()
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    result = run(tmp_path / "run", hopeless, GetsDear(clock, 1.0, 2_000.0, at))
    summary = result.summary
    assert summary.training_cost_usd <= 8.0
    assert summary.total_cost_usd <= 88.0
    with Store.open(tmp_path / "run", read_only=True) as store:
        stopped = [run.round for run in store.runs() if run.status == "interrupted"]
        ended = store.actions()[-1]
    assert stopped == [at - 1]
    assert ended.round == at - 1
    assert np.mean(result.labels != hopeless.truth) <= 0.05


def test_the_model_before_a_stopped_training_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that saves much lets training cost as much, and no more."""
    clock, world = Clock(), make_blobs(4000, 2.0)
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    candidate = GetsDear(clock, 1.0, 50_000.0, 2)
    result = run(tmp_path / "run", world, candidate)
    assert result.summary.n_machine > 0
    assert result.summary.total_cost_usd <= 1.1 * result.summary.human_only_cost_usd
    assert np.mean(result.labels != world.truth) <= 0.05
    with Store.open(tmp_path / "run", read_only=True) as store:
        (kept,) = [action for action in store.actions() if action.name == "collapse"]
        (audit,) = [action for action in store.actions() if action.name == "audit"]
        curves = read_curves(store, candidate.name)
    assert kept.details == {"classifier": candidate.name, "model_round": 0}
    assert kept.reason.endswith("its model of round 0 stands in")
    assert "more than" in audit.reason
    assert curves is not None
    assert curves.n_train.tolist() == [40], "the report keeps what was measured"


def test_a_kill_after_a_training_was_stopped_comes_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, world = Clock(), make_blobs(4000, 2.0)
    monkeypatch.setattr("mcal.campaign.training.time", clock)
    whole = run(tmp_path / "whole", world, GetsDear(clock, 1.0, 50_000.0, 2))
    settings = Settings(prices=PriceSettings(), plan=RULES)
    parts: dict[str, Any] = {"pool": world.pool, "annotator": world.oracle()}
    folder = tmp_path / "killed"
    first = GetsDear(clock, 1.0, 50_000.0, 2)
    with (
        monkeypatch.context() as patch,
        Campaign.create(folder, settings=settings, classifiers=[first], **parts) as campaign,
    ):
        patch.setattr(Models, "record_stopped", _killed)
        with pytest.raises(KeyboardInterrupt):
            campaign.run()
    again = GetsDear(clock, 50_000.0, 50_000.0, 1)
    with Campaign.open(folder, classifiers=[again], **parts) as campaign:
        result = campaign.run()
    assert result is not None
    np.testing.assert_array_equal(result.labels, whole.labels)
    np.testing.assert_array_equal(result.sources, whole.sources)


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_where_nothing_is_left_no_run_begins(tmp_path: Path, easy: Blobs) -> None:
    """A fixed cost above the limit: known before."""
    candidate = NearestMean()
    run(tmp_path / "run", easy, candidate, fixed_cost_per_training=17.0)
    assert candidate.trainings == []
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert store.runs() == []
        (decided,) = [action for action in store.actions() if action.name == "people"]
    assert decided.reason.startswith("nothing is left to train nearest-mean/fake with")


# -- rare classes ------------------------------------------------------------------------------


def long_tailed(n_pool: int, spread: float, seed: int = 0) -> Blobs:
    """Ten classes, the commonest 50 times as common as the rarest."""
    rng = np.random.default_rng(seed)
    share = 50.0 ** -(np.arange(10) / 9.0)
    truth = rng.choice(10, n_pool, p=share / share.sum())
    centers = rng.normal(size=(10, 6)) * 2
    x = centers[truth] + spread * rng.normal(size=(n_pool, 6))
    return Blobs(EmbeddingPool(x.astype(np.float32), tuple(f"class {c}" for c in range(10))), truth)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_tail_keeps_the_promise_for_less_than_people_alone(
    tmp_path: Path, seed: int
) -> None:
    world = long_tailed(4000, 1.0, seed)
    first = np.bincount(world.truth, minlength=10)
    assert first[0] > 20 * first[9]
    result = run(tmp_path / "run", world, NearestMean())
    assert np.mean(result.labels != world.truth) <= 0.05
    assert result.summary.total_cost_usd < 0.8 * result.summary.human_only_cost_usd


def test_a_class_that_no_training_ever_sees_is_within_the_promise(tmp_path: Path) -> None:
    """1 % of the items are of a class that 40 first ones lack, and that doubt does not find."""
    world = long_tailed(4000, 0.7, 1)
    result = run(tmp_path / "run", world, NearestMean())
    with Store.open(tmp_path / "run", read_only=True) as store:
        batches = [b for b in store.batches() if b.purpose == "train"]
        bought = np.concatenate([store.batch_indices(b.batch_id) for b in batches])
    assert not np.any(world.truth[bought] == 9)
    assert np.mean(result.labels != world.truth) <= 0.05
    assert result.summary.n_machine > 0.6 * 4000


def test_errors_of_a_rare_class_show_in_its_interval(tmp_path: Path) -> None:
    """A classifier that takes the rarest class for the commonest: most labels are right all the
    same, and the report of the commonest says that some of its labels are not."""

    class Blind(NearestMean):
        def train(self, pool: Any, indices: Any, labels: Any, **rest: Any) -> Any:
            model = super().train(pool, indices, labels, **rest)
            model.means[9] = 1e3
            return model

    world = long_tailed(4000, 0.5, 2)
    result = run(tmp_path / "run", world, Blind())
    assert np.mean(result.labels != world.truth) <= 0.05
    machine = result.sources == "machine"
    assert not np.any(result.labels[machine] == 9)
    with Store.open(tmp_path / "run", read_only=True) as store:
        found = store.actions()[-1].details["classes"]
    for label, low, high in zip(found["label"], found["low"], found["high"], strict=True):
        wrong = np.mean(world.truth[machine & (result.labels == label)] != label)
        assert low <= wrong <= high
