import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mcal.annotators.inbox import Inbox
from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL, Batch, Judgements, Purpose


def batch(batch_id: str = "b-1", n_judgements: int = 1) -> Batch:
    names = ("seven", "drei", "五")
    indices = np.array([7, 3, 5])
    return Batch(batch_id, Purpose.TRAIN, 2, indices, names, ("cat", "dog"), n_judgements)


def rows(found: Judgements) -> list[tuple[int, int, str]]:
    indices, labels = found.indices.tolist(), found.labels.tolist()
    return list(zip(indices, labels, found.people, strict=True))


def test_orders_are_as_they_were_given(tmp_path: Path) -> None:
    for _ in range(2):
        for given in (batch("b-2", 3), batch("b-1")):
            Inbox(tmp_path / "new" / "inbox").order(given)
    found = Inbox(tmp_path / "new" / "inbox").orders()
    assert [order.batch.batch_id for order in found] == ["b-2", "b-1"]
    for order, given in zip(found, (batch("b-2", 3), batch("b-1")), strict=True):
        assert order.batch.indices.tolist() == [7, 3, 5]
        assert (order.batch.item_names, order.batch.classes) == (given.item_names, given.classes)
        assert (order.batch.purpose, order.batch.round) == (Purpose.TRAIN, 2)
        assert order.batch.n_judgements == given.n_judgements


def test_another_batch_of_the_same_name_is_refused(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(batch())
    other = Batch("b-1", Purpose.TRAIN, 2, np.array([7]), ("seven",), ("cat", "dog"))
    with pytest.raises(AnnotatorError, match="another batch was ordered as b-1"):
        inbox.order(other)


def test_what_was_said_is_collected_in_the_batch_s_order(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(batch())
    assert inbox.say("b-1", 5, 1, "ann")
    assert inbox.say("b-1", 7, NO_LABEL, "bob")
    assert rows(Inbox(tmp_path / "inbox").collect("b-1")) == [(7, -1, "bob"), (5, 1, "ann")]
    assert inbox.orders()[0].n_judged == 2


def test_nobody_is_heard_more_often_than_was_ordered(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(batch(n_judgements=2))
    said = [inbox.say("b-1", 7, 0, person) for person in ("ann", "ann", "bob", "cem")]
    assert said == [True, False, True, False]
    assert rows(inbox.collect("b-1")) == [(7, 0, "ann"), (7, 0, "bob")]


def test_many_people_at_once_give_one_judgement_an_item(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(batch())

    def judge(person: int) -> int:
        return sum(inbox.say("b-1", index, person % 2, f"p{person}") for index in (7, 3, 5))

    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(judge, range(16))) == 3
    assert inbox.collect("b-1").indices.tolist() == [7, 3, 5]


def test_a_judgement_is_taken_back_until_it_is_collected(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(batch())
    inbox.say("b-1", 7, 0, "ann")
    assert not inbox.take_back("b-1", 7, "bob")
    assert inbox.take_back("b-1", 7, "ann")
    assert not inbox.take_back("b-1", 7, "ann")
    assert inbox.say("b-1", 7, 1, "ann")
    assert rows(inbox.collect("b-1")) == [(7, 1, "ann")]
    assert not inbox.take_back("b-1", 7, "ann")
    assert rows(inbox.collect("b-1")) == [(7, 1, "ann")]


@pytest.mark.parametrize(
    ("batch_id", "index", "label", "words"),
    [
        ("b-9", 7, 0, "batch_id: expected an ordered batch, found 'b-9'"),
        ("b-1", 8, 0, "index: expected an item of b-1, found 8"),
        ("b-1", 7, 2, "label: expected a class number or -1, found 2"),
        ("b-1", 7, -2, "label: expected a class number or -1, found -2"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, batch_id: str, index: int, label: int, words: str
) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(batch())
    with pytest.raises(ValueError, match=f"^{words}$"):
        inbox.say(batch_id, index, label, "ann")
    assert not inbox.collect("b-1").indices.size


def test_an_order_nobody_gave_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="knows no order b-1"):
        Inbox(tmp_path / "inbox").collect("b-1")


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "inbox"
    path.write_text("a shopping list, long enough to be told from an empty database")
    with pytest.raises(AnnotatorError, match="cannot be used"):
        Inbox(path)
    assert path.read_text().startswith("a shopping list")
    newer = tmp_path / "newer"
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(AnnotatorError, match="found 99: upgrade mcal"):
        Inbox(newer)


def test_an_inbox_from_before_people_had_names_goes_on(tmp_path: Path) -> None:
    Inbox(tmp_path / "inbox")
    with closing(sqlite3.connect(tmp_path / "inbox")) as db:
        db.execute("DROP TABLE people")
        db.execute("PRAGMA user_version = 1")
    for _ in range(2):
        with Inbox(tmp_path / "inbox").reading() as db:
            assert db.execute("SELECT COUNT(*) FROM people").fetchone() == (0,)
            assert db.execute("PRAGMA user_version").fetchone() == (2,)
