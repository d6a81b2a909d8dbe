"""Which model a campaign's trainings begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean, NearestMeanModel, make_blobs
from mcal.campaign import Campaign
from mcal.campaign.facts import COLLAPSE
from mcal.campaign.training import Trainer, TrainingSpec, checkpoints_of
from mcal.settings import PlanSettings, PriceSettings, Settings
from mcal.store import Store
from mcal.types import Event, IndexArray, Pool, Progress, no_progress

SETTINGS = Settings(
    target_error=0.02,
    prices=PriceSettings(gpu_usd_per_hour=0.0),
    plan=PlanSettings(replicas=20),
)


class Killed(Exception):
    pass


class WarmMean(NearestMean):
    """Notes how many labels each training was on, and the model that it began with, if any."""

    warm_start = True

    def __init__(self, name: str = "nearest-mean/warm") -> None:
        super().__init__(name)
        self.began_with: list[tuple[int, bytes | None]] = []

    def train(self, *args: Any, **kwargs: Any) -> NearestMeanModel:
        model = super().train(*args, **kwargs)
        self.began_with.append((self.trainings[-1], None))
        return model

    def train_from(
        self,
        former: NearestMeanModel,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> NearestMeanModel:
        model = super().train(pool, indices, labels, seed=seed, progress=progress)
        self.began_with.append((indices.size, former.means.tobytes()))
        return model


@pytest.fixture
def hard() -> Blobs:
    return make_blobs(3000, 2.2)


def run(folder: Path, world: Blobs, classifier: NearestMean, told: Any = None) -> Any:
    parts: Any = {
        "pool": world.pool,
        "annotator": world.oracle(),
        "classifiers": [classifier],
    }
    if Store.exists(folder):
        campaign = Campaign.open(folder, **parts)
    else:
        campaign = Campaign.create(folder, settings=SETTINGS, **parts)
    with campaign:
        return campaign.run(told)


def means_of(world: Blobs, indices: IndexArray) -> bytes:
    return NearestMean().train(world.pool, indices, world.truth[indices], seed=0).means.tobytes()


def trained_on(folder: Path) -> list[IndexArray]:
    """The training sets of the rounds that finished."""
    with Store.open(folder, read_only=True) as store:
        rounds = sorted({r.round for r in store.runs() if r.status == "finished"})
        return [store.labels("train", r).indices for r in rounds]


def test_each_training_begins_with_the_model_before(tmp_path: Path, hard: Blobs) -> None:
    classifier = WarmMean()
    run(tmp_path / "c", hard, classifier)
    sets = trained_on(tmp_path / "c")
    assert len(sets) >= 3
    expected = [None, *(means_of(hard, each) for each in sets[:-1])]
    assert classifier.began_with == [
        (each.size, before) for each, before in zip(sets, expected, strict=True)
    ]


def test_who_does_not_start_warm_is_given_nothing(tmp_path: Path, hard: Blobs) -> None:
    classifier = WarmMean()
    classifier.warm_start = False
    run(tmp_path / "c", hard, classifier)
    assert {before for _, before in classifier.began_with} == {None}
    assert len(classifier.began_with) >= 3


@pytest.mark.parametrize("phase", ["train", "score", "plan", "decide"])
def test_a_killed_round_begins_with_the_same_model(phase: str, tmp_path: Path, hard: Blobs) -> None:
    whole = WarmMean()
    run(tmp_path / "whole", hard, whole)

    killed, seen = WarmMean(), []

    def kill(event: Event) -> None:
        seen.append(event.phase)
        if seen.count(phase) in (3, 4):  # after the first round, and once more
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            run(tmp_path / "killed", hard, killed, kill)
    run(tmp_path / "killed", hard, killed)
    # A training that was killed before it was kept is begun again, with the same model.
    assert set(killed.began_with) == set(whole.began_with)
    kept = [
        sorted(p.name for p in checkpoints_of(tmp_path / f).iterdir()) for f in ("whole", "killed")
    ]
    assert kept[0] == kept[1]


def test_lost_models_are_made_again_from_the_first(tmp_path: Path, hard: Blobs) -> None:
    """Not from scratch: another model than the one that was measured would label."""
    whole = WarmMean()
    run(tmp_path / "whole", hard, whole)
    classifier, rounds = WarmMean(), []

    def lose(event: Event) -> None:
        if event.phase == "decide":
            rounds.append(event)
            if len(rounds) == 3:
                for path in checkpoints_of(tmp_path / "c").iterdir():
                    path.unlink()
                raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "c", hard, classifier, lose)
    before = list(classifier.began_with)
    assert before == whole.began_with[: len(before)]
    run(tmp_path / "c", hard, classifier)
    assert classifier.began_with == [*before, *whole.began_with]
    kept = [{p.name for p in checkpoints_of(tmp_path / f).iterdir()} for f in ("whole", "c")]
    assert kept[0] <= kept[1]


def test_models_that_began_otherwise_are_never_taken_for_each_other(
    tmp_path: Path, hard: Blobs
) -> None:
    trainer = Trainer(None, hard.pool, tmp_path, SETTINGS.prices, "margin")  # type: ignore[arg-type]
    few, more = np.arange(5), np.arange(9)
    first, other = TrainingSpec(0, 1, few, few % 4), TrainingSpec(0, 1, few, few % 3)
    specs = [TrainingSpec(1, 2, more, more % 4, former) for former in (None, first, other)]
    specs.append(TrainingSpec(1, 2, more, more % 4, TrainingSpec(0, 3, few, few % 4)))
    assert len({trainer.checkpoint("a/fast-warm", spec) for spec in specs}) == 4


def test_candidates_begin_with_their_own_and_the_test_set_may_teach_last(
    tmp_path: Path, hard: Blobs
) -> None:
    settings = SETTINGS.model_copy(
        update={"plan": SETTINGS.plan.model_copy(update={"fold_test": True}), "target_error": 0.05}
    )
    one, other = WarmMean("one/warm"), WarmMean("other/warm")
    with Campaign.create(
        tmp_path / "c",
        pool=hard.pool,
        annotator=hard.oracle(),
        classifiers=[one, other],
        settings=settings,
    ) as campaign:
        result = campaign.run()
    assert result is not None
    sets = trained_on(tmp_path / "c")
    for classifier in (one, other):
        began = classifier.began_with
        assert began[0][1] is None
        for at, (_, before) in enumerate(began[1 : len(sets)], start=1):
            assert before == means_of(hard, sets[at - 1])
    assert result.labels.size == hard.pool.n_pool


class Collapses(WarmMean):
    def train_from(self, *args: Any, **kwargs: Any) -> NearestMeanModel:
        model = super().train_from(*args, **kwargs)
        if len(self.began_with) == 3:
            model.means = np.roll(model.means, 1, axis=0)
        return model


def test_after_a_collapse_the_last_good_model_is_gone_on_with(tmp_path: Path) -> None:
    world = make_blobs(4000, 2.2)
    classifier = Collapses()
    run(tmp_path / "c", world, classifier)
    with Store.open(tmp_path / "c", read_only=True) as store:
        collapsed = [a.round for a in store.actions() if a.name == COLLAPSE]
    assert collapsed == [2]
    good = means_of(world, trained_on(tmp_path / "c")[1])
    assert [before for _, before in classifier.began_with[2:4]] == [good, good]
