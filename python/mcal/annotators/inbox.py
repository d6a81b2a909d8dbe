"""Where orders go out and judgements come in, for annotators that mcal serves itself.

One file, used by several processes at once: a campaign orders and collects, a page or a function
judges. What was said is on disk before ``say`` returns; what was collected is never changed.
``n_wanted``, of an item and of an order, counts the judgements still to come; triggers keep it, so
that open items are found through an index, however large the order is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL, Batch, Judgements, Purpose

__all__ = ["Inbox", "Order"]

_BUSY_S = 30.0
_SCHEMA = 2
_PEOPLE = """
    CREATE TABLE people (
        browser TEXT PRIMARY KEY,
        person TEXT NOT NULL,
        name TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX people_by_person ON people (person);
    CREATE INDEX people_by_name ON people (name);
"""
_TABLES = """
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY,
        batch_id TEXT NOT NULL UNIQUE,
        purpose TEXT NOT NULL,
        round INTEGER NOT NULL,
        classes TEXT NOT NULL,
        n_judgements INTEGER NOT NULL CHECK (n_judgements >= 1),
        n_items INTEGER NOT NULL,
        n_wanted INTEGER NOT NULL CHECK (n_wanted >= 0),
        ordered_at TEXT NOT NULL
    );
    CREATE TABLE order_items (
        "order" INTEGER NOT NULL REFERENCES orders,
        position INTEGER NOT NULL,
        item INTEGER NOT NULL CHECK (item >= 0),
        name TEXT NOT NULL,
        n_wanted INTEGER NOT NULL CHECK (n_wanted >= 0),
        PRIMARY KEY ("order", item)
    ) WITHOUT ROWID;
    CREATE INDEX items_in_order ON order_items ("order", position);
    CREATE INDEX open_items ON order_items ("order", position) WHERE n_wanted > 0;
    CREATE TABLE judgements (
        id INTEGER PRIMARY KEY,
        "order" INTEGER NOT NULL,
        item INTEGER NOT NULL,
        person TEXT NOT NULL,
        label INTEGER NOT NULL CHECK (label >= -1),
        said_at TEXT NOT NULL,
        collected INTEGER NOT NULL DEFAULT 0,
        UNIQUE ("order", item, person),
        FOREIGN KEY ("order", item) REFERENCES order_items
    );
    CREATE INDEX said_by ON judgements (person);
    CREATE INDEX said_in_order_by ON judgements (person, "order");
    CREATE INDEX said_about_by ON judgements (person, item);
    CREATE INDEX not_collected ON judgements ("order") WHERE NOT collected;
    CREATE TABLE leases (
        "order" INTEGER NOT NULL,
        item INTEGER NOT NULL,
        person TEXT NOT NULL,
        until_s REAL NOT NULL,
        PRIMARY KEY ("order", item, person),
        FOREIGN KEY ("order", item) REFERENCES order_items
    ) WITHOUT ROWID;
    CREATE INDEX leases_of_a_person ON leases (person);
    CREATE TABLE skips (
        id INTEGER PRIMARY KEY,
        "order" INTEGER NOT NULL,
        item INTEGER NOT NULL,
        person TEXT NOT NULL,
        UNIQUE (person, "order", item),
        FOREIGN KEY ("order", item) REFERENCES order_items
    );
    CREATE TRIGGER judged AFTER INSERT ON judgements BEGIN
        UPDATE order_items SET n_wanted = n_wanted - 1
        WHERE "order" = NEW."order" AND item = NEW.item;
        UPDATE orders SET n_wanted = n_wanted - 1 WHERE id = NEW."order";
        DELETE FROM leases
        WHERE "order" = NEW."order" AND item = NEW.item AND person = NEW.person;
        DELETE FROM skips
        WHERE "order" = NEW."order" AND item = NEW.item AND person = NEW.person;
    END;
    CREATE TRIGGER taken_back AFTER DELETE ON judgements BEGIN
        UPDATE order_items SET n_wanted = n_wanted + 1
        WHERE "order" = OLD."order" AND item = OLD.item;
        UPDATE orders SET n_wanted = n_wanted + 1 WHERE id = OLD."order";
    END;
    CREATE TRIGGER collected_stands BEFORE UPDATE OF label, person ON judgements
    WHEN OLD.collected BEGIN SELECT RAISE(ABORT, 'collected'); END;
    CREATE TRIGGER collected_stays BEFORE DELETE ON judgements
    WHEN OLD.collected BEGIN SELECT RAISE(ABORT, 'collected'); END;
