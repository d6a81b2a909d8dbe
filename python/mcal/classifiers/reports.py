"""Progress of a work that something may have to be made for first."""

from __future__ import annotations

from mcal.types import Progress

__all__ = ["Reports"]

_SHARE_BEFORE = 0.9


class Reports:
    """Progress of both as that of one: it never falls, and is all the work's if nothing is made."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._begin = progress, 0.0

    def before(self, share: float, words: str) -> None:
        """Of what is made first."""
        self._begin = _SHARE_BEFORE
        self._progress(_SHARE_BEFORE * share, words)

    def proper(self, share: float, words: str) -> None:
        """Of the work itself."""
        self._progress(self._begin + (1.0 - self._begin) * share, words)
