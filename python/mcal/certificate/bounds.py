"""Exact bounds from counts: what a sample without replacement proves about the rest."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .. import _core
from ..types import FloatArray

__all__ = [
    "allowed_errors",
    "as_risk",
    "as_share",
    "as_target",
    "fewest_missed",
    "most_missed",
    "promised_error",
    "split_confidence",
]


def allowed_errors(n_items: int, target_error: float) -> int:
    """The most errors among ``n_items`` that keep ``errors / n_items <= target_error``.

    The floor of the product, except where rounding of the product would lose one: 29 of 100 at
    0.29. No items allow no errors.
    """
    errors = math.floor(target_error * n_items)
    return errors + (errors < n_items and (errors + 1) / n_items <= target_error)


def most_missed(found: int, n_items: int, n_audit: int, risk: float) -> int:
    """The most wrong items that an audit may have missed, but for ``risk``.

    The smallest E with ``P(at most found of the first E + 1 + found wrong items are drawn) <=
    risk``. It grows with ``found``, and is all un-audited items when everything drawn was wrong.
    """
    if found == n_audit:
        return n_items - n_audit
    return _core.fewest_draws(found, n_items, n_audit, risk) - 1 - found


def fewest_missed(found: int, n_items: int, n_audit: int, risk: float) -> int:
    """The fewest wrong items that an audit has missed, but for ``risk``.

    The largest L with ``P(at least found of the first L - 1 + found wrong items are drawn) <=
    risk``, or 0. Counted by the right items, so that no small tail is 1 minus a large one.
    """
    if found == 0:
        return 0
    n_right = _core.fewest_draws(n_audit - found, n_items, n_audit, risk)
    return n_items - n_right + 1 - found


def promised_error(
    n_items: int,
    n_audit: int,
    n_wrong: int,
    *,
    n_pool: int,
    confidence: float = 0.95,
    target: str = "set",
) -> float:
    """The smallest error that can be promised about items that were machine-labelled anyway.

    The reverse of ``certify``: which items are labelled is settled before the audit, and the audit
    says how well. A uniform sample of them, drawn without replacement, was labelled by people,
    whose labels replace the machine's; the promise is about the others.

    Parameters
    ----------
    n_items : int
        Items the sample was drawn from, >= 0.
    n_audit : int
        Of these, drawn and labelled by people; 0..n_items.
    n_wrong : int
        Of these, where the machine was wrong; 0..n_audit.
    n_pool : int
        N, the whole pool, >= n_items, >= 1.
    confidence : float
        Of the promise, in (0, 1).
    target : {"set", "machine"}
        Errors over N (Eq. 2), or over the machine labels ``n_items - n_audit``.

    Returns
    -------
    float
        In [0, 1]; 0 when no machine label is left. ``P(true error > promised) <= 1 - confidence``.

    Raises
    ------
    ValueError
        On counts that do not fit together or values out of range.

    Notes
    -----
    Exact upper confidence limit of the hypergeometric law, by searching its tail (the finite
    counterpart of Clopper and Pearson 1934); cost O(log n_items) tails, no matter how large N.
    """
    n_pool = _core.as_integer(n_pool, "n_pool", 1)
    n_items = _core.as_integer(n_items, "n_items", 0, n_pool)
    n_audit = _core.as_integer(n_audit, "n_audit", 0, n_items)
    n_wrong = _core.as_integer(n_wrong, "n_wrong", 0, n_audit)
    risk = as_risk(confidence)
    n_machine = n_items - n_audit
    base = n_pool if as_target(target) == "set" else n_machine
    return most_missed(n_wrong, n_items, n_audit, risk) / base if n_machine else 0.0


def split_confidence(confidence: float, shares: npt.ArrayLike) -> FloatArray:
    """The confidence of each of several looks or candidates that together keep one promise.

    Certify each by itself at its own confidence, fixed before any audit label is seen; then the
    best of them may be taken, because the risks add up to ``1 - confidence`` (Bonferroni). A
    later look may be planned in view of earlier ones if it draws afresh from what they left.

    Parameters
    ----------
    confidence : float
        Of the promise as a whole, in (0, 1).
    shares : (K,) float
        How the risk is divided, > 0, in any unit: ``[1, 1]`` for two equal looks.

    Returns
    -------
    (K,) float64
        ``1 - (1 - confidence) * share / sum of shares``.
    """
    risk = as_risk(confidence)
    parts = np.asarray(shares, dtype=np.float64)
    if parts.ndim != 1 or not parts.size or not np.all((parts > 0) & np.isfinite(parts)):
        raise ValueError(f"shares: expected positive numbers of shape (K,), found {shares!r}")
    confidences: FloatArray = 1.0 - risk * (parts / parts.sum())
    return confidences


def as_risk(confidence: float) -> float:
    """``1 - confidence``, checked."""
    return 1.0 - _core.as_number(confidence, "confidence", 0.0, 1.0, open=True)


def as_share(target_error: float) -> float:
    return _core.as_number(target_error, "target_error", 0.0, 1.0)


def as_target(target: str) -> str:
    if target not in ("set", "machine"):
        raise ValueError(f"target: expected 'set' or 'machine', found {target!r}")
    return target
