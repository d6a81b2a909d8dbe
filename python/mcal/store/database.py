"""One connection to a SQLite file: pragmas, nested transactions, errors as ``StoreError``."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mcal.errors import StoreError

__all__ = ["Database"]

_BUSY_TIMEOUT_S = 10.0  # only checkpoints and a reader's recovery ever make anyone wait
_CACHE_KIB = 64 * 1024  # bulk writes of a million rows stay out of the log until commit
_CANNOT_MAKE_FILES = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY_DIRECTORY)


class Database:
    """A connection that speaks plain rows and arrays. It belongs to the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, name: str, *, read_only: bool) -> None:
        self._connection = connection
        self._depth = 0
        self.name = name
        self.read_only = read_only

    @classmethod
    def open_writer(cls, path: Path) -> Self:
        """Open or make the file for writing; every commit is on the disk when it returns."""
        with _errors(str(path)):
            connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        database = cls(connection, str(path), read_only=False)
        try:
            database.row("PRAGMA journal_mode = WAL")
            for pragma in (
                "synchronous = FULL",
                "foreign_keys = ON",
                "temp_store = MEMORY",
                f"cache_size = -{_CACHE_KIB}",
            ):
                database.execute(f"PRAGMA {pragma}")
            # For arrays that queries join against: items, each with a number that goes with it.
            database.execute("CREATE TEMP TABLE given (item INTEGER PRIMARY KEY, value INTEGER)")
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def open_reader(cls, path: Path) -> Self:
        """Open the file for reading, while a writer works or not."""
        with _errors(str(path)):
            try:
                # Not mode=ro: what a killed writer left half done is rolled back on opening.
                writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
                connection = _connect_reader(path, "mode=rw" if writable else "mode=ro")
            except sqlite3.Error as error:
                # Reading a log needs two small files beside it. Where they cannot be made (a
                # read-only medium) and no log is left, nobody writes: the file is taken as it is.
                log = path.with_name(path.name + "-wal")
                if error.sqlite_errorcode not in _CANNOT_MAKE_FILES or log.exists():
                    raise
                connection = _connect_reader(path, "mode=ro&immutable=1")
        return cls(connection, str(path), read_only=True)

    def copy_in_memory(self) -> Database:
        """A private copy, which may be changed without touching the file."""
        with _errors(self.name):
            connection = sqlite3.connect(":memory:", isolation_level=None)
            try:
                self._connection.backup(connection)
            except BaseException:
                connection.close()
                raise
        return Database(connection, self.name, read_only=True)

    def close(self) -> None:
        """Give the file back. Closing twice is allowed."""
        with _errors(self.name):
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction, a part of it that can fail by itself."""
        level = self._depth
        if level and not self._connection.in_transaction:
            raise StoreError(f"{self.name}: the transaction was taken back by an earlier error")
        begin = "BEGIN" if self.read_only else "BEGIN IMMEDIATE"
        self.execute(f"SAVEPOINT level_{level}" if level else begin)
        self._depth += 1
        try:
            yield
            self.execute(f"RELEASE level_{level}" if level else "COMMIT")
        except BaseException:
            self._roll_back(level)
            raise
        finally:
            self._depth = level

    def _roll_back(self, level: int) -> None:
        if not self._connection.in_transaction:
            return  # SQLite took everything back by itself, as it does when the disk is full
        if level:
            self.execute(f"ROLLBACK TO level_{level}")
            self.execute(f"RELEASE level_{level}")
        else:
            self.execute("ROLLBACK")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement and return the key of the row it added last."""
        with _errors(self.name):
            return self._connection.execute(sql, values).lastrowid or 0

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""
        with _errors(self.name):
            self._connection.executemany(sql, rows)

    def give(self, items: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> None:
        """Fill the temporary table ``given`` with arrays; the items must differ."""
        self.execute("DELETE FROM temp.given")
        rows = zip(items.tolist(), values.tolist(), strict=True)
        self.execute_many("INSERT INTO temp.given VALUES (?, ?)", rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with _errors(self.name):
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The one row of a query that has exactly one."""
        (row,) = self.rows(sql, values)
        return row

    def array(
        self, sql: str, values: Sequence[Any] = (), *, dtype: npt.DTypeLike
    ) -> npt.NDArray[Any]:
        """The rows of a query as a structured array, without a Python list in between."""
        with _errors(self.name):
            return np.fromiter(self._connection.execute(sql, values), dtype=np.dtype(dtype))


def _connect_reader(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT COUNT(*) FROM sqlite_master")  # opening alone reads nothing
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _errors(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{name}: {error}") from error
