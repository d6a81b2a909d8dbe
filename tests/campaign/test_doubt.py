"""Whole campaigns of models that state their doubt by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.campaign import Campaign
from mcal.settings import CertificateSettings, PriceSettings, Settings
from mcal.store import Store

pytest.importorskip("torch")

from mcal.classifiers.ensemble import Ensemble
from mcal.classifiers.learned import CrossFitted

FREE = PriceSettings(gpu_usd_per_hour=0.0)


def run(folder: Path, world: Blobs, *classifiers: Any, **options: Any) -> Any:
    settings = Settings(prices=FREE, **options)
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=list(classifiers),
        settings=settings,
    ) as campaign:
        return campaign.run()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"certificate": CertificateSettings(kind="weighted")},
        {"certificate": CertificateSettings(kind="none")},
        {"target": "machine"},
        {"preset": "paper"},
        {"budget_usd": 60.0},
        {"selection": "k_center"},
    ],
    ids=str,
)
def test_every_kind_of_campaign_ends_and_says_what_it_ranked_by(
    tmp_path: Path, easy: Blobs, options: dict[str, Any]
) -> None:
    result = run(tmp_path / "run", easy, CrossFitted(NearestMean(), 3), **options)
    wrong = result.labels != easy.truth
    assert not wrong[result.sources != "machine"].any()
    if "budget_usd" not in options:
        assert np.mean(wrong) <= 0.05
    assert result.summary.n_machine > 0
    machine = result.confidence[result.sources == "machine"]
    assert ((machine >= 0) & (machine <= 1)).all()
    with Store.open(tmp_path / "run", read_only=True) as store:
        plans, ranking = store.estimates("plan"), store.ranking()
    assert {plan.payload["ranked_by"] for plan in plans} == {"doubt"}
    if ranking is not None:
        assert ranking.classifier == "nearest-mean/fake-x3-learned"
        assert (np.diff(ranking.deficit) >= 0.0).all()


def test_candidates_that_rank_differently_race(tmp_path: Path, easy: Blobs) -> None:
    candidates = [NearestMean(), Ensemble(NearestMean(), 2), CrossFitted(NearestMean(), 2)]
    result = run(tmp_path / "run", easy, *candidates)
    assert np.mean(result.labels != easy.truth) <= 0.05
    with Store.open(tmp_path / "run", read_only=True) as store:
        plans = store.estimates("plan", round=0)
    found = {plan.classifier: plan.payload["ranked_by"] for plan in plans}
    assert found == {
        "nearest-mean/fake": "margin",
        "nearest-mean/fake-x2": "margin",
        "nearest-mean/fake-x2-learned": "doubt",
    }
    kept = [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]
    assert kept


def test_a_name_that_begins_like_another_keeps_its_own_checkpoints(
    tmp_path: Path, easy: Blobs
) -> None:
    """``fast-x2`` begins like ``fast``: forgetting the one's must not forget the other's."""
    from mcal.campaign.training import Trainer, TrainingSpec

    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    trainer = Trainer(None, easy.pool, folder, FREE, "margin")  # type: ignore[arg-type]
    nothing = np.empty(0, np.int64)
    paths = {
        (name, round_): trainer.checkpoint(name, TrainingSpec(round_, 0, nothing, nothing))
        for name in ("a/fast", "a/fast-x2", "a/[fast]")
        for round_ in (0, 1)
    }
    for path in paths.values():
        path.touch()
    trainer.forget_before("a/fast", 1)
    trainer.forget_before("a/[fast]", 1)
    assert {key for key, path in paths.items() if path.exists()} == {
        ("a/fast", 1),
        ("a/[fast]", 1),
        ("a/fast-x2", 0),
        ("a/fast-x2", 1),
    }


class StopsOnce(NearestMean):
    """Its ``at``-th training is killed."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def train(self, *arguments: Any, **options: Any) -> Any:
        self.at -= 1
        if self.at == 0:
            raise KeyboardInterrupt
        return super().train(*arguments, **options)


def test_what_a_killed_process_has_half_written_is_swept(tmp_path: Path, easy: Blobs) -> None:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / ".000-a.pt.77.partial").touch()
    (folder / "frozen-1.npy.partial").touch()  # what another may go on with
    run(tmp_path / "run", easy, NearestMean())
    left = [path.name for path in folder.glob("*.partial")]
    assert left == ["frozen-1.npy.partial"]


@pytest.mark.parametrize("kind", [Ensemble, CrossFitted])
def test_killed_between_members_it_goes_on_and_buys_nothing_twice(
    tmp_path: Path, easy: Blobs, kind: Any
) -> None:
    undisturbed = run(tmp_path / "whole", easy, kind(NearestMean(), 3))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", easy, kind(StopsOnce(5), 3))  # the second member of round 1
    folder = tmp_path / "run" / "checkpoints"
    assert len(list(folder.iterdir())) == 1  # round 0's, and no part of another
    candidates = [kind(NearestMean(), 3)]
    with Campaign.open(
        tmp_path / "run", pool=easy.pool, annotator=easy.oracle(), classifiers=candidates
    ) as campaign:
        result = campaign.run()
    assert result is not None
    np.testing.assert_array_equal(result.labels, undisturbed.labels)
    np.testing.assert_array_equal(result.sources, undisturbed.sources)
    with Store.open(tmp_path / "run", read_only=True) as store:
        stopped = [run.round for run in store.runs() if run.status != "finished"]
    assert stopped == [1]
