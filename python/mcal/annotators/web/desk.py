"""Who is shown which item next: leases, skips and what can be taken back, over an ``Inbox``."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mcal.types import Purpose

from ..inbox import Inbox

__all__ = ["Desk", "Item", "OrderProgress"]

_FREE = """
    NOT EXISTS (SELECT 1 FROM judgements AS j WHERE j.person = :person AND j.item = i.item)
    AND NOT EXISTS (
        SELECT 1 FROM leases AS l
        WHERE l."order" = i."order" AND l.item = i.item AND l.person = :person)
    AND i.n_wanted > (
        SELECT COUNT(*) FROM leases AS l
        WHERE l."order" = i."order" AND l.item = i.item AND l.person <> :person)
"""
_NEXT = f"""
    SELECT i."order", i.item, i.name FROM order_items AS i INDEXED BY open_items
    WHERE i."order" = :order AND i.n_wanted > 0 AND i.position > :after AND i.position <= :last
    AND {_FREE}
    AND NOT EXISTS (
        SELECT 1 FROM skips AS s
        WHERE s.person = :person AND s."order" = i."order" AND s.item = i.item)
    ORDER BY i.position LIMIT :n
"""
_SKIPPED = f"""
    SELECT i."order", i.item, i.name FROM skips AS s JOIN order_items AS i USING ("order", item)
    WHERE s.person = :person AND i.n_wanted > 0 AND {_FREE}
    ORDER BY s.id LIMIT 1
"""
_HELD = """
    SELECT i."order", i.item, i.name FROM leases AS l JOIN order_items AS i USING ("order", item)
    WHERE l.person = :person AND i.n_wanted > 0
    AND NOT EXISTS (SELECT 1 FROM judgements AS j WHERE j.person = :person AND j.item = i.item)
    ORDER BY i."order", i.position
