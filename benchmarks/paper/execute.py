"""Work through runs, some at a time, with an eye on the clock."""

from __future__ import annotations

import multiprocessing
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .runs import Cabinet, Deadline, Run, Say

__all__ = ["Tally", "execute"]


@dataclass(frozen=True)
class Tally:
    """What came of a list of runs."""

    there: int  # before
    done: int
    failed: int
    left: int  # the clock was up

    @property
    def is_whole(self) -> bool:
        return not (self.failed or self.left)


@dataclass(frozen=True)
class _Ended:
    words: str
    wall_s: float
    status: str  # "done", "left", "failed"


def execute(
    runs: Sequence[Run], cabinet: Cabinet, *, jobs: int, deadline: Deadline, console: Console
) -> Tally:
    """Compute what the cabinet does not have yet, in the order given.

    A run that fails is told and passed over. After the deadline none is begun, and those in hand
    stop at the next place where nothing is lost.
    """
    unique = list({cabinet.path(run): run for run in runs}.values())
    missing = [run for run in unique if cabinet.load(run) is None]
    count = {"done": 0, "failed": 0, "left": 0}
    cabinet.folder.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("runs", total=len(unique), completed=len(unique) - len(missing))

        def say(share: float, words: str) -> None:
            bar.update(task, description=escape(words[:60]))

        working = _one_by_one if jobs == 1 or len(missing) <= 1 else _side_by_side
        for run, ended in working(missing, cabinet, jobs, deadline, say):
            count[ended.status] += 1
            bar.update(task, advance=ended.status == "done")
            console.print(
                f"{ended.status}: {run}: {ended.words} ({ended.wall_s:,.0f} s)",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    count["left"] = len(missing) - count["done"] - count["failed"]
    return Tally(len(unique) - len(missing), count["done"], count["failed"], count["left"])


def _one_by_one(
    runs: Iterable[Run], cabinet: Cabinet, jobs: int, deadline: Deadline, say: Say
) -> Iterator[tuple[Run, _Ended]]:
    for run in runs:
        if deadline.is_over:
            return
        say(0.0, str(run))
        yield run, _work(run, cabinet, 1, deadline, say)


def _side_by_side(
    runs: Iterable[Run], cabinet: Cabinet, jobs: int, deadline: Deadline, say: Say
) -> Iterator[tuple[Run, _Ended]]:
    """In processes of their own, that are started anew: a fork would inherit half-held locks.

    Each has a pool to itself, so that one that dies takes no other run with it.
    """
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    waiting = iter(runs)
    spawned = multiprocessing.get_context("spawn")
    idle: list[ProcessPoolExecutor] = []
    at_work: dict[Future[_Ended], tuple[Run, ProcessPoolExecutor, float]] = {}
    try:
        while True:
            while len(at_work) < jobs and not deadline.is_over:
                run = next(waiting, None)
                if run is None:
                    break
                worker = idle.pop() if idle else ProcessPoolExecutor(1, mp_context=spawned)
                future = worker.submit(_work, run, cabinet, jobs, deadline)
                at_work[future] = (run, worker, time.monotonic())
            if not at_work:
                return
            say(0.0, "; ".join(str(run) for run, _, _ in at_work.values()))
            ready, _ = wait(at_work, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ready:
                run, worker, began = at_work.pop(future)
                try:
                    ended = future.result()
                    idle.append(worker)
                except BrokenExecutor:
                    worker.shutdown()
                    wall_s = time.monotonic() - began
                    ended = _Ended("its process died (out of memory?)", wall_s, "failed")
                yield run, ended
    finally:
        for worker in [*idle, *(worker for _, worker, _ in at_work.values())]:
            worker.shutdown(cancel_futures=True)


def _silent(share: float, words: str) -> None:
    """Workers have no screen."""


def _work(run: Run, cabinet: Cabinet, jobs: int, deadline: Deadline, say: Say = _silent) -> _Ended:
    """Compute one run and file it; a failure is words, because the other runs go on."""
    began, place = time.monotonic(), cabinet.place(run)
    jobs = cabinet.share(run, jobs)
    try:
        found = run.compute(place, deadline, say)
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        return _Ended(words, time.monotonic() - began, "failed")
    wall_s = time.monotonic() - began
    if found is None:
        return _Ended("goes on next time", wall_s, "left")
    cabinet.save(run, found, {**_machine(), "jobs": jobs, "last_wall_s": wall_s})
    shutil.rmtree(place, ignore_errors=True)
    return _Ended(found.words, wall_s, "done")


def _machine() -> dict[str, Any]:
    """What may matter to seconds."""
    torch = sys.modules.get("torch")  # which a run without a network has not imported
    has_gpu = torch is not None and torch.cuda.is_available()
    return {
        "processor": platform.machine(),
        "processors": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch is not None and has_gpu else None,
        "torch": None if torch is None else str(torch.__version__),
        "python": platform.python_version(),
    }
