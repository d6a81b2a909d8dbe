"""Calls on several threads: no faster than allowed, and only while somebody waits for them."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

__all__ = ["Crew", "Outlasted", "Pace", "call_within"]

T = TypeVar("T")

LEASE_S = 2.0
"""How long after the last ``wait`` a crew still begins jobs: time to come back for more."""


class Crew(Generic[T]):
    """Daemon threads that do jobs, each once, in the order given.

    A process that waits no longer begins no further job, so that nothing goes on behind the user's
    back; what is in flight then ends by itself.

    Parameters
    ----------
    do : callable
        Does one job, and never raises.
    n_threads : int
        At most so many jobs at once, >= 1.
    """

    def __init__(self, do: Callable[[T], None], n_threads: int) -> None:
        self._do, self.n_threads = do, n_threads
        self._jobs: deque[T] = deque()
        self._changed = threading.Condition()
        self._until = 0.0
        self._n_alive = self._n_busy = 0

    def give(self, jobs: Iterable[T]) -> None:
        """Take up jobs; they begin with the next ``wait``."""
        with self._changed:
            self._jobs.extend(jobs)

    def drop(self) -> list[T]:
        """Forget the jobs that have not begun, and return them."""
        with self._changed:
            dropped = list(self._jobs)
            self._jobs.clear()
            return dropped

    def wait(self, wait_s: float) -> None:
        """Let the crew work for so long, or until all is done."""
        with self._changed:
            self._until = time.monotonic() + wait_s + LEASE_S
            wanted = min(self.n_threads, self._n_busy + len(self._jobs))
            for _ in range(wanted - self._n_alive):
                threading.Thread(target=self._work, name="mcal call", daemon=True).start()
                self._n_alive += 1
            self._changed.wait_for(lambda: not self._jobs and not self._n_busy, wait_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._jobs or time.monotonic() > self._until:
                    self._n_alive -= 1
                    return
                job = self._jobs.popleft()
                self._n_busy += 1
            try:
                self._do(job)
            finally:
                with self._changed:
                    self._n_busy -= 1
                    self._changed.notify_all()


class Pace:
    """At most ``calls_per_s`` calls in a second, evenly spread; None: no limit."""

    def __init__(self, calls_per_s: float | None) -> None:
        self._gap_s = 0.0 if calls_per_s is None else 1.0 / calls_per_s
        self._next = 0.0
        self._turn = threading.Lock()

    def wait(self) -> None:
        """Return when it is the caller's turn."""
        with self._turn:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self._gap_s
        if at > now:
            time.sleep(at - now)


class Outlasted(TimeoutError):
    """A plain function is still running after its time; ``future`` has what comes of it."""

    def __init__(self, words: str, future: Future[Any]) -> None:
        super().__init__(words)
        self.future = future


def call_within(function: Callable[[Any], Any], argument: Any, timeout_s: float) -> Any:
    """``function(argument)``, or ``TimeoutError``.

    A coroutine function runs in one event loop that all calls of the process share, and is
    cancelled in time. Any other runs in a thread of its own, which nothing can stop: for that
    ``Outlasted`` is raised, by which the caller may wait for it.
    """
    call = getattr(function, "func", function)  # a partial is what it holds
    is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(call, "__call__", None)  # noqa: B004 - the method, not whether there is one
    )
    future: Future[Any]
    if is_async:
        coroutine: Coroutine[Any, Any, Any] = function(argument)
        future = asyncio.run_coroutine_threadsafe(coroutine, _loop())
    else:
        future = Future()
        threading.Thread(
            target=_fill, args=(future, function, argument), name="mcal function", daemon=True
        ).start()
    try:
        return future.result(timeout_s)
    except TimeoutError:
        if future.done():  # the function's own
            raise
        words = f"no answer within {timeout_s:g} s"
        if is_async:
            future.cancel()
            raise TimeoutError(words) from None
        raise Outlasted(words, future) from None


def _fill(future: Future[Any], function: Callable[[Any], Any], argument: Any) -> None:
    answer, raised = None, None
    try:
        answer = function(argument)
    except BaseException as error:
        raised = error
    if raised is None:
        future.set_result(answer)
    else:
        future.set_exception(raised)


_loops: list[asyncio.AbstractEventLoop] = []
_making = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """The event loop of all coroutine functions, running in a daemon thread."""
    with _making:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="mcal loop", daemon=True).start()
            _loops.append(loop)
        return _loops[0]
