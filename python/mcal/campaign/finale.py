"""The end that a number of labels buys: who is asked, who is audited, what is promised. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..certificate import promised_error
from ..types import FloatArray

__all__ = ["Finale", "plan_finale"]

N_AUDITS = 24
"""Audits that are compared, from none to every label there is."""


@dataclass(frozen=True)
class Finale:
    """Of the unlabelled items, most confident first, the machine is left the first ``n_frame``;
    people check ``n_audit`` drawn from them, and label the ``n_rest`` after them."""

    n_frame: int
    n_audit: int
    n_rest: int
    error: float  # expected wrong machine labels / n_pool
    promised: float  # expected to be certified, likewise; ``error`` where nothing is audited

    @property
    def n_machine(self) -> int:
        """Labels that the machine gives."""
        return self.n_frame - self.n_audit


def plan_finale(
    n_labels: int,
    ranks: FloatArray,
    wrong: FloatArray,
    *,
    n_pool: int,
    confidence: float | None,
    audit_min: int = 1,
) -> Finale:
    """Divide people's last labels between the audit and the items the machine is least sure of.

    Every label an audit takes proves more about the machine's, and is missing where the machine
    errs most. The division with the smallest error to be promised wins; equal ones go to the
    smaller audit.

    Parameters
    ----------
    n_labels : int
        What people may still label; all items where there are fewer.
    ranks : (K,) float64
        Places along the ranking, rising from 0 to the number of unlabelled items.
    wrong : (K,) float64
        Wrong labels expected among the items above each, not falling, from 0; linear between.
    n_pool : int
        N.
    confidence : float or None
        Of the promise; None audits nothing, and minimises the expected error.
    audit_min : int
        The smallest audit, unless there is none.

    Notes
    -----
    The promise is the exact hypergeometric limit (``promised_error``) at the number of audited
    errors expected, linear between whole numbers. Cost: some 50 of its tails.
    """
    n_items = int(ranks[-1])
    n_labels = min(n_labels, n_items)
    n_machine = n_items - n_labels
    best: Finale | None = None
    for n_audit in _audits(n_labels) if confidence is not None and n_machine else [0]:
        if 0 < n_audit < audit_min:
            continue
        n_frame = n_machine + n_audit
        above = float(np.interp(n_frame, ranks, wrong))
        share = n_audit / max(1, n_frame)
        error = above * (1.0 - share) / n_pool
        promised = error
        if confidence is not None:
            promised = _promised(n_frame, n_audit, above * share, n_pool, confidence)
        if best is None or promised < best.promised:
            best = Finale(n_frame, n_audit, n_labels - n_audit, error, promised)
    assert best is not None  # no audit is always among them
    return best


def _audits(n_labels: int) -> list[int]:
    """Sizes to compare, rising from 0 to ``n_labels``."""
    sizes = np.rint(np.geomspace(10.0, max(10.0, n_labels), N_AUDITS)).astype(np.int64).tolist()
    return sorted({0, n_labels, *(size for size in sizes if size < n_labels)})


def _promised(n_frame: int, n_audit: int, found: float, n_pool: int, confidence: float) -> float:
    """What an audit that finds ``found`` errors promises, between whole numbers too."""
    low = min(n_audit, int(found))
    ends = [
        promised_error(n_frame, n_audit, n, n_pool=n_pool, confidence=confidence)
        for n in (low, min(n_audit, low + 1))
    ]
    return float(ends[0] + (found - low) * (ends[1] - ends[0]))
