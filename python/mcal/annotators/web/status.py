"""What the page tells about the campaign, in words and dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["BillRow", "Phase", "Status"]

Phase = Literal["opening", "people", "working", "elsewhere", "failed", "done"]
"""``elsewhere``: it is not people's turn, and another process has the campaign."""


@dataclass(frozen=True)
class BillRow:
    """A line of the bill; None is left empty."""

    words: str
    n_items: int | None
    cost_usd: float | None


@dataclass(frozen=True)
class Status:
    """Where the campaign stands; None is not known."""

    phase: Phase
    words: str = ""  # what the machine does, or what went wrong
    share: float | None = None  # of that, in 0..1
    n_pool: int | None = None
    n_human: int | None = None  # labels bought
    spent_usd: float | None = None
    predicted_usd: float | None = None  # when all is done
    human_only_usd: float | None = None  # what people alone would cost
    bill: tuple[BillRow, ...] = ()  # at the end
    promise: str = ""  # at the end: the error, in words
