import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mcal.annotators.inbox import Inbox
from mcal.annotators.web.desk import Desk, Item, OrderProgress
from mcal.types import NO_LABEL, Batch, Purpose


def batch(batch_id: str, indices: list[int], n_judgements: int = 1) -> Batch:
    names = tuple(f"item {index}" for index in indices)
    rows = np.array(indices, np.int64)
    return Batch(batch_id, Purpose.TRAIN, 1, rows, names, ("cat", "dog"), n_judgements)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "inbox")


@pytest.fixture
def desk(inbox: Inbox, clock: Clock) -> Iterator[Desk]:
    return Desk(inbox, lease_s=60.0, clock=clock)


def shown(desk: Desk, person: str, n: int = 2) -> list[int]:
    return [item.index for item in desk.take(person, n)]


def test_each_item_is_shown_to_one_person(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7, 3, 5]))
    assert desk.take("ann", 2) == [Item(1, 7, "item 7"), Item(1, 3, "item 3")]
    assert shown(desk, "ann") == [7, 3]
    assert shown(desk, "bob") == [5]
    assert shown(desk, "cem") == []


def test_as_many_people_as_were_ordered_see_an_item(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7], n_judgements=2))
    assert [shown(desk, person) for person in ("ann", "bob", "cem")] == [[7], [7], []]
    assert desk.say(1, 7, 0, "ann")
    assert [shown(desk, person) for person in ("ann", "bob", "cem")] == [[], [7], []]


def test_older_batches_come_first_and_the_next_follows(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7]))
    inbox.order(batch("b-2", [3, 5]))
    assert shown(desk, "ann", 2) == [7, 3]
    assert desk.say(1, 7, 0, "ann")
    assert shown(desk, "ann", 2) == [3, 5]


def test_who_left_does_not_block_the_batch(inbox: Inbox, desk: Desk, clock: Clock) -> None:
    inbox.order(batch("b-1", [7, 3]))
    shown(desk, "ann")
    clock.now_s += 59.0
    assert shown(desk, "bob") == []
    clock.now_s += 2.0
    assert shown(desk, "bob") == [7, 3]
    assert shown(desk, "ann") == []  # lost, not held twice
    assert desk.say(1, 7, 0, "ann")  # late, and still the first
    assert not desk.say(1, 7, 1, "bob")


def test_asking_again_keeps_the_items(inbox: Inbox, desk: Desk, clock: Clock) -> None:
    inbox.order(batch("b-1", [7, 3]))
    for _ in range(5):
        assert shown(desk, "ann") == [7, 3]
        clock.now_s += 40.0
    clock.now_s += 100.0  # run out, but nobody else came
    assert shown(desk, "ann") == [7, 3]


def test_a_clock_that_was_set_back_holds_nothing_for_hours(
    inbox: Inbox, desk: Desk, clock: Clock
) -> None:
    inbox.order(batch("b-1", [7]))
    shown(desk, "ann")
    clock.now_s -= 3600.0
    assert shown(desk, "bob") == [7]


def test_nobody_sees_an_item_twice_in_whatever_orders(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7], n_judgements=2))
    desk.say(1, 7, 0, "ann")
    desk.say(1, 7, 1, "bob")
    inbox.order(batch("b-1~3", [7]))  # they differ: a third is asked
    assert [shown(desk, person) for person in ("ann", "bob", "cem")] == [[], [], [7]]


def test_a_skipped_item_goes_to_others_and_comes_again_last(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7, 3]))
    shown(desk, "ann")
    desk.skip(1, 7, "ann")
    assert shown(desk, "ann", 1) == [3]
    desk.say(1, 3, 0, "ann")
    assert shown(desk, "ann") == [7]
    desk.skip(1, 7, "ann")
    assert shown(desk, "bob") == [7]
    assert shown(desk, "ann") == []


def test_skipped_items_take_turns(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7, 3]))
    seen = []
    for _ in range(6):
        (index,) = shown(desk, "ann", 1)
        desk.skip(1, index, "ann")
        seen.append(index)
    assert seen == [7, 3, 7, 3, 7, 3]


def test_what_was_said_last_is_taken_back_and_shown_again(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7, 3, 5]))
    shown(desk, "ann")
    desk.say(1, 7, 0, "ann")
    desk.say(1, 3, NO_LABEL, "ann")
    desk.say(1, 5, 1, "bob")
    assert desk.take_back("ann") == (Item(1, 3, "item 3"), NO_LABEL)
    assert shown(desk, "bob") == []
    assert shown(desk, "ann") == [3]
    assert desk.take_back("ann") == (Item(1, 7, "item 7"), 0)
    assert desk.take_back("ann") is None
    assert [p.n_judged for p in desk.progress()] == [1]


