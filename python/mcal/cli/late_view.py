"""Progress that is shown only of what takes long."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mcal.types import Event

if TYPE_CHECKING:
    from .live import PlainView

__all__ = ["LateView"]

_SILENT_S = 2.0


class LateView:
    """Opens a view once something has gone on for two seconds; to be used as a context manager."""

    def __init__(
        self,
        open_view: Callable[[], PlainView],
        phase: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_view, self._phase, self._clock = open_view, phase, clock
        self._began_s = clock()
        self._view: PlainView | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def progress(self, share: float, words: str) -> None:
        """Take in the share done, 0..1."""
        if self._view is None:
            if share >= 1.0 or self._clock() - self._began_s < _SILENT_S:
                return  # too soon, or too late to be of use
            self._view = self._stack.enter_context(self._open_view())
        self._view(Event(self._phase, words, share))
