"""A campaign's store: one SQLite file, the only truth about the campaign."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from mcal import __version__
from mcal.errors import StoreError

from .clock import utc_now
from .database import Database
from .decisions import Decisions
from .guessing import Guessing
from .hearings import Hearings
from .lock import WriterLock
from .rankings import Rankings
from .records import CampaignRecord
from .schema import MIGRATIONS, migrate
from .trainings import Trainings

__all__ = ["FILE_NAME", "Store"]

FILE_NAME = "campaign.sqlite"


class Store(Hearings, Guessing, Trainings, Rankings, Decisions):
    """Facts of one campaign, appended and read. Made by ``create`` and ``open``.

    A writer holds the campaign's lock until it is closed; readers need none. What a method has
    recorded when it returns survives a killed process and a power cut. A store belongs to the
    thread that opened it.
    """

    def __init__(
        self, database: Database, lock: WriterLock | None, campaign: CampaignRecord, folder: Path
    ) -> None:
        self.folder = folder.absolute()
        self._db = database
        self._lock = lock
        self.campaign = campaign
        self._n_pool = campaign.n_pool
        self._n_classes = len(campaign.classes)
        self._fingerprint = campaign.pool_fingerprint

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a campaign has begun in ``folder``; a file cut short before that is none."""
        path = folder / FILE_NAME
        if not path.is_file():
            return False
        database = Database.open_reader(path)
        try:
            named = database.rows("SELECT 1 FROM sqlite_master WHERE name = 'campaign'")
            return bool(named and database.rows("SELECT 1 FROM campaign"))
        finally:
            database.close()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        settings_json: str,
        n_pool: int,
        classes: Sequence[str],
        pool_kind: str,
        pool_fingerprint: str,
        broken: Mapping[int, str],
        begin: Callable[[Self], None] = lambda store: None,
    ) -> Self:
        """Begin a campaign in ``folder``, which is made if need be, and open it for writing.

        Parameters
        ----------
        folder : Path
            On a local disk: SQLite's log does not work on network drives.
        settings_json : str
            The settings as given.
        n_pool, classes, pool_kind, pool_fingerprint, broken
            Of the pool; ``broken`` maps indices to reasons.
        begin : callable, optional
            Records what the campaign begins with, in the transaction that begins it.

        Raises
        ------
        StoreError
            There is a campaign already, or the folder cannot be written.
        CampaignBusyError
            Another process has it.
        """
        if n_pool < 1:
            raise ValueError(f"n_pool: expected at least 1, found {n_pool}")
        names = json.dumps(list(classes), ensure_ascii=False)
        try:
            names.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"classes: expected text that UTF-8 can hold: {error}") from error
        outside = [index for index in broken if not 0 <= index < n_pool]
        if outside:
            raise ValueError(f"broken: expected 0 <= index < {n_pool}, found {outside[0]}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made: {error}") from error
        with _opened_to_write(folder) as (database, lock):
            with database.transaction():
                migrate(database, MIGRATIONS)
                if database.rows("SELECT 1 FROM campaign"):
                    raise StoreError(f"{folder}: expected no campaign, found one")
                database.execute(
                    "INSERT INTO campaign VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        settings_json,
                        n_pool,
                        names,
                        pool_kind,
                        pool_fingerprint,
                        __version__,
                        utc_now(),
                    ),
                )
                database.execute_many("INSERT INTO broken_items VALUES (?, ?)", broken.items())
                store = cls(database, lock, _read_campaign(database), folder)
                begin(store)
            return store

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Self:
        """Open the campaign in ``folder``.

        A writer brings an old file to the newest schema and marks trainings that a dead process
        left open as interrupted. A reader changes nothing: it reads an old file from a copy in
        memory.

        Raises
        ------
        StoreError
            There is no campaign, it cannot be read, or a newer mcal wrote it.
        CampaignBusyError
            Another process writes; not with ``read_only``.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            raise StoreError(f"{folder}: expected a campaign ({FILE_NAME}), found none")
        if read_only:
            return cls._open_reader(path)
        with _opened_to_write(folder) as (database, lock):
            migrate(database, MIGRATIONS)
            store = cls(database, lock, _read_campaign(database), folder)
            store.interrupt_open_runs()
            return store

    @classmethod
    def _open_reader(cls, path: Path) -> Self:
        database = Database.open_reader(path)
        try:
            (version,) = database.row("PRAGMA user_version")
            if version < len(MIGRATIONS):
                old, database = database, database.copy_in_memory()
                old.close()
            migrate(database, MIGRATIONS)
            return cls(database, None, _read_campaign(database), path.parent)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Give the file and the lock back. Closing twice is allowed."""
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _opened_to_write(folder: Path) -> Iterator[tuple[Database, WriterLock]]:
    """The locked folder's file; both are given back if what follows fails."""
    with ExitStack() as on_failure:
        lock = WriterLock(folder)
        lock.acquire()
        on_failure.callback(lock.release)
        database = Database.open_writer(folder / FILE_NAME)
        on_failure.callback(database.close)
        yield database, lock
        on_failure.pop_all()


def _read_campaign(database: Database) -> CampaignRecord:
    rows = database.rows(
        "SELECT settings_json, n_pool, classes, pool_kind, pool_fingerprint, created_at,"
        " mcal_version FROM campaign"
    )
    if not rows:
        raise StoreError(f"{database.name}: expected a campaign, found an empty file")
    settings_json, n_pool, classes, pool_kind, fingerprint, created_at, version = rows[0]
    return CampaignRecord(
        settings_json=settings_json,
        n_pool=n_pool,
        classes=tuple(json.loads(classes)),
        pool_kind=pool_kind,
        pool_fingerprint=fingerprint,
        broken=dict(database.rows("SELECT item, reason FROM broken_items ORDER BY item")),
        created_at=created_at,
        mcal_version=version,
    )