def test_what_was_collected_is_not_taken_back_nor_what_came_before(
    inbox: Inbox, desk: Desk
) -> None:
    inbox.order(batch("b-1", [7, 3]))
    inbox.order(batch("b-2", [5]))
    desk.say(1, 7, 0, "ann")
    desk.say(2, 5, 0, "ann")
    inbox.collect("b-2")
    assert desk.take_back("ann") is None


def test_an_answer_that_is_sent_again_is_taken_once(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7, 3]))
    assert desk.say(1, 7, 1, "ann")
    assert desk.say(1, 7, 1, "ann")
    assert not desk.say(1, 7, 0, "ann")
    assert inbox.collect("b-1").labels.tolist() == [1]


def test_progress_counts_judgements(inbox: Inbox, desk: Desk) -> None:
    assert desk.progress() == []
    inbox.order(batch("b-1", [7, 3], n_judgements=2))
    desk.say(1, 7, 1, "ann")
    assert desk.progress() == [OrderProgress(1, Purpose.TRAIN, 1, 1, 4)]
    assert (desk.n_said("ann"), desk.n_said("bob")) == (1, 0)
    desk.say(1, 7, 1, "bob")
    desk.say(1, 3, 1, "ann")
    desk.say(1, 3, 1, "bob")
    assert desk.progress() == [OrderProgress(1, Purpose.TRAIN, 1, 4, 4)]
    inbox.order(batch("b-2", [5]))
    assert [p.order for p in desk.progress()] == [2]


def test_what_makes_no_sense_is_refused(inbox: Inbox, desk: Desk) -> None:
    inbox.order(batch("b-1", [7]))
    with pytest.raises(ValueError, match="order: expected the number of an order, found 9"):
        desk.say(9, 7, 0, "ann")
    with pytest.raises(ValueError, match="index: expected an item of b-1, found 8"):
        desk.say(1, 8, 0, "ann")
    with pytest.raises(ValueError, match="index: expected an item of order 1, found 8"):
        desk.skip(1, 8, "ann")
    assert (desk.has(1, 7), desk.has(1, 8), desk.has(2, 7)) == (True, False, False)


@pytest.mark.parametrize("n_judgements", [1, 2])
def test_two_people_finish_a_batch_whatever_they_do(
    inbox: Inbox, desk: Desk, clock: Clock, n_judgements: int
) -> None:
    """Against the only rule that counts: everything judged as often as ordered, nothing twice."""
    rng = np.random.default_rng(n_judgements)
    inbox.order(batch("b-1", list(range(30)), n_judgements))
    inbox.order(batch("b-2", list(range(30, 40)), n_judgements))
    for _ in range(2000):
        person = ("ann", "bob")[rng.integers(2)]
        clock.now_s += float(rng.choice([1.0, 1.0, 1.0, 50.0, 200.0]))
        items = desk.take(person, 3)
        if items:
            item = items[0]
            match rng.integers(6):
                case 0:
                    desk.skip(item.order, item.index, person)
                case 1:
                    desk.take_back(person)
                case _:
                    desk.say(item.order, item.index, int(rng.integers(2)), person)
        if not any(p.n_judged < p.n_ordered for p in desk.progress()):
            break
    for batch_id, indices in (("b-1", range(30)), ("b-2", range(30, 40))):
        found = inbox.collect(batch_id)
        assert found.indices.tolist() == [i for i in indices for _ in range(n_judgements)]
        said = list(zip(found.indices.tolist(), found.people, strict=True))
        assert len(set(said)) == len(said)


def test_a_pick_does_not_read_the_batch(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in hundreds of SQLite's steps, not in seconds."""
    steps: list[int] = []

    @contextmanager
    def counted() -> Iterator[sqlite3.Connection]:
        with writing() as db:
            steps.append(0)

            def count() -> None:
                steps[-1] += 1

            db.set_progress_handler(count, 100)
            yield db

    writing, desk, picks = inbox.writing, Desk(inbox), []
    monkeypatch.setattr(inbox, "writing", counted)
    for n in (100, 10_000):
        inbox.order(batch(f"b-{n}", list(range(n))))
        with writing() as db:  # all but the last few are judged
            db.execute(
                'INSERT INTO judgements ("order", item, person, label, said_at)'
                ' SELECT "order", item, ?, 0, "2026" FROM order_items'
                ' WHERE position < ? AND "order" = (SELECT MAX(id) FROM orders)',
                (f"before {n}", n - 8),
            )
        items = desk.take(f"now {n}", 8)
        picks.append(steps[-1])
        assert len(items) == 8
        for item in items:
            desk.say(item.order, item.index, 0, f"now {n}")
    small, large = picks
    assert large <= small + 5