"""


@dataclass(frozen=True)
class Order:
    """A batch that was ordered, and how far it is."""

    batch: Batch
    n_judged: int  # judgements so far; complete at K x n_judgements


class Inbox:
    """Orders and judgements in one file.

    Parameters
    ----------
    path : Path
        Made when missing, with its folder.

    Raises
    ------
    AnnotatorError
        The file cannot be made or read, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.writing() as db:
                (version,) = db.execute("PRAGMA user_version").fetchone()
                missing = {0: _TABLES + _PEOPLE, 1: _PEOPLE}.get(version, "")
                for statement in _statements(missing):
                    db.execute(statement)
                if missing:
                    db.execute(f"PRAGMA user_version = {_SCHEMA}")
        except OSError as error:
            raise AnnotatorError(f"{path}: cannot be made: {error}") from error
        if version not in (0, 1, _SCHEMA):
            raise AnnotatorError(
                f"{path}: expected version {_SCHEMA}, found {version}: upgrade mcal"
            )

    def order(self, batch: Batch) -> None:
        """Take an order, once; the same again changes nothing.

        Raises ``AnnotatorError`` when other items were ordered under this id.
        """
        items = list(zip(batch.indices.tolist(), batch.item_names, strict=True))
        with self.writing() as db:
            found = self._find(db, batch.batch_id)
            if found is not None:
                rows = db.execute(
                    'SELECT item, name FROM order_items WHERE "order" = ? ORDER BY position',
                    (found,),
                ).fetchall()
                if rows != items:
                    raise AnnotatorError(
                        f"{self._path}: another batch was ordered as {batch.batch_id}"
                    )
                return
            order = db.execute(
                "INSERT INTO orders (batch_id, purpose, round, classes, n_judgements, n_items,"
                " n_wanted, ordered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    batch.batch_id,
                    batch.purpose,
                    batch.round,
                    json.dumps(batch.classes),
                    batch.n_judgements,
                    len(items),
                    len(items) * batch.n_judgements,
                    _now(),
                ),
            ).lastrowid
            db.executemany(
                "INSERT INTO order_items VALUES (?, ?, ?, ?, ?)",
                [
                    (order, position, *item, batch.n_judgements)
                    for position, item in enumerate(items)
                ],
            )

    def orders(self) -> list[Order]:
        """Every order, oldest first."""
        with self.reading() as db:
            return [
                Order(
                    Batch(
                        batch_id=batch_id,
                        purpose=Purpose(purpose),
                        round=round_,
                        indices=np.array([item for item, _ in items], np.int64),
                        item_names=tuple(name for _, name in items),
                        classes=tuple(json.loads(classes)),
                        n_judgements=n_judgements,
                    ),
                    n_judged,
                )
                for order, batch_id, purpose, round_, classes, n_judgements, n_judged in db.execute(
                    "SELECT id, batch_id, purpose, round, classes, n_judgements,"
                    " n_items * n_judgements - n_wanted FROM orders ORDER BY id"
                ).fetchall()
                for items in [
                    db.execute(
                        'SELECT item, name FROM order_items WHERE "order" = ? ORDER BY position',
                        (order,),
                    ).fetchall()
                ]
            ]

    def say(self, batch_id: str, index: int, label: int, person: str) -> bool:
        """Write down a judgement, and return whether it was wanted.

        It is not when the item has its judgements already, or this person gave one: then nothing is
        written.

        Raises
        ------
        ValueError
            The item is not in the batch, or the label is no class of it.
        """
        with self.writing() as db:
            row = db.execute(
                "SELECT id, classes, n_judgements FROM orders WHERE batch_id = ?", (batch_id,)
            ).fetchone()
            if row is None:
                raise ValueError(f"batch_id: expected an ordered batch, found {batch_id!r}")
            order, classes, n_judgements = row
            if not NO_LABEL <= label < len(json.loads(classes)):
                raise ValueError(f"label: expected a class number or {NO_LABEL}, found {label}")
            if not db.execute(
                'SELECT 1 FROM order_items WHERE "order" = ? AND item = ?', (order, index)
            ).fetchone():
                raise ValueError(f"index: expected an item of {batch_id}, found {index}")
            people = [
                name
                for (name,) in db.execute(
                    'SELECT person FROM judgements WHERE "order" = ? AND item = ?', (order, index)
                )
            ]
            if person in people or len(people) >= n_judgements:
                return False
            db.execute(
                'INSERT INTO judgements ("order", item, person, label, said_at)'
                " VALUES (?, ?, ?, ?, ?)",
                (order, index, person, label, _now()),
            )
            return True

    def take_back(self, batch_id: str, index: int, person: str) -> bool:
        """Forget a judgement, and return whether that was possible: not once it was collected."""
        with self.writing() as db:
            return bool(
                db.execute(
                    'DELETE FROM judgements WHERE "order" = ? AND item = ? AND person = ?'
                    " AND NOT collected",
                    (self._find(db, batch_id), index, person),
                ).rowcount
            )

    def n_wanted(self, batch_id: str) -> int:
        """Judgements of a batch still to come; 0 for a batch that was never ordered here."""
        with self.reading() as db:
            row = db.execute("SELECT n_wanted FROM orders WHERE batch_id = ?", (batch_id,))
            return sum(n_wanted for (n_wanted,) in row)

    def has_whole_order(self) -> bool:
        """Whether an order has all its judgements and some were not collected."""
        with self.reading() as db:
            return bool(
                db.execute(
                    "SELECT 1 FROM orders WHERE n_wanted = 0 AND EXISTS (SELECT 1 FROM judgements"
                    ' WHERE "order" = orders.id AND NOT collected)'
                ).fetchone()
            )

    def collect(self, batch_id: str, hold_s: float = 0.0) -> Judgements:
        """The judgements of a batch so far, by item in the batch's order; they stand from now on.

        Those said less than ``hold_s`` seconds ago are left for their people to take back; where
        the clock was set back meanwhile, at once. Raises ``AnnotatorError`` when the batch was
        never ordered here.
        """
        with self.writing() as db:
            now = datetime.now(UTC)  # once others have written: what they said is not later
            order = self._find(db, batch_id)
            if order is None:
                raise AnnotatorError(f"{self._path}: knows no order {batch_id}; was it moved?")
            db.execute(
                'UPDATE judgements SET collected = 1 WHERE "order" = ? AND NOT collected'
                " AND (said_at <= ? OR said_at > ?)",
                (order, _written(now - timedelta(seconds=hold_s)), _written(now)),
            )
            rows = db.execute(
                'SELECT item, label, person FROM judgements JOIN order_items USING ("order", item)'
                ' WHERE "order" = ? AND collected ORDER BY position, id',
                (order,),
            ).fetchall()
        return Judgements(
            indices=np.array([item for item, _, _ in rows], np.int64),
            labels=np.array([label for _, label, _ in rows], np.int64),
            people=tuple(person for _, _, person in rows),
        )

    def _find(self, db: sqlite3.Connection, batch_id: str) -> int | None:
        row = db.execute("SELECT id FROM orders WHERE batch_id = ?", (batch_id,)).fetchone()
        return None if row is None else int(row[0])

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own, so that threads share nothing; for this folder's use."""
        try:
            with closing(sqlite3.connect(self._path, _BUSY_S, isolation_level=None)) as db:
                db.execute("PRAGMA foreign_keys = ON")
                yield db
        except sqlite3.Error as error:
            raise AnnotatorError(f"{self._path}: cannot be used: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same in one transaction."""
        with self.reading() as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, which ``executescript`` would commit one by one."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _now() -> str:
    return _written(datetime.now(UTC))


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
