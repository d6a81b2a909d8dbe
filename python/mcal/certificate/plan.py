"""How many items to audit, and along which part of the ranking."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from ..types import FloatArray, IndexArray
from .bounds import allowed_errors, as_risk, as_share, as_target
from .curve import Curve, as_curve, audit_frame, normal_cdf, normal_quantile

__all__ = ["AuditPlan", "audit_order", "machine_labels_by_luck", "plan_audit"]

LUCK = 0.7
"""Expected audited errors above the planned cut, less the k tolerated: the median of where the
(k + 1)-th falls is k + 0.7 (the median of a gamma law is a third below its shape). For "machine";
for "set" the whole law is taken, at these equally likely places:"""

DEVIATES = np.array([-1.3830, -0.6745, -0.2104, 0.2104, 0.6745, 1.3830])
"""The normal law at 1/12, 3/12, ... 11/12."""


N_RANKS = 128
"""Ranks that a plan for ``target = "machine"`` looks at."""


@dataclass(frozen=True)
class AuditPlan:
    """An audit to be drawn. Plain numbers, for a store.

    Attributes
    ----------
    frame : int
        Draw from the ranks below it.
    n_audit : int
        How many, uniformly without replacement.
    start : int or None
        The first rank tested; only for ``target = "machine"``.
    expected_cut, expected_machine : int
        Where the cut is expected, and how many machine labels above it. For "machine" it is what
        to expect if the audit passes at all.
    expected_human : float
        Labels expected from people on the ranked items, audit and all below the cut.
    """

    frame: int
    n_audit: int
    start: int | None
    expected_cut: int
    expected_machine: int
    expected_human: float
    tolerated: int | None = None
    """k: the cut is at the next audited error; None where nothing is audited, or for "machine"."""

    def draw(self, seed: int) -> IndexArray:
        """The ranks to audit, rising. Record the seed before, and the ranks before any label."""
        rng = np.random.default_rng(_core.as_integer(seed, "seed", 0))
        drawn: IndexArray = rng.choice(self.frame, self.n_audit, replace=False, shuffle=False)
        return np.sort(drawn)


def plan_audit(
    bin_edges: npt.ArrayLike,
    bin_error: npt.ArrayLike,
    *,
    n_pool: int,
    n_test: int,
    target_error: float,
    confidence: float = 0.95,
    target: str = "set",
    least: int = 1,
) -> AuditPlan:
    """Choose the audit for which people are expected to label the fewest items.

    A wrong expectation costs labels, never the promise.

    Parameters
    ----------
    bin_edges : (n_bins + 1,) int
        Ranks at which the bins of the profile begin and end, rising from 0 to the number of items
        that nobody has labelled (``Profile.bin_edges``). Only ``[0]`` when there are none.
    bin_error : (n_bins,) float
        Expected error rate within each bin, in [0, 1] (``Profile.bin_error``).
    n_pool : int
        N, the whole pool.
    n_test : int
        Test items the expectation comes from, >= 1: the fewer, the deeper the frame. Where some
        no longer measure it is those that do (``int(profile.bin_n_test.sum())``).
    target_error : float
        eps, in [0, 1].
    confidence : float
        In (0, 1).
    target : {"set", "machine"}
        As ``certify``.
    least : int
        Fewest items that people take at once, >= 1: no audit has fewer.

    Returns
    -------
    AuditPlan
        ``n_audit`` is 0 where an audit costs more labels than it saves.

    Raises
    ------
    ValueError
        On bins that do not fit together or values out of range.

    Notes
    -----
    With P the ranked items, c_i the errors expected above rank i, E those allowed and e the rate
    where c reaches E (at rank K): the frame is ``M = min(|P|, K + sqrt(E |P| / n_test) / e)``, one
    standard error of the expectation deeper. For each k, n_k is the fewest draws for which at most
    k audited errors prove E, and the k for which people are expected to label the fewest wins
    (every k to 40, then steps of 5 %). The expectation is over what is not known: the cut is where
    the (k + 1)-th audited error falls, ``c_i n_k / M = g``, g from a gamma law of shape k + 1; and
    c itself is measured on ``m = c_K n_test / |P|`` wrong test items, so that it is multiplied by
    h / m, h from a gamma law of shape m + 1. Half a wrong item is added to what T has shown. Prices
    play no part: every item not labelled by the machine costs the same. The first E items need no
    audit, so that people expect to label ``|P| - E`` at most.

    For "machine" the draws are on a grid instead, and so are the ranks; the audited errors
    tolerated at each are taken from the normal law; the start is the rank likeliest to
    pass, and an audit that fails there leaves everything to people.

    Cost: a few hundred hypergeometric tails. Source: algorithm.md, section 5; for "machine", ours.
    """
    curve = as_curve(bin_edges, bin_error)
    n_pool = _core.as_integer(n_pool, "n_pool", max(1, int(curve.edges[-1])))
    n_test = _core.as_integer(n_test, "n_test", 1)
    target_error, risk = as_share(target_error), as_risk(confidence)
    least = _core.as_integer(least, "least", 1)
    if as_target(target) == "machine":
        return _plan_machine(curve, n_test, target_error, risk, least)
    allowed = allowed_errors(n_pool, target_error)
    return _plan_set(curve.smoothed(n_test), n_test, allowed, risk, least)


def machine_labels_by_luck(
    plan: AuditPlan, ranks: npt.ArrayLike, errors: npt.ArrayLike, deviates: npt.ArrayLike
) -> FloatArray:
    """Machine labels that an audit leads to, whatever errors it was planned on.

    Parameters
    ----------
    plan : AuditPlan
    ranks : (K,) float
        Rising from 0 to the number of ranked items.
    errors : (J, K) float
        Expected above each rank, rising from 0: one row for each case.
    deviates : (J,) float
        Luck of each draw, as a value of the standard normal law: high when errors turn up late.

    Returns
    -------
    (J,) float64
        All ``plan.expected_machine`` where no audit is drawn, and for "machine".
    """
    rows, luck = np.asarray(errors, np.float64), np.asarray(deviates, np.float64)
    places = np.asarray(ranks, np.float64)
    if plan.tolerated is None:
        return np.full(luck.size, float(plan.expected_machine))
    found = _gamma(plan.tolerated + 1.0, luck) * plan.frame / plan.n_audit
    cuts = np.array([np.interp(e, row, places) for e, row in zip(found, rows, strict=True)])
    labels: FloatArray = np.minimum(plan.frame, cuts) * (1.0 - plan.n_audit / plan.frame)
    return labels


def audit_order(deficit: npt.ArrayLike, *, seed: int) -> IndexArray:
    """Positions in ``deficit`` most confident first, equal ones in a random order.

    Rank for an audit with it, before any audit label is seen: equal deficits come by the thousand
    from saturated scores, and in the order of the pool they would often be one class.

    Parameters
    ----------
    deficit : (n,) float
        ``1 - margin``, not NaN.
    seed : int
        >= 0.

    Returns
    -------
    (n,) int64
    """
    values = np.asarray(deficit)
    if values.ndim != 1 or np.isnan(values).any():
        raise ValueError(
            f"deficit: expected shape (n,) without NaN, found shape {values.shape}"
            + (", with NaN" if np.isnan(values).any() else "")
        )
    rng = np.random.default_rng(_core.as_integer(seed, "seed", 0))
    shuffled: IndexArray = rng.permutation(values.size)
    return shuffled[np.argsort(values[shuffled], kind="stable")]


def _plan_set(curve: Curve, n_test: int, allowed: int, risk: float, least: int) -> AuditPlan:
    n_ranked = int(curve.edges[-1])
    free = min(allowed, n_ranked)
    best = AuditPlan(n_ranked, 0, None, free, free, float(n_ranked - free))
    deepest = curve.deepest(allowed)
    frame = audit_frame(curve, deepest, allowed, n_test)
    doubt = _doubt(curve, deepest, n_test)
    if allowed + least >= frame:
        return best  # what such an audit leaves to the machine needs none
    k = max(0, _core.most_found(frame, least, allowed, risk))
    while allowed + 1 + k <= frame:
        n_audit = max(least, _core.fewest_draws(k, frame, allowed + 1 + k, risk))
        if n_ranked - frame + n_audit >= best.expected_human:
            break  # and so it is for every larger k
        cut = math.ceil(_cuts(curve, k, n_audit, frame, doubt).mean())
        machine = cut - cut * n_audit / frame
        if n_ranked - machine < best.expected_human:
            human = n_ranked - machine
            best = AuditPlan(frame, n_audit, None, cut, round(machine), human, k)
        k = max(k + 1, k * 21 // 20)
    return best


def _cuts(curve: Curve, k: int, n_audit: int, frame: int, doubt: FloatArray | float) -> FloatArray:
    """Equally likely ranks of the (k + 1)-th audited error, for each factor of the curve."""
    errors = np.outer(_gamma(k + 1.0), 1.0 / np.atleast_1d(doubt)) * frame / n_audit
    cuts: FloatArray = np.minimum(frame, np.interp(errors, curve.errors, curve.edges))
    return cuts


def _doubt(curve: Curve, rank: float, n_test: int) -> FloatArray:
    """Equally likely factors of the errors above a rank, given the wrong test items there."""
    n_wrong = float(curve.above(np.array([rank]))[0]) * n_test / max(1.0, curve.edges[-1])
    return _gamma(n_wrong + 1.0) / n_wrong if n_wrong else np.ones(1)


def _gamma(shape: float, deviates: FloatArray = DEVIATES) -> FloatArray:
    """Values of a gamma law of scale 1 as likely as those of the normal (Wilson and Hilferty)."""
    root = 1.0 - 1.0 / (9.0 * shape) + deviates / (3.0 * math.sqrt(shape))
    values: FloatArray = shape * np.maximum(root, 0.05) ** 3
    return values


def _plan_machine(
    curve: Curve, n_test: int, target_error: float, risk: float, least: int
) -> AuditPlan:
    n_ranked = int(curve.edges[-1])
    best = AuditPlan(n_ranked, 0, min(1, n_ranked), 0, 0, float(n_ranked))
    grid = np.ceil(n_ranked * np.arange(1, N_RANKS + 1) / N_RANKS)
    kept = np.flatnonzero(curve.above(grid) <= target_error * grid)
    if not kept.size:
        return best
    deepest = float(grid[kept[-1]])
    frame = audit_frame(curve, deepest, target_error * deepest, n_test)
    ranks = np.unique(np.ceil(frame * np.arange(1, N_RANKS + 1) / N_RANKS))
    expected, z = curve.above(ranks), normal_quantile(1.0 - risk)
    n_audit = least
    while n_audit < frame and n_ranked - frame + n_audit < best.expected_human:
        share = n_audit / frame
        found = share * expected
        scale = share * n_ranked / n_test  # audited items to a test item; one more may be wrong
        doubt = np.sqrt(found + 0.1 + scale * (found + scale))
        most = target_error * (1.0 - share) * ranks
        # How many fall above a rank is luck; two standard deviations fewer must do.
        fewest = share * (1 - 2 * np.sqrt((1 - ranks / frame) / (share * ranks))).clip(0, 1)
        slack = (_tolerated(most, fewest, z) + LUCK - found) / doubt
        at = int(np.argmax(slack))
        start, drawn = int(ranks[at]), int(fewest[at] * ranks[at])
        k = _most_found(start, min(start, math.floor(most[at]) + 1), drawn, risk)
        if k >= 0:
            passes = normal_cdf((k + LUCK - found[at]) / doubt[at])
            failing = np.flatnonzero(slack[at:] < 0)
            cut = int(ranks[max(at, at + int(failing[0]) - 1) if failing.size else -1])
            machine = cut - cut * share
            human = n_ranked - passes * machine
            if human < best.expected_human:
                best = AuditPlan(frame, n_audit, start, cut, round(machine), human)
        n_audit = max(n_audit + 1, n_audit * 10 // 9)
    return best


def _tolerated(most: FloatArray, share: FloatArray, z: float) -> FloatArray:
    """About what ``_most_found`` gives where ``share`` is drawn of ``most + 1`` wrong items."""
    k: FloatArray = share * (most + 1) - z * np.sqrt(share * (1.0 - share) * (most + 1))
    return k


def _most_found(population: int, bad: int, draws: int, risk: float) -> int:
    """The largest k with P(at most k of the bad items are drawn) <= risk, or -1."""

    def tail(k: int) -> float:
        return _core.hypergeometric_cdf(k, population, bad, draws)

    return bisect_right(range(draws + 1), risk, key=tail) - 1
