"""What an audit drew and found, weighted as it was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcal.store import ActionRecord, Store
from mcal.types import FloatArray, IndexArray, Purpose

__all__ = ["AuditFound", "machine_cut", "read_audit"]


@dataclass(frozen=True, eq=False)
class AuditFound:
    """Audited items with labels, by their place in the ranking they were drawn from.

    Attributes
    ----------
    frame : int
        Items that could be drawn: the surest so many of the ranking.
    boundary : int
        Ranks from here on were drawn at a rate of their own; 0 where all had the same.
    positions : (K,) int64
        Ranks of the audited items, rising.
    indices, machine, people : (K,) int64
        Which items, the machine's class numbers, and people's, or ``NO_LABEL``.
    confidence : (K,) float64
        The machine's: margins, or what it has learned.
    wrong : (K,) bool
    weight : (K,) float64
        Items that each stands for; they sum up to ``frame``.
    """

    frame: int
    boundary: int
    positions: IndexArray
    indices: IndexArray
    machine: IndexArray
    people: IndexArray
    confidence: FloatArray
    wrong: npt.NDArray[np.bool_]
    weight: FloatArray

    @property
    def n_audit(self) -> int:
        """Audited items."""
        return self.positions.size

    @property
    def n_wrong(self) -> int:
        """Mistakes among them, each counted once: no estimate where rates differed."""
        return int(self.wrong.sum())

    def error(self, among: npt.NDArray[np.bool_]) -> tuple[float, float]:
        """The estimated error where ``among`` holds, and how many equal draws would know as much.

        NaN and 0 where nothing was drawn.
        """
        weight = self.weight[among]
        if not weight.size:
            return float("nan"), 0.0
        total = float(weight.sum())
        error = float(weight[self.wrong[among]].sum()) / total
        return error, total**2 / float((weight**2).sum())


def read_audit(store: Store) -> AuditFound | None:
    """The audit as far as its labels are in; None before there are any."""
    ranking, told = store.ranking(), store.labels(Purpose.AUDIT)
    drawn = _drawn(store)
    if ranking is None or drawn is None or not told.indices.size:
        return None
    place = np.full(store.campaign.n_pool, -1)
    place[ranking.indices] = np.arange(ranking.indices.size)
    order = np.argsort(place[told.indices])
    indices, people = told.indices[order], told.labels[order]
    positions = place[indices]
    frame, boundary = int(drawn.details["frame"]), int(drawn.details.get("boundary") or 0)
    is_sure = positions < boundary
    n_sure = int(is_sure.sum())
    n_unsure = is_sure.size - n_sure
    sure, unsure = boundary / max(1, n_sure), (frame - boundary) / max(1, n_unsure)
    return AuditFound(
        frame=frame,
        boundary=boundary,
        positions=positions,
        indices=indices,
        machine=ranking.labels[positions],
        people=people,
        confidence=1.0 - ranking.deficit[positions],
        wrong=ranking.labels[positions] != people,
        weight=np.where(is_sure, sure, unsure),
    )


def machine_cut(store: Store) -> int | None:
    """How deep into its ranking the machine's labels reach; None where it gave none, or not yet."""
    for action in store.actions():
        if action.name == "machine_label":
            return int(action.details.get("cut", action.details.get("n_machine", 0))) or None
    return None


def _drawn(store: Store) -> ActionRecord | None:
    return next((act for act in reversed(store.actions()) if act.details.get("frame")), None)
