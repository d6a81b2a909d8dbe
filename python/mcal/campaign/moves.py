"""Which step of Algorithm 1 comes next: a pure function of facts that the store holds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from ..store import BatchRecord
from ..types import BatchStatus, Purpose
from .decide import Verdict

__all__ = ["Move", "next_move", "round_of"]


class Move(StrEnum):
    """A step that changes the store."""

    ASK_FIRST = "ask_first"  # T and B0, both random (lines 1-2); what known labels leave of them
    COLLECT = "collect"  # labels of an open batch
    TRAIN = "train"  # one candidate: train, score, profile, fit, plan (lines 12-18)
    DECIDE = "decide"  # what follows the round (lines 9, 19-26); may draw the audit
    CERTIFY = "certify"  # what an audit allows the machine to label
    ASK_REST = "ask_rest"  # what no machine labels (line 27)
    FINISH = "finish"


def round_of(batches: Sequence[BatchRecord]) -> int:
    """The present round: that of the newest training batch, -1 before the first.

    Known labels are there in round 0, whether they can be trained on or not.
    """
    return max((b.round for b in batches if b.purpose is Purpose.TRAIN or b.is_known), default=-1)


def next_move(
    *,
    finished: bool,
    batches: Sequence[BatchRecord],
    untrained: Sequence[str],
    verdict: Verdict | None,
    n_unlabelled: int,
    n_readable: int,
) -> Move | None:
    """The one legal step from here, or None at the end.

    Parameters
    ----------
    finished : bool
        Whether the end is recorded.
    batches : sequence of BatchRecord
    untrained : sequence of str
        Live candidates without a plan for the present round.
    verdict : Verdict or None
        What was decided last after the present round.
    n_unlabelled : int
        Items in no batch and without a machine label.
    n_readable : int
        Those of them that a machine could label.
    """
    if finished:
        return None
    if verdict is None and all(b.is_known for b in batches):
        return Move.ASK_FIRST
    if any(b.status is not BatchStatus.CLOSED for b in batches):
        return Move.COLLECT
    if verdict is None:
        return Move.TRAIN if untrained and n_readable else Move.DECIDE
    if verdict is Verdict.AUDIT:
        return Move.CERTIFY
    return Move.ASK_REST if n_unlabelled else Move.FINISH
