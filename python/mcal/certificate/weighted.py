"""An audit that draws more where errors are likely, and what it proves: exact, in two strata."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .. import _core
from ..types import FloatArray, IndexArray
from .audit import Certificate, audited, first_free
from .bounds import allowed_errors, as_risk, as_share
from .curve import Curve, as_curve, audit_frame, normal_quantile
from .plan import AuditPlan, plan_audit

__all__ = ["WeightedAuditPlan", "certify_weighted", "plan_weighted_audit"]

POINTS = 16
"""Score of an audited error where more is drawn; elsewhere it is more, in whole points."""

BOUNDARIES = np.linspace(0.5, 0.8, 7)
"""Where the strata may meet: shares of the ranks above the deepest cut that keeps the target."""

DRAWN = np.geomspace(1e-4, 0.3, 60)
"""Shares that may be drawn of the sure stratum."""

RATIOS = np.arange(2.0, 7.0)
"""How many times more may be drawn of the unsure one. Wider limits save nothing: the search then
picks what the luck of the test set makes look best."""

BOOST = np.linspace(1.0, 4.0, 13)
"""Weights that may be given to an error of the sure stratum, beside the one without bias: more, so
that errors are not likelier to be overlooked there, where fewer are drawn."""

LEAST_TEST = 300
"""Test items below which the audit stays uniform: the profile is too rough to lean on."""

LEAST_SAVING = 0.005
"""Expected saving, over N, below which it does: less is lost by what is not as expected."""

LUCK = 0.2
"""Errors by which the score expected at the cut exceeds what is tolerated."""


@dataclass(frozen=True)
class WeightedAuditPlan:
    """An audit to be drawn in two strata. Plain numbers, for a store.

    Attributes
    ----------
    frame, boundary : int
        Ranks below ``boundary`` are the sure stratum, those from there to ``frame`` the unsure one.
    n_sure, n_unsure : int
        How many to draw from each, uniformly without replacement.
    weight_sure, weight_unsure : int
        Points that an audited error scores in each.
    expected_cut, expected_machine, expected_human
        As in ``AuditPlan``.
    """

    frame: int
    boundary: int
    n_sure: int
    n_unsure: int
    weight_sure: int
    weight_unsure: int
    expected_cut: int
    expected_machine: int
    expected_human: float

    @property
    def n_audit(self) -> int:
        """Items to draw in all."""
        return self.n_sure + self.n_unsure

    def draw(self, seed: int) -> IndexArray:
        """The ranks to audit, rising. Record the seed before, and the ranks before any label."""
        rng = np.random.default_rng(_core.as_integer(seed, "seed", 0))
        sure = rng.choice(self.boundary, self.n_sure, replace=False, shuffle=False)
        n_rest = self.frame - self.boundary
        unsure = rng.choice(n_rest, self.n_unsure, replace=False, shuffle=False)
        return np.sort(np.concatenate([sure, self.boundary + unsure]))


def plan_weighted_audit(
    bin_edges: npt.ArrayLike,
    bin_error: npt.ArrayLike,
    *,
    n_pool: int,
    n_test: int,
    target_error: float,
    confidence: float = 0.95,
    least: int = 1,
) -> WeightedAuditPlan:
    """Choose the audit in two strata for which people are expected to label the fewest items.

    A wrong expectation costs labels, never the promise.

    Parameters
    ----------
    bin_edges, bin_error, n_pool, n_test, target_error, confidence, least
        As ``plan_audit``. The target is errors / N.

    Returns
    -------
    WeightedAuditPlan
        With nothing in the sure stratum, that is uniform, where no more than 0.5 % of N is expected
        to be saved, and with fewer than 300 test items.

    Raises
    ------
    ValueError
        On bins that do not fit together or values out of range.

    Notes
    -----
    The variance of the errors estimated to be missed is a sum of ``missed / share drawn``, least
    for shares that grow with the square root of the error rate; and what is drawn near the cut
    costs next to nothing, for an error repaired there pays for a machine label further down. So
    few are drawn among the sure items and many near the cut. The boundary and both shares are
    searched on a grid with the normal law of that estimate, which stands for the exact one only
    here. Weights in inverse proportion to the shares would leave the promise weakest where all
    errors are among the sure items; a larger weight there makes all layouts about as hard to
    overlook as the one expected, and is searched too.

    Cost: a million arithmetic operations and a thousand hypergeometric tails, 20 to 200 ms.
    Source: algorithm.md, section 5 (a weighted audit); the design is ours; ``sqrt(rate)`` is
    Neyman's allocation (1934).
    """
    uniform = _uniform(
        plan_audit(
            bin_edges,
            bin_error,
            n_pool=n_pool,
            n_test=n_test,
            target_error=target_error,
            confidence=confidence,
            least=least,
        )
    )
    curve = as_curve(bin_edges, bin_error).smoothed(n_test)
    allowed, risk = allowed_errors(n_pool, target_error), as_risk(confidence)
    rough = n_test < LEAST_TEST or not uniform.n_audit
    best = None if rough else _best(curve, allowed, n_test, risk)
    if best is None or best.frame < least:
        return uniform
    best = _grown(best, least)
    score = _core.most_weight(*_strata(best), allowed, risk)
    placed = _placed(best, curve, score) if score >= 0 else uniform
    saving = uniform.expected_human - placed.expected_human
    return placed if saving > LEAST_SAVING * n_pool else uniform


def certify_weighted(
    n_ranked: int,
    frame: int,
    positions: npt.ArrayLike,
    wrong: npt.ArrayLike,
    *,
    boundary: int,
    weights: tuple[int, int],
    n_pool: int,
    target_error: float,
    confidence: float = 0.95,
) -> Certificate:
    """Say which items may be machine-labelled after an audit drawn in two strata.

    Parameters
    ----------
    n_ranked, frame, positions, wrong, n_pool, target_error, confidence
        As ``certify``, except that the ranks below ``boundary``, and those from there to ``frame``,
        were each drawn from uniformly and without replacement, as many as ``positions`` has there.
    boundary : int
        0..frame, fixed before the audit.
    weights : (int, int)
        Points that an audited error scores below the boundary and from there on, >= 1, fixed
        before the audit.

    Returns
    -------
    Certificate
        ``certified_errors`` are the errors allowed, ``tolerated`` is the score that may be reached.

    Raises
    ------
    ValueError
        On input of the wrong shape or dtype, out of range, or with a rank twice.

    Notes
    -----
    The cut is the rank of the audited error that takes the score above t. Were more than E
    un-audited items above it wrong, the score would have been at most t when the (E + 1)-th of them
    went by, and t is the largest score for which that has a chance of at most ``1 - confidence``
    however the errors lie: with e wrong items in the first stratum, x of them drawn, the rest is
    one hypergeometric tail in the second, and every e is looked at (``_core.most_weight``). t
    depends on counts alone. So it is exact, for any ranking and layout, and one event whatever the
    cut: no multiplicity. Cost: some hundred tails, 10 to 100 ms. Source: algorithm.md, section 5;
    the exact law in two strata is ours.
    """
    n_pool = _core.as_integer(n_pool, "n_pool", 1)
    n_ranked = _core.as_integer(n_ranked, "n_ranked", 0, n_pool)
    frame = _core.as_integer(frame, "frame", 0, n_ranked)
    boundary = _core.as_integer(boundary, "boundary", 0, frame)
    ranks, errors = audited(positions, wrong, frame)
    target_error, risk = as_share(target_error), as_risk(confidence)
    allowed = allowed_errors(n_pool, target_error)
    n_sure = int(np.searchsorted(ranks, boundary))
    sure = (boundary, n_sure, weights[0])
    unsure = (frame - boundary, ranks.size - n_sure, weights[1])
    tolerated = _core.most_weight(sure, unsure, allowed, risk)
    score = np.cumsum(np.where(errors < boundary, *weights))
    above = int(np.searchsorted(score, tolerated, side="right"))
    cut = 0 if tolerated < 0 else int(errors[above]) if above < errors.size else frame
    cut = max(cut, first_free(n_ranked, ranks, allowed))
    n_machine = cut - int(np.searchsorted(ranks, cut))
    n_errors = min(allowed, n_machine)
    return Certificate(
        cut=cut,
        n_machine=n_machine,
        certified_errors=n_errors,
        certified_error=n_errors / n_pool,
        n_audit=int(ranks.size),
        n_wrong=int(errors.size),
        tolerated=None if tolerated < 0 else tolerated,
        target_error=target_error,
        confidence=float(confidence),
        target="set",
    )


def _uniform(plan: AuditPlan) -> WeightedAuditPlan:
    """The same audit with an empty sure stratum."""
    return WeightedAuditPlan(
        frame=plan.frame,
        boundary=0,
        n_sure=0,
        n_unsure=plan.n_audit,
        weight_sure=1,
        weight_unsure=1,
        expected_cut=plan.expected_cut,
        expected_machine=plan.expected_machine,
        expected_human=plan.expected_human,
    )


def _best(curve: Curve, allowed: int, n_test: int, risk: float) -> WeightedAuditPlan | None:
    """The design that the normal law likes best; None where it sees none."""
    deepest = curve.deepest(allowed)
    frame = audit_frame(curve, deepest, allowed, n_test)
    boundary = np.unique(np.floor(BOUNDARIES * deepest))[:, None, None, None]
    sure = DRAWN[:, None, None]
    unsure = np.minimum(RATIOS[:, None] * sure, 0.9)
    weight = BOOST * (1 - sure) / sure * unsure / (1 - unsure)  # in errors of the unsure stratum
    wrong = curve.above(boundary)
    score = _tolerable(sure, unsure, weight, allowed, normal_quantile(1.0 - risk))
    rest = score - weight * sure * wrong
    cut = np.interp(wrong + rest / unsure, curve.errors, curve.edges)
    human = float(curve.edges[-1]) - cut + sure * boundary + unsure * (cut - boundary)
    fits = (rest > 0) & (boundary > 0) & (boundary < frame)
    if not fits.any():
        return None
    human = np.where(fits, human, np.inf)
    at = np.unravel_index(int(np.argmin(human)), human.shape)
    b = int(boundary[at[0], 0, 0, 0])
    return WeightedAuditPlan(
        frame=frame,
        boundary=b,
        n_sure=math.ceil(DRAWN[at[1]] * b),
        n_unsure=math.ceil(unsure[at[1], at[2], 0] * (frame - b)),
        weight_sure=max(1, round(POINTS * weight[at[1:]])),
        weight_unsure=POINTS,
        expected_cut=0,
        expected_machine=0,
        expected_human=float(human[at]),
    )


def _tolerable(
    sure: FloatArray, unsure: FloatArray, weight: FloatArray, allowed: int, z: float
) -> FloatArray:
    """About the score that proves ``allowed`` errors missed, however they lie.

    With a share of the missed ones in the sure stratum the score has a mean and a variance that
    are linear in that share; z deviations below the mean is convex in it, so that its least value
    is at an end or where the slope is 0.
    """
    mean = np.stack(np.broadcast_arrays(unsure / (1 - unsure), weight * sure / (1 - sure)))
    variance = np.stack(
        np.broadcast_arrays(unsure / (1 - unsure) ** 2, weight**2 * sure / (1 - sure) ** 2)
    )
    mean, variance = allowed * mean, allowed * variance
    slope, growth = mean[1] - mean[0], variance[1] - variance[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = ((z * growth / (2 * slope)) ** 2 - variance[0]) / growth
    share = np.where(slope * growth > 0, np.clip(flat, 0, 1), 0)

    def below(share: FloatArray) -> FloatArray:
        lowest: FloatArray = mean[0] + slope * share - z * np.sqrt(variance[0] + growth * share)
        return lowest

    ends = np.minimum(below(np.zeros(1)), below(np.ones(1)))
    least: FloatArray = np.minimum(below(share), ends)
    return least


def _placed(plan: WeightedAuditPlan, curve: Curve, score: int) -> WeightedAuditPlan:
    """The same draw, with the cut expected where the score is ``score``."""
    sure, unsure = plan.n_sure / plan.boundary, plan.n_unsure / (plan.frame - plan.boundary)
    at_boundary = float(np.interp(plan.boundary, curve.edges, curve.errors))
    reached = plan.weight_sure * sure * at_boundary
    left = score + LUCK * plan.weight_unsure - reached
    share, weight = (sure, plan.weight_sure) if left < 0 else (unsure, plan.weight_unsure)
    cut = math.ceil(min(plan.frame, curve.deepest(max(0.0, at_boundary + left / (share * weight)))))
    machine = min(cut, plan.boundary) * (1 - sure) + max(0, cut - plan.boundary) * (1 - unsure)
    human = float(curve.edges[-1]) - machine
    return replace(plan, expected_cut=cut, expected_machine=round(machine), expected_human=human)


def _grown(plan: WeightedAuditPlan, least: int) -> WeightedAuditPlan:
    """The same plan with no fewer draws, of the unsure stratum first."""
    n_audit = max(plan.n_audit, least)
    n_unsure = min(plan.frame - plan.boundary, n_audit - plan.n_sure)
    return replace(plan, n_sure=n_audit - n_unsure, n_unsure=n_unsure)


def _strata(plan: WeightedAuditPlan) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    sure = (plan.boundary, plan.n_sure, plan.weight_sure)
    return sure, (plan.frame - plan.boundary, plan.n_unsure, plan.weight_unsure)
