"""Runs, and the cabinet that keeps what they found.

A run is one campaign, one sweep of active learning at one delta, or one model's ranking. It is
filed under what it was asked (parameters) and what answered (a digest of the sources that compute
it), as one JSON file, beside it an .npz where there are arrays. Both appear whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

import mcal
from mcal.whole_file import whole_file

__all__ = ["Cabinet", "Deadline", "Found", "Record", "Run", "Say", "source_digest"]

Say = Callable[[float, str], None]
PACKAGE = Path(mcal.__file__).parent
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Deadline:
    """When to stop, at the next place where nothing is lost."""

    at: float | None = None  # seconds of ``time.time``

    @property
    def is_over(self) -> bool:
        return self.at is not None and time.time() >= self.at


@dataclass(frozen=True)
class Found:
    """What a run came to: numbers for JSON, NumPy arrays for .npz, and a line for people."""

    values: dict[str, Any]
    words: str
    arrays: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A run as filed."""

    parameters: dict[str, Any]
    values: dict[str, Any]
    made: dict[str, Any]  # version, device, jobs, seconds: what the outcome may owe to the day
    arrays_file: Path

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        with np.load(self.arrays_file) as stored:
            return dict(stored)


class Run(Protocol):
    """Something to compute once."""

    kind: ClassVar[str]
    sources: ClassVar[tuple[str, ...]]
    """Rooms of mcal, and modules here, whose change makes the outcome another."""

    def parameters(self) -> dict[str, Any]: ...

    def compute(self, place: Path, deadline: Deadline, say: Say) -> Found | None:
        """Compute, going on from what ``place`` holds; None when the deadline came first."""
        ...


@cache
def source_digest(sources: tuple[str, ...]) -> str:
    """Of the C++ core and the named sources: "campaign" is mcal's room, "paper/x" a module here."""
    files: set[Path] = set((HERE.parents[1] / "cpp").rglob("*.[ch]pp"))
    for name in sources:
        if name.startswith("paper/"):
            files.add(HERE / f"{name.removeprefix('paper/')}.py")
        elif (PACKAGE / name).is_dir():
            files |= set((PACKAGE / name).rglob("*.py"))
        else:
            files.add(PACKAGE / f"{name}.py")
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: (file.parent.name, file.name)):
        digest.update(f"{file.name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Cabinet:
    """The folder of all runs."""

    folder: Path
    any_version: bool = False
    """Take the newest run of the same parameters, whatever computed it."""

    def path(self, run: Run) -> Path:
        return self.folder / f"{self._asked(run)}-{source_digest(run.sources)}.json"

    def _asked(self, run: Run) -> str:
        parameters = json.dumps(run.parameters(), sort_keys=True)
        return f"{run.kind}-{hashlib.sha256(parameters.encode()).hexdigest()[:16]}"

    def load(self, run: Run) -> Record | None:
        path = self.path(run)
        if self.any_version and not path.exists():
            every = self.folder.glob(f"{self._asked(run)}-*.json")
            path = max(every, key=lambda file: file.stat().st_mtime, default=path)
        if not path.exists():
            return None
        stored = json.loads(path.read_text())
        return Record(
            stored["parameters"], stored["values"], stored["made"], path.with_suffix(".npz")
        )

    def place(self, run: Run) -> Path:
        """Where a run keeps what it has so far."""
        return self.path(run).with_suffix(".part")

    def share(self, run: Run, jobs: int) -> int:
        """Note that ``jobs`` runs at a time begin or go on; the most that ever did with this one.

        Seconds of its first steps stay in it, so what is noted outlives the run's own folder.
        """
        note = self.path(run).with_suffix(".jobs")
        most = max(jobs, int(note.read_text()) if note.exists() else 1)
        with whole_file(note) as file:
            file.write(str(most).encode())
        return most

    def save(self, run: Run, found: Found, made: dict[str, Any]) -> None:
        """File a run; what it kept on the way may go then."""
        path = self.path(run)
        if found.arrays:
            with whole_file(path.with_suffix(".npz")) as file:
                np.savez_compressed(file, **found.arrays)
        record = {
            "kind": run.kind,
            "parameters": run.parameters(),
            "values": found.values,
            "made": {**made, "version": source_digest(run.sources)},
        }
        with whole_file(path) as file:
            file.write(json.dumps(record, indent=1).encode())
