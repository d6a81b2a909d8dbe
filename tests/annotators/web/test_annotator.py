from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import inbox
from mcal.annotators.web import WebAnnotator
from mcal.annotators.web.desk import Desk
from mcal.errors import AnnotatorError
from mcal.testing.annotators import AnnotatorContract
from mcal.types import Annotator, Batch, Purpose

BATCH = Batch("b-1", Purpose.TRAIN, 0, np.array([7, 3]), ("seven", "three"), ("cat", "dog"))


class TestWeb(AnnotatorContract):
    knows_people = True

    def make_annotator(self, world: Path) -> Annotator:
        return WebAnnotator(world, undo_s=0.0)

    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        self.answer_as(world, batch, ticket, "anna", labels)

    def answer_as(
        self, world: Path, batch: Batch, ticket: str, person: str, labels: Mapping[int, int]
    ) -> None:
        """Label what the page gives out."""
        desk = Desk(WebAnnotator(world).inbox)
        while items := [i for i in desk.take(person, 100) if i.index in labels]:
            for item in items:
                assert desk.say(item.order, item.index, labels[item.index], person)

    def n_ordered(self, world: Path) -> int | None:
        return sum(order.batch.indices.size for order in WebAnnotator(world).inbox.orders())


class Clock:
    """Stands for the time at which the inbox writes and collects."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self, zone: object) -> datetime:
        return self.moment

    def passes(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(inbox, "datetime", found)
    return found


def test_an_answer_stays_with_its_person_for_a_while(tmp_path: Path, clock: Clock) -> None:
    annotator = WebAnnotator(tmp_path, undo_s=60.0)
    ticket, desk = annotator.submit(BATCH), Desk(annotator.inbox)
    desk.say(1, 7, 1, "ann")
    clock.passes(59.0)
    assert not annotator.collect(BATCH, ticket).indices.size
    assert desk.take_back("ann") is not None
    desk.say(1, 7, 0, "ann")
    clock.passes(60.0)
    assert annotator.collect(BATCH, ticket).labels.tolist() == [0]
    assert desk.take_back("ann") is None


def test_a_whole_batch_is_handed_over_soon(tmp_path: Path, clock: Clock) -> None:
    annotator = WebAnnotator(tmp_path, undo_s=60.0)
    ticket, desk = annotator.submit(BATCH), Desk(annotator.inbox)
    desk.say(1, 7, 1, "ann")
    assert not annotator.is_ready()
    desk.say(1, 3, 1, "ann")
    assert annotator.is_ready()
    clock.passes(9.0)
    assert not annotator.collect(BATCH, ticket).complete
    clock.passes(1.0)
    assert annotator.collect(BATCH, ticket).complete
    assert not annotator.is_ready()


def test_a_clock_that_was_set_back_holds_nothing_for_hours(tmp_path: Path, clock: Clock) -> None:
    annotator = WebAnnotator(tmp_path, undo_s=60.0)
    ticket = annotator.submit(BATCH)
    Desk(annotator.inbox).say(1, 7, 1, "ann")
    clock.passes(-3600.0)
    assert annotator.collect(BATCH, ticket).indices.tolist() == [7]


def test_people_are_told_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "my campaign"
    first, second = WebAnnotator(folder).to_do({"b-1": 1000, "b-2": 234})
    assert first.startswith("items to label: 1,234")
    assert second.strip() == f"mcal label '{folder}'"
    assert not folder.exists()


def test_an_order_nobody_gave_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="knows no order b-1; was it moved"):
        WebAnnotator(tmp_path).collect(BATCH, "b-1")


def test_time_does_not_run_backwards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^undo_s: expected >= 0, found -1"):
        WebAnnotator(tmp_path, undo_s=-1.0)
