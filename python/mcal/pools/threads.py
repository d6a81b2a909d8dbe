"""Decoding in threads: Pillow gives up the GIL while it works."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mcal import _core
from mcal.types import Progress, no_progress


def in_threads(
    work: Callable[[range], None],
    count: int,
    *,
    chunk: int,
    progress: Progress = no_progress,
    words: str = "",
) -> None:
    """Call ``work`` on ranges that cover ``range(count)``, in as many threads as the core uses.

    The first exception is raised and the ranges not yet begun are dropped. The threads end with
    the call, so that a process forked later (a data loader's worker) misses none.
    """
    ranges = [range(start, min(start + chunk, count)) for start in range(0, count, chunk)]
    if len(ranges) <= 1:
        for only in ranges:
            work(only)
            progress(1.0, words)
        return
    with ThreadPoolExecutor(min(_core.thread_count(), len(ranges)), "mcal-decode") as executor:
        try:
            futures = [executor.submit(work, part) for part in ranges]
            for done, future in enumerate(futures, 1):
                future.result()
                progress(done / len(ranges), words)
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise
