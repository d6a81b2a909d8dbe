"""What people are shown of the model: in which batches, and after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from blobs import Blobs, NearestMean, make_blobs
from label_studio_fake import TOKEN, URL, FakeLabelStudio
from label_studio_people import PIXEL, People
from mcal.annotators.label_studio import LabelStudioAnnotator
from mcal.campaign import Campaign
from mcal.campaign.guesses import guesses_of
from mcal.campaign.scoring import ItemScores
from mcal.settings import LabelStudioSettings, Settings
from mcal.store import Ranking, Store
from mcal.types import NO_LABEL, Answers, Batch, IndexArray, Purpose

SHOWING = Settings(annotator=LabelStudioSettings(url=URL, project="Blobs", show_guesses=True))
HIDING = Settings(annotator=LabelStudioSettings(url=URL, project="Blobs"))


class Killed(BaseException):
    pass


class Studio:
    """Label Studio in memory, where people know the truth; ``dies_at`` kills before it is sent."""

    name = "label-studio"

    def __init__(self, truth: IndexArray, settings: Settings) -> None:
        assert isinstance(settings.annotator, LabelStudioSettings)
        self.fake, self.truth = FakeLabelStudio(), truth
        self.inner = LabelStudioAnnotator(
            settings.annotator, lambda _: PIXEL, transport=self.fake.transport
        )
        self.batches: list[Batch] = []
        self.shown: dict[str, int] = {}
        self.dies_at: Purpose | None = None
        self.dies_in_round = 0

    def submit(self, batch: Batch) -> str:
        if batch.purpose is self.dies_at and batch.round >= self.dies_in_round:
            raise Killed
        self.batches.append(batch)
        ticket = self.inner.submit(batch)
        tasks = [
            task
            for task in self.fake.tasks.values()
            if task["data"]["mcal_batch"] == batch.batch_id
        ]
        self.shown[batch.batch_id] = sum(bool(self.fake.shown(task)) for task in tasks)
        headers = {"Authorization": f"Token {TOKEN}"}
        transport = httpx.MockTransport(self.fake.answer)
        with httpx.Client(transport=transport, base_url=URL, headers=headers) as client:
            labels = {index: int(self.truth[index]) for index in batch.indices.tolist()}
            People(client).answer(batch, ticket, labels)
        return ticket

    def collect(self, batch: Batch, ticket: str) -> Answers:
        return self.inner.collect(batch, ticket)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)


@pytest.fixture(scope="module")
def world() -> Blobs:
    return make_blobs(1500, 2.0)


def run(folder: Path, world: Blobs, settings: Settings, studio: Studio) -> None:
    parts = {"pool": world.pool, "annotator": studio, "classifiers": [NearestMean()]}
    if Store.exists(folder):
        campaign = Campaign.open(folder, **parts)
    else:
        campaign = Campaign.create(folder, settings=settings, **parts)
    with campaign:
        assert campaign.run() is not None


def test_guesses_are_shown_where_nothing_is_measured(tmp_path: Path, world: Blobs) -> None:
    studio = Studio(world.truth, SHOWING)
    run(tmp_path / "run", world, SHOWING, studio)
    assert {batch.purpose for batch in studio.batches} == set(Purpose)
    n_wrong = 0
    for batch in studio.batches:
        first = batch.purpose is Purpose.TRAIN and batch.round == 0
        if batch.purpose in (Purpose.TEST, Purpose.AUDIT) or first:
            assert batch.guesses is None
            assert studio.shown[batch.batch_id] == 0
            continue
        assert batch.guesses is not None
        assert batch.guesses.labels.min() >= 0  # every item of this pool can be read
        assert studio.shown[batch.batch_id] == batch.indices.size
        chosen_in = batch.round - (batch.purpose is Purpose.TRAIN)
        assert batch.guesses.model == f"nearest-mean/fake, round {chosen_in}"
        assert 0.0 <= batch.guesses.confidence.min() <= batch.guesses.confidence.max() <= 1.0
        n_wrong += int((batch.guesses.labels != world.truth[batch.indices]).sum())
    assert n_wrong > 0
    with Store.open(tmp_path / "run", read_only=True) as store:
        told = store.labels()
    assert np.array_equal(told.labels, world.truth[told.indices])  # people's, not the model's
    carry = [task["data"] for task in studio.fake.tasks.values() if task["predictions"]]
    assert {data["mcal_batch"].split("-")[0] for data in carry} == {"train", "rest"}


def test_by_default_nobody_sees_a_guess(tmp_path: Path, world: Blobs) -> None:
    studio = Studio(world.truth, HIDING)
    run(tmp_path / "run", world, HIDING, studio)
    assert all(batch.guesses is None for batch in studio.batches)
    assert not any(task["predictions"] for task in studio.fake.tasks.values())
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert all(store.guesses(batch.batch_id) is None for batch in store.batches())


@pytest.mark.parametrize(("purpose", "round_"), [(Purpose.TRAIN, 1), (Purpose.REST, 0)])
def test_a_kill_before_a_batch_is_sent_keeps_its_guesses(
    tmp_path: Path, world: Blobs, purpose: Purpose, round_: int
) -> None:
    studio = Studio(world.truth, SHOWING)
    studio.dies_at, studio.dies_in_round = purpose, round_
    with pytest.raises(Killed):
        run(tmp_path / "run", world, SHOWING, studio)
    with Store.open(tmp_path / "run", read_only=True) as store:
        last = store.batches()[-1]
        recorded = store.guesses(last.batch_id)
    assert (last.purpose, last.ticket) == (purpose, None)
    assert recorded is not None

    studio.dies_at = None
    run(tmp_path / "run", world, SHOWING, studio)
    (sent,) = (batch for batch in studio.batches if batch.batch_id == last.batch_id)
    assert sent.guesses is not None
    assert sent.guesses.labels.tolist() == recorded.labels.tolist()
    assert sent.guesses.confidence.tolist() == recorded.confidence.tolist()
    assert studio.shown[last.batch_id] == sent.indices.size


def test_after_a_kill_the_rest_has_what_the_ranking_kept(tmp_path: Path, world: Blobs) -> None:
    studio = Studio(world.truth, SHOWING)
    studio.dies_at = Purpose.AUDIT  # after it, the process that has the scores is gone
    with pytest.raises(Killed):
        run(tmp_path / "run", world, SHOWING, studio)
    studio.dies_at = None
    run(tmp_path / "run", world, SHOWING, studio)
    (rest,) = (batch for batch in studio.batches if batch.purpose is Purpose.REST)
    with Store.open(tmp_path / "run", read_only=True) as store:
        ranking = store.ranking()
        n_trained = len(store.runs())
        n_rounds = len({(run.round, run.n_train) for run in store.runs()})
    assert n_trained == n_rounds  # nothing was scored again to be shown
    kept = np.isin(rest.indices, ranking.indices)
    if rest.guesses is None:
        assert not kept.any()
    else:
        assert np.array_equal(rest.guesses.labels != NO_LABEL, kept)


# -- the pure part ---------------------------------------------------------------------------------


def test_guesses_are_found_in_any_order() -> None:
    ranking = Ranking(
        np.array([9, 2, 7]), np.array([1, 0, 2]), np.array([0.0, 0.25, 1.0]), "net", 3
    )
    found = guesses_of(np.array([7, 1, 9, 30, 2]), ranking, "net")
    assert found is not None
    assert found.labels.tolist() == [2, NO_LABEL, 1, NO_LABEL, 0]
    assert found.confidence.tolist() == [0.0, 0.0, 1.0, 0.0, 0.75]
    assert found.model == "net"


@pytest.mark.parametrize("wanted", [np.array([3, 8]), np.array([], np.int64)])
@pytest.mark.parametrize("n_said", [0, 3])
def test_where_nothing_is_known_there_are_no_guesses(wanted: IndexArray, n_said: int) -> None:
    every = ItemScores(
        np.array([2, 5, 9])[:n_said], np.zeros(n_said, np.int64), np.zeros(n_said), np.zeros(0)
    )
    assert guesses_of(wanted, every, "net") is None
    assert guesses_of(wanted, replace(every, engine="cuda"), "net") is None
