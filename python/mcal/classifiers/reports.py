"""Progress of a work that has parts, or that something may have to be made for first."""

from __future__ import annotations

from mcal.types import Progress

__all__ = ["Reports", "span", "spans"]

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


def span(progress: Progress, begin: float, end: float, what: str) -> Progress:
    """Report the progress of ``what`` as that of the whole from ``begin`` to ``end``."""

    def report(share: float, words: str) -> None:
        progress(begin + (end - begin) * share, f"{what}: {words}")

    return report


def spans(progress: Progress, n: int, what: str = "member") -> list[Progress]:
    """Report the progress of ``n`` equal parts, one after the other, as that of the whole."""
    return [span(progress, at / n, (at + 1) / n, f"{what} {at + 1} of {n}") for at in range(n)]
