"""How often each class among the machine's labels is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from ..types import FloatArray, IndexArray
from .audit import audited
from .bounds import as_risk, fewest_missed, most_missed

__all__ = ["ClassReport", "class_report"]


@dataclass(frozen=True)
class ClassReport:
    """Intervals for the error among the machine labels of each class, all at once.

    Attributes
    ----------
    n_machine : (C,) int64
        Items that the machine labels with the class.
    n_audit, n_wrong : (C,) int64
        Audited items above the cut that the machine would have given the class, and those of
        them where it was wrong.
    low, high : (C,) float64
        With ``confidence`` the error among the ``n_machine`` labels lies between them in every
        class at once. NaN where the machine gives no label.
    confidence : float
        Of all intervals together.
    n_intervals : int
        How many there are: the classes the machine would give in the audit's frame. Each has
        ``(1 - confidence) / n_intervals`` of the risk, half on either side.
    """

    n_machine: IndexArray
    n_audit: IndexArray
    n_wrong: IndexArray
    low: FloatArray
    high: FloatArray
    confidence: float
    n_intervals: int


def class_report(
    labels: npt.ArrayLike,
    frame: int,
    positions: npt.ArrayLike,
    wrong: npt.ArrayLike,
    *,
    cut: int,
    n_classes: int,
    confidence: float = 0.95,
    boundary: int = 0,
) -> ClassReport:
    """An honest interval for the error of each class of machine labels, from the same audit.

    Parameters
    ----------
    labels : (R,) int
        The machine's labels in ranking order, 0..n_classes - 1, at least up to ``frame`` and
        ``cut``.
    frame, positions, wrong
        As given to ``certify``.
    cut : int
        ``Certificate.cut``, or any other number, chosen in view of the audit too.
    n_classes : int
        C, >= 1.
    confidence : float
        That all intervals hold, in (0, 1). Beside a certificate it is a promise of its own.
    boundary : int
        As given to ``certify_weighted``; 0 for ``certify``.

    Returns
    -------
    ClassReport

    Raises
    ------
    ValueError
        As ``certify``; on labels out of range or too few.

    Notes
    -----
    Classes are the machine's: the items a person would give a class and the machine does not are
    in other rows. Within a class the audit is a uniform sample of the class's part of the frame.
    The cut depends on the audit, so the bound has to hold for every cut: before the (j + 1)-th
    audited error of the class more than E_j of its wrong items are missed with probability at
    most a_j, and before the j-th fewer than L_j with probability at most b_j (both by counting
    among the first wrong items, as in ``certify``). With risk r for a class,
    ``a_j = r / (2 (j + 1)(j + 2))`` and ``b_j = r / (2 j (j + 1))`` add up to r over all j and
    both sides. A weighted audit is uniform in either stratum: there each has half the risk, and
    the numbers missed add up. Items between ``frame`` and ``cut``, of which the audit knows
    nothing, widen the interval. Exact, and wide where few items of a class were audited.
    Cost: O(R).
    """
    frame, cut = _core.as_integer(frame, "frame", 0), _core.as_integer(cut, "cut", 0)
    boundary = _core.as_integer(boundary, "boundary", 0, frame)
    n_classes = _core.as_integer(n_classes, "n_classes", 1)
    risk = as_risk(confidence)
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in "iu" or given.size < max(frame, cut):
        raise ValueError(
            f"labels: expected at least {max(frame, cut)} integers, "
            f"found {given.dtype} of shape {given.shape}"
        )
    if given.size and not (given.min() >= 0 and given.max() < n_classes):
        bad = given.min() if given.min() < 0 else given.max()
        raise ValueError(f"labels: expected classes in [0, {n_classes}), found {bad}")
    ranks, errors = audited(positions, wrong, frame)

    def counts(of: IndexArray) -> IndexArray:
        return np.bincount(of, minlength=n_classes).astype(np.int64)

    n_frame, unknown = counts(given[:frame]), counts(given[frame:cut])
    n_audit, n_wrong = counts(given[ranks[ranks < cut]]), counts(given[errors[errors < cut]])
    n_machine = counts(given[:cut]) - n_audit
    n_intervals = int(np.count_nonzero(n_frame + unknown))
    parts = [(0, boundary), (boundary, frame)] if 0 < boundary < frame else [(0, frame)]
    low, high = np.zeros(n_classes), unknown.astype(np.float64)
    for first, last in parts:
        within = ranks[(ranks >= first) & (ranks < last)]
        items, draws = counts(given[first:last]), counts(given[within])
        found = counts(given[errors[(errors >= first) & (errors < min(last, cut))]])
        side = risk / (2 * max(1, n_intervals) * len(parts))
        for c in np.flatnonzero(n_machine).tolist():
            j, n, n_drawn = int(found[c]), int(items[c]), int(draws[c])
            high[c] += most_missed(j, n, n_drawn, side / ((j + 1) * (j + 2)))
            low[c] += fewest_missed(j, n, n_drawn, side / (j * (j + 1))) if j else 0
    with np.errstate(invalid="ignore"):  # 0 / 0 where there are no machine labels
        low, high = (np.minimum(bound, n_machine) / n_machine for bound in (low, high))
    return ClassReport(n_machine, n_audit, n_wrong, low, high, float(confidence), n_intervals)
