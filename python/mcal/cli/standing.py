"""What a watcher reads of a campaign, at one moment, from its store alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcal.errors import StoreError
from mcal.store import CampaignSummary, RoundForecast, RunRecord, Store, forecasts, summarise

__all__ = ["Standing", "follow", "read_standing"]

_TRIES = 3  # a file that is being made, moved or recovered can be read soon after
_REST = 9.0  # times the seconds that reading took: a watcher of a large store stays a small load


@dataclass(frozen=True)
class Standing:
    """Where a campaign stands, and how it came there."""

    summary: CampaignSummary
    forecasts: tuple[RoundForecast, ...]  # one a round, oldest first
    training: RunRecord | None  # under way, or left so by a process that was killed

    def to_json(self) -> dict[str, Any]:
        """The summary as a dictionary that JSON can hold, with ``forecasts`` and ``training``."""
        return {
            **self.summary.to_json(),
            "forecasts": [asdict(forecast) for forecast in self.forecasts],
            "training": self.training and asdict(self.training),
        }


def read_standing(folder: Path) -> Standing:
    """All of it at one moment, while a writer works or not. Takes no lock and changes nothing."""
    with Store.open(folder, read_only=True) as store, store.transaction():
        started = [run for run in store.runs() if run.status == "started"]
        return Standing(summarise(store), forecasts(store), started[-1] if started else None)


def follow(
    folder: Path, every_s: float, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Standing | None]:
    """Where the campaign stands, again and again until it is done; None while there is none.

    The store is opened anew for each, so that its writer can empty the log in between.

    Raises
    ------
    StoreError
        The store could not be read three times in a row.
    """
    n_failed = 0
    while True:
        began_s, rest_s = time.monotonic(), every_s
        try:
            standing = read_standing(folder) if Store.exists(folder) else None
        except StoreError:
            n_failed += 1
            if n_failed == _TRIES:
                raise
        else:
            n_failed, rest_s = 0, max(every_s, _REST * (time.monotonic() - began_s))
            yield standing
            if standing is not None and standing.summary.finished_at is not None:
                return
        sleep(rest_s)