"""


@dataclass(frozen=True)
class Item:
    """An item of an order."""

    order: int
    index: int
    name: str


@dataclass(frozen=True)
class OrderProgress:
    """How far an order is."""

    order: int
    purpose: Purpose
    round: int
    n_judged: int
    n_ordered: int  # judgements


class Desk:
    """Hands items out so that nobody labels what somebody else is looking at.

    An item goes to as many people at a time as it has judgements to come. It is theirs for
    ``lease_s`` seconds from when they last asked for work; then others get it, and what comes later
    still counts if it is still wanted. Nobody is offered an item twice, in whatever orders.

    Parameters
    ----------
    inbox : Inbox
    lease_s : float
    clock : callable
        The time in seconds, the same in every process.
    """

    def __init__(
        self, inbox: Inbox, *, lease_s: float = 60.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._inbox, self._lease_s, self._clock = inbox, lease_s, clock

    def take(self, person: str, n: int) -> list[Item]:
        """The items that ``person`` has, and new ones up to ``n`` in all; renews the leases.

        Items come in the order of their batches; those that the person skipped one at a time, when
        nothing else is left. Cost: the items handed out and those that others hold, not the batch;
        once a person has judged everything in an order that waits for others, that order.
        """
        with self._inbox.reading() as db:
            if not db.execute("SELECT 1 FROM orders WHERE n_wanted > 0 LIMIT 1").fetchone():
                return []
        with self._inbox.writing() as db:
            now_s = self._clock()
            # A lease that runs too long was given before the clock was set back.
            db.execute(
                "DELETE FROM leases WHERE person <> ? AND (until_s <= ? OR until_s > ?)",
                (person, now_s, now_s + self._lease_s),
            )
            self._drop_lost(db, person)
            held = [Item(*row) for row in db.execute(_HELD, {"person": person})]
            found = held + self._new(db, person, n - len(held))
            self._lease(db, person, found, now_s)
        return found

    def person(self, browser: str) -> str:
        """Who sits at a browser: who it was first, for good, unless ``name`` says who else."""
        with self._inbox.reading() as db:
            return _person(db, browser)

    def called(self, person: str) -> str:
        """The name that ``person`` gave; empty without one."""
        with self._inbox.reading() as db:
            row = db.execute("SELECT name FROM people WHERE person = ?", (person,)).fetchone()
        return "" if row is None else str(row[0])

    def name(self, browser: str, name: str) -> str:
        """Call who sits at ``browser`` so, and return who that is.

        A name changes nobody: what a person said, and what is said from now on, has the same
        person. A browser where nothing was said yet becomes the person who has the name already;
        ``ValueError`` where something was said, for that would have been somebody else's.
        """
        with self._inbox.writing() as db:
            person = _person(db, browser)
            row = db.execute("SELECT person FROM people WHERE name = ?", (name,)).fetchone()
            if row is not None and row[0] != person:
                said = "SELECT 1 FROM judgements WHERE person = ? LIMIT 1"
                if db.execute(said, (person,)).fetchone():
                    raise ValueError(
                        f"name: {name} is somebody who labelled in another browser; "
                        "give the same name before the first label, or another name"
                    )
                db.execute("DELETE FROM leases WHERE person = ?", (person,))
                person = str(row[0])
            db.execute(
                "INSERT OR REPLACE INTO people (browser, person, name) VALUES (?, ?, ?)",
                (browser, person, name),
            )
            db.execute("UPDATE people SET name = ? WHERE person = ?", (name, person))
        return person

    def say(self, order: int, index: int, label: int, person: str) -> bool:
        """Write down a judgement; True as well when just this was said before.

        False when it is not wanted: others were faster, or the person said something else.
        ``ValueError`` when there is no such order, item or class.
        """
        if self._inbox.say(self._batch_id(order), index, label, person):
            return True
        with self._inbox.reading() as db:
            return bool(
                db.execute(
                    'SELECT 1 FROM judgements WHERE "order" = ? AND item = ? AND person = ?'
                    " AND label = ?",
                    (order, index, person, label),
                ).fetchone()
            )

    def skip(self, order: int, index: int, person: str) -> None:
        """Let others have the item; ``person`` gets it again when nothing else is left.

        ``ValueError`` when there is no such item.
        """
        if not self.has(order, index):
            raise ValueError(f"index: expected an item of order {order}, found {index}")
        with self._inbox.writing() as db:
            key = (order, index, person)
            db.execute('INSERT OR REPLACE INTO skips ("order", item, person) VALUES (?, ?, ?)', key)
            db.execute('DELETE FROM leases WHERE "order" = ? AND item = ? AND person = ?', key)

    def take_back(self, person: str) -> tuple[Item, int] | None:
        """Undo what ``person`` said last, and return the item, theirs again, with the label.

        None when that has been collected, or nothing was said.
        """
        with self._inbox.writing() as db:
            row = db.execute(
                'SELECT j.id, j.collected, j.label, i."order", i.item, i.name'
                ' FROM judgements AS j JOIN order_items AS i USING ("order", item)'
                " WHERE j.person = ? ORDER BY j.id DESC LIMIT 1",
                (person,),
            ).fetchone()
            if row is None or row[1]:
                return None
            judgement, _, label, *item = row
            db.execute("DELETE FROM judgements WHERE id = ?", (judgement,))
            found = Item(*item)
            self._lease(db, person, [found], self._clock())
        return found, label

    def progress(self) -> list[OrderProgress]:
        """Every order that waits for people, oldest first; without any the latest one."""
        columns = "id, purpose, round, n_items * n_judgements - n_wanted, n_items * n_judgements"
        with self._inbox.reading() as db:
            rows = db.execute(
                f"SELECT {columns} FROM orders WHERE n_wanted > 0 ORDER BY id"
            ).fetchall()
            rows = (
                rows
                or db.execute(f"SELECT {columns} FROM orders ORDER BY id DESC LIMIT 1").fetchall()
            )
        return [
            OrderProgress(order, Purpose(purpose), round_, n_judged, n_ordered)
            for order, purpose, round_, n_judged, n_ordered in rows
        ]

    def n_said(self, person: str) -> int:
        """How many judgements ``person`` has given."""
        with self._inbox.reading() as db:
            row = db.execute("SELECT COUNT(*) FROM judgements WHERE person = ?", (person,))
            return int(row.fetchone()[0])

    def has(self, order: int, index: int) -> bool:
        """Whether the item was ordered."""
        with self._inbox.reading() as db:
            return bool(
                db.execute(
                    'SELECT 1 FROM order_items WHERE "order" = ? AND item = ?', (order, index)
                ).fetchone()
            )

    def _batch_id(self, order: int) -> str:
        with self._inbox.reading() as db:
            row = db.execute("SELECT batch_id FROM orders WHERE id = ?", (order,)).fetchone()
        if row is None:
            raise ValueError(f"order: expected the number of an order, found {order}")
        return str(row[0])

    def _new(self, db: sqlite3.Connection, person: str, n: int) -> list[Item]:
        found: list[Item] = []
        for sql, span in _places(db, person):
            if len(found) >= n:
                break
            rows = db.execute(sql, {"person": person, "n": n - len(found), **span})
            found += [Item(*row) for row in rows]
        return found

    def _drop_lost(self, db: sqlite3.Connection, person: str) -> None:
        """Give up what others took when the person's lease had run out."""
        db.execute(
            "DELETE FROM leases AS mine WHERE person = ? AND until_s <= ? AND EXISTS ("
            ' SELECT 1 FROM order_items AS i WHERE i."order" = mine."order" AND i.item = mine.item'
            " AND i.n_wanted <= (SELECT COUNT(*) FROM leases AS l"
            ' WHERE l."order" = i."order" AND l.item = i.item AND l.person <> mine.person))',
            (person, self._clock()),
        )

    def _lease(self, db: sqlite3.Connection, person: str, items: list[Item], now_s: float) -> None:
        db.executemany(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
            [(item.order, item.index, person, now_s + self._lease_s) for item in items],
        )


def _person(db: sqlite3.Connection, browser: str) -> str:
    row = db.execute("SELECT person FROM people WHERE browser = ?", (browser,)).fetchone()
    return browser if row is None else str(row[0])


def _places(db: sqlite3.Connection, person: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Where to look for new items, best first."""
    for (order,) in db.execute("SELECT id FROM orders WHERE n_wanted > 0 ORDER BY id").fetchall():
        # From where the person is: what lies before was mostly judged by this person.
        row = db.execute(
            'SELECT i.position FROM judgements AS j JOIN order_items AS i USING ("order", item)'
            ' WHERE j.person = ? AND j."order" = ? ORDER BY j.id DESC LIMIT 1',
            (person, order),
        ).fetchone()
        here = -1 if row is None else int(row[0])
        yield _NEXT, {"order": order, "after": here, "last": 2**62}
        yield _NEXT, {"order": order, "after": -1, "last": here}
    yield _SKIPPED, {}
