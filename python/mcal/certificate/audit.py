"""From audited items to what may be machine-labelled, and to the error that is promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from ..types import IndexArray
from .bounds import allowed_errors, as_risk, as_share, as_target, most_missed

__all__ = ["Certificate", "audited", "certify", "first_free", "ladder", "machine_positions"]

N_RUNGS = 64
"""Ranks tested in turn for ``target = "machine"``; see ``ladder``."""


@dataclass(frozen=True)
class Certificate:
    """What an audit allows, and what is promised about it. Plain numbers, for a store.

    Attributes
    ----------
    cut : int
        Un-audited items of rank < ``cut`` may be machine-labelled; people label all others.
    n_machine : int
        How many those are.
    certified_errors, certified_error : int, float
        ``P(errors among them > certified_errors) <= 1 - confidence``; the error is over N for
        ``target = "set"``, over ``n_machine`` for "machine". At most ``target_error``, often less.
    n_audit, n_wrong : int
        Audited items, and those of them where the machine was wrong.
    tolerated : int or None
        For ``target = "set"``, the audited errors there may be above the cut, of a weighted audit
        their score. None where so small an audit can prove nothing, for "machine", where the number
        differs by rank, and where all was left to the machine before the audit.
    target_error, confidence, target : float, float, str
        As given.
    """

    cut: int
    n_machine: int
    certified_errors: int
    certified_error: float
    n_audit: int
    n_wrong: int
    tolerated: int | None
    target_error: float
    confidence: float
    target: str


def certify(
    n_ranked: int,
    frame: int,
    positions: npt.ArrayLike,
    wrong: npt.ArrayLike,
    *,
    n_pool: int,
    target_error: float,
    confidence: float = 0.95,
    target: str = "set",
    start: int | None = None,
) -> Certificate:
    """Say which items may be machine-labelled, at an error promised with ``confidence``.

    ``machine_positions`` turns the answer into those items' ranks. The draw of a plan of
    ``plan_weighted_audit`` is not uniform: it needs ``certify_weighted``, and would break the
    promise here.

    Parameters
    ----------
    n_ranked : int
        Items that nobody has labelled, ranked most confident first; the audited ones included.
        Rank 0 is the most confident. Any order will do that was fixed before the audit.
    frame : int
        The audit was drawn from the ranks below ``frame``, uniformly and without replacement;
        0..n_ranked.
    positions : (n_audit,) int
        Ranks of the audited items, in any order, each once.
    wrong : (n_audit,) bool
        Where the machine's label differs from the person's ("no class fits" differs too).
    n_pool : int
        N, the whole pool, >= n_ranked.
    target_error : float
        eps, in [0, 1].
    confidence : float
        In (0, 1).
    target : {"set", "machine"}
        Whether eps bounds errors / N (Eq. 2) or errors / machine labels.
    start : int, optional
        Only for "machine", and needed there: the first rank tested, 1..frame, fixed before the
        audit (``AuditPlan.start``).

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        On input of the wrong shape or dtype, out of range, or with a rank twice.

    Notes
    -----
    *Set.* Let E be the errors allowed and k the largest number with ``P(at most k of E + 1 + k
    given items are drawn) <= 1 - confidence``; it depends on counts alone, so the audit cannot
    influence it. The cut is the rank of the (k + 1)-th audited error, or ``frame`` if there are at
    most k. Were more than E un-audited items above the cut wrong, then at most k of the first
    E + 1 + k wrong items of the frame would have been drawn (where the frame holds fewer wrong
    items, count others in; where it is cut at the (k + 1)-th error, exactly k lie above). One
    event, whatever the cut: no multiplicity. With x audited errors the same argument bounds the
    errors missed by the least E' with ``P(at most min(x, k) of E' + 1 + min(x, k)) <= 1 -
    confidence``, which is what is certified. E labels may always be wrong, so the first E
    un-audited items are never refused.

    *Machine.* The allowed number grows with the machine labels, so ranks are tested in turn, from
    ``start`` to ``frame`` in at most 64 steps, until one fails. With x of n(r) audited items wrong
    above rank r, it passes if ``P(at most x of A(r) + 1 given items of r are drawn) <= 1 -
    confidence``, where A(r) is what eps allows of ``r - n_audit r / frame`` labels: fixed before
    the draw, and so is the first rank with more than A(r) wrong items, audited or not. Only its own
    test can break the promise, and given n(r) that test is exact. At every rank before it at most
    A(r) - x are missed, which is certified at the last that passed and keeps eps.

    Cost: a sort of the audited ranks and O(log n_ranked) tails per test, none of it O(N). Source:
    algorithm.md, section 5; fixed sequences: Angelopoulos et al. 2021 (Learn then Test).
    """
    n_pool = _core.as_integer(n_pool, "n_pool", 1)
    n_ranked = _core.as_integer(n_ranked, "n_ranked", 0, n_pool)
    frame = _core.as_integer(frame, "frame", 0, n_ranked)
    ranks, errors = audited(positions, wrong, frame)
    target_error, risk = as_share(target_error), as_risk(confidence)
    if as_target(target) == "set":
        if start is not None:
            raise ValueError(f"start: expected None for target 'set', found {start!r}")
        allowed = allowed_errors(n_pool, target_error)
        cut, proven, tolerated = _set_cut(frame, ranks, errors, allowed, risk)
        free = first_free(n_ranked, ranks, allowed)
        if free >= cut:
            cut, proven = free, allowed
    else:
        rungs = ladder(_core.as_integer(start, "start", min(1, frame), frame), frame)
        cut, proven = _machine_cut(rungs, frame, ranks, errors, target_error, risk)
        tolerated = None
    n_machine = cut - int(np.searchsorted(ranks, cut))
    n_errors = min(proven, n_machine)
    return Certificate(
        cut=cut,
        n_machine=n_machine,
        certified_errors=n_errors,
        certified_error=n_errors / max(1, n_pool if target == "set" else n_machine),
        n_audit=int(ranks.size),
        n_wrong=int(errors.size),
        tolerated=tolerated,
        target_error=target_error,
        confidence=float(confidence),
        target=target,
    )


def machine_positions(cut: int, positions: npt.ArrayLike) -> IndexArray:
    """Ranks below ``cut`` that were not audited, rising: what the machine may label.

    Parameters
    ----------
    cut : int
        ``Certificate.cut``.
    positions : (n_audit,) int
        Ranks of the audited items, in any order.

    Returns
    -------
    (n_machine,) int64
        ``ranking[machine_positions(cut, positions)]`` are the items.

    Raises
    ------
    ValueError
        On positions of the wrong shape or dtype, negative, or there twice.

    Notes
    -----
    Cost: O(cut).
    """
    ranks = np.asarray(positions)
    if ranks.ndim != 1 or (ranks.size and ranks.dtype.kind not in "iu"):
        raise ValueError(
            f"positions: expected int ranks of shape (n_audit,), "
            f"found shape {ranks.shape} and dtype {ranks.dtype}"
        )
    ranks = ranks.astype(np.int64)
    if ranks.size and (ranks.min() < 0 or np.unique(ranks).size != ranks.size):
        raise ValueError("positions: expected ranks >= 0, each once, found others")
    free = np.ones(_core.as_integer(cut, "cut", 0), dtype=np.bool_)
    free[ranks[ranks < cut]] = False
    return np.flatnonzero(free)


def audited(
    positions: npt.ArrayLike, wrong: npt.ArrayLike, frame: int
) -> tuple[IndexArray, IndexArray]:
    """Audited ranks, and those of them that were wrong, both rising; checked."""
    ranks, is_wrong = np.asarray(positions), np.asarray(wrong)
    if ranks.ndim != 1 or not (ranks.dtype.kind in "iu" or ranks.size == 0):
        raise ValueError(
            "positions: expected integers of shape (n_audit,), "
            f"found {ranks.dtype} of shape {ranks.shape}"
        )
    if is_wrong.shape != ranks.shape or not (is_wrong.dtype == np.bool_ or ranks.size == 0):
        raise ValueError(
            f"wrong: expected bool of shape {ranks.shape}, "
            f"found {is_wrong.dtype} of shape {is_wrong.shape}"
        )
    order = np.argsort(ranks)
    ranks, is_wrong = ranks[order].astype(np.int64), is_wrong[order].astype(np.bool_)
    if ranks.size and not (ranks[0] >= 0 and ranks[-1] < frame):
        outside = ranks[0] if ranks[0] < 0 else ranks[-1]
        raise ValueError(f"positions: expected ranks in [0, {frame}), found {outside}")
    twice = np.flatnonzero(ranks[1:] == ranks[:-1])
    if twice.size:
        raise ValueError(f"positions: expected each rank once, found {ranks[twice[0]]} twice")
    return ranks, ranks[is_wrong]


def first_free(n_ranked: int, ranks: IndexArray, allowed: int) -> int:
    """Where the first ``allowed`` un-audited items end, which may all be wrong."""
    return min(n_ranked, allowed + int(np.sum(ranks - np.arange(ranks.size) < allowed)))


def ladder(start: int, frame: int) -> IndexArray:
    """The ranks tested in turn for ``target = "machine"``: at most 64, equal steps, both ends."""
    steps = np.arange(N_RUNGS, dtype=np.int64)
    return np.unique(start + (frame - start) * steps // (N_RUNGS - 1))


def _set_cut(
    frame: int, ranks: IndexArray, errors: IndexArray, allowed: int, risk: float
) -> tuple[int, int, int | None]:
    """Cut, errors proven and audited errors tolerated when ``allowed`` errors may be missed."""
    n_audit = int(ranks.size)
    if frame - n_audit <= allowed:  # too few are left to break the promise
        tolerated = n_audit
    else:
        tolerated = _core.most_found(frame, n_audit, allowed, risk)
        if tolerated < 0:
            return 0, 0, None
    cut = int(errors[tolerated]) if errors.size > tolerated else frame
    found = min(int(errors.size), tolerated)
    return cut, min(allowed, most_missed(found, frame, n_audit, risk)), tolerated


def _machine_cut(
    rungs: IndexArray, frame: int, ranks: IndexArray, errors: IndexArray, eps: float, risk: float
) -> tuple[int, int]:
    """The last rung before the first that fails, of those that keep eps, and the errors there."""
    cut, proven = 0, 0
    share = ranks.size / max(1, frame)
    for rung in rungs.tolist():
        n_audit = int(np.searchsorted(ranks, rung))
        found = int(np.searchsorted(errors, rung))
        most = allowed_errors(rung - round(share * rung), eps)  # whatever is drawn
        if most < rung and _core.hypergeometric_cdf(found, rung, most + 1, n_audit) > risk:
            break
        if most - found <= allowed_errors(rung - n_audit, eps):
            cut, proven = rung, max(0, most - found)
    return cut, proven
