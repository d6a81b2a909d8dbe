"""A plan's totals, with what the audit at the end will cost: pure numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bootstrap import CurveReplicas
from ..certificate import AuditPlan, machine_labels_by_luck, plan_audit
from ..planning import Plan
from ..settings import Settings
from ..types import FloatArray, IndexArray
from .depletion import PoolCurves
from .label_cost import label_cost

__all__ = ["audit_labels", "expected_audit", "safety_labels", "with_audit"]

N_AUDITS = 6  # training sizes an audit is planned for: a few milliseconds each

GOLDEN = 0.5 * (5**0.5 - 1)
"""Its multiples modulo 1 fill (0, 1) evenly, however many there are: luck for the replicas."""


@dataclass(frozen=True, eq=False)
class ExpectedAudit:
    """What an audit is expected to leave to the machine."""

    n_machine: int
    error: float  # wrong machine labels / n_pool
    n_perfect: int  # what a cut that knows the curve would leave
    plan: AuditPlan | None = None

    @property
    def n_audit(self) -> int:
        """What people check."""
        return self.plan.n_audit if self.plan is not None else 0


def with_audit(
    plan: Plan,
    curves: PoolCurves,
    n_train: int,
    n_test: int,
    *,
    n_withheld: int,
    n_pool: int,
    settings: Settings,
) -> Plan:
    """The plan with the machine labels that an audit is expected to certify, and their totals.

    Which |B| to compare with stopping now stays as searched, with ``plan.safety``; the cheaper of
    the two is the plan. An audit may pay where that safety lets the machine label nothing, as on a
    small test set; where machine labels cost no less than people's there is none. Where the plan
    was to stop already, the best total that trains on moves as stopping does: its size is not known
    here.

    Parameters
    ----------
    plan : Plan
    curves : PoolCurves
        The curves that the plan was searched on.
    n_train, n_test : int
        |B| now, and the test items the curves are worth.
    n_withheld, n_pool : int
        As given to ``estimate_plan``.
    settings : Settings
    """

    def audit(n: int) -> ExpectedAudit:
        return expected_audit(
            curves.thetas,
            curves.predict(np.array([n]))[:, 0],
            n_left=n_pool - n_withheld - n,
            n_pool=n_pool,
            n_test=n_test,
            settings=settings,
        )

    labels = label_cost(n_pool, settings)

    def moved_usd(before: int, after: int) -> float:
        """What all labels cost more when the machine gives ``after`` of them, not ``before``."""
        return float(np.diff(labels.of([before, after]))[0])

    stop = audit(n_train)
    if not plan.stop_n_machine and moved_usd(0, stop.n_machine) >= 0.0:
        stop = ExpectedAudit(0, 0.0, 0)
    stop_moved_usd = moved_usd(plan.stop_n_machine, stop.n_machine)
    stop_usd = plan.stop_cost_usd + stop_moved_usd
    stop_theta = plan.stop_theta or stop.n_machine / max(1, n_pool - n_withheld - n_train)
    plan = replace(
        plan,
        stop_theta=stop_theta if stop.n_machine else 0.0,
        stop_n_machine=stop.n_machine,
        stop_cost_usd=stop_usd,
    )
    go_on_usd = None if plan.go_on_cost_usd is None else plan.go_on_cost_usd + stop_moved_usd
    if plan.n_steps:
        best = audit(plan.n_train)
        go_on_usd = plan.total_cost_usd + moved_usd(plan.n_machine, best.n_machine)
        if go_on_usd < stop_usd:
            return replace(
                plan,
                n_machine=best.n_machine,
                error=best.error,
                total_cost_usd=go_on_usd,
                go_on_cost_usd=go_on_usd,
            )
    return replace(
        plan,
        n_train=n_train,
        theta=plan.stop_theta,
        n_machine=stop.n_machine,
        n_steps=0,
        batch_size=0,
        error=stop.error,
        total_cost_usd=stop_usd,
        go_on_cost_usd=go_on_usd,
    )


def audit_labels(
    curves: PoolCurves,
    replicas: CurveReplicas,
    n_test: int,
    *,
    n_withheld: int,
    n_pool: int,
    settings: Settings,
) -> FloatArray:
    """What an audit leaves to people beyond a perfect cut, (replicas, K) labels at every knot.

    The audit is the one that the fitted curve asks for, for nothing else is known when it is
    planned; its errors are the replica's own, and so is its luck: the audits of pools on which the
    machine may label all are shortened by both, though a perfect cut is not. Below 0 where luck
    labels more than a perfect cut. Planned at ``N_AUDITS`` knots and interpolated over log |B|.

    For ``target = "machine"``, and where no audit pays, it is the fitted curve's for all.

    Parameters
    ----------
    curves, n_test, n_withheld, n_pool, settings
        As ``with_audit``.
    replicas : CurveReplicas
        Of the same pool as ``curves``.
    """
    knots, shares = replicas.n_knots, np.concatenate([[0.0], replicas.thetas])
    at = np.unique(np.linspace(0, knots.size - 1, N_AUDITS).round().astype(np.int64))
    normal = NormalDist()
    places = (np.arange(len(replicas.error)) + 0.5) * GOLDEN % 1.0
    luck = np.array([normal.inv_cdf(place) for place in places.tolist()])
    extra = []
    for k, error in zip(at.tolist(), curves.predict(knots[at]).T, strict=True):
        n_left = n_pool - n_withheld - int(knots[k])
        found = expected_audit(
            curves.thetas, error, n_left=n_left, n_pool=n_pool, n_test=n_test, settings=settings
        )
        if found.plan is None or found.plan.tolerated is None:
            extra.append(np.full(luck.size, float(found.n_perfect - found.n_machine)))
            continue
        own = np.nan_to_num(replicas.error[:, :, k], nan=1.0)
        above = np.concatenate([np.zeros((luck.size, 1)), own], axis=1) * shares * n_left
        perfect = [_perfect_cut(n_left, shares * n_left, row, n_pool, settings) for row in above]
        by_luck = machine_labels_by_luck(found.plan, shares * n_left, above, luck)
        extra.append(np.array(perfect) - by_luck)
    sizes = np.log(knots)
    return np.array([np.interp(sizes, sizes[at], row) for row in np.transpose(extra)])


def safety_labels(
    thetas: FloatArray,
    error: FloatArray,
    bound: FloatArray,
    n_left: IndexArray,
    *,
    n_pool: int,
    settings: Settings,
) -> FloatArray:
    """What ``plan.safety`` leaves to people beyond a perfect cut where no audit decides, (1, K).

    Parameters
    ----------
    thetas : (T,) float64
    error, bound : (T, K) float64
        Expected error rates among the most confident theta, and with the safety added.
    n_left : (K,) int64
        Items left at each training size.
    n_pool, settings
        As ``with_audit``.
    """

    def cuts(rates: FloatArray) -> list[int]:
        above = np.where(np.isnan(rates), 1.0, rates) * thetas[:, None] * n_left
        zeros = np.zeros(1)
        return [
            _perfect_cut(
                int(n),
                np.concatenate([zeros, thetas * n]),
                np.concatenate([zeros, wrong]),
                n_pool,
                settings,
            )
            for n, wrong in zip(n_left, above.T, strict=True)
        ]

    more: FloatArray = np.array([cuts(error)], dtype=np.float64) - np.array(cuts(bound))
    return more


def expected_audit(
    thetas: FloatArray,
    error: FloatArray,
    *,
    n_left: int,
    n_pool: int,
    n_test: int,
    settings: Settings,
) -> ExpectedAudit:
    """What to expect of an audit of ``n_left`` items with a forecast error curve.

    Parameters
    ----------
    thetas, error : (T,) float64
        Error rates among the most confident theta; NaN, where the forecast has none, counts as
        always wrong.
    n_left, n_pool, n_test : int
    settings : Settings
    """
    ends = np.concatenate([[0.0], thetas]) * n_left
    wrong = np.concatenate([[0.0], np.where(np.isnan(error), 1.0, error)]) * ends
    edges = np.unique(np.rint(ends).astype(np.int64))
    rates = np.clip(np.diff(np.interp(edges, ends, wrong)) / np.diff(edges), 0.0, 1.0)
    above = np.concatenate([[0.0], np.cumsum(rates * np.diff(edges))])
    plan = plan_audit(
        edges,
        rates,
        n_pool=n_pool,
        n_test=n_test,
        target_error=settings.target_error,
        confidence=settings.certificate.confidence,
        target=settings.target,
        least=settings.prices.min_batch,
    )
    n_machine = round(n_left - plan.expected_human)
    cut = max(1, plan.expected_cut)
    error_machine = float(np.interp(cut, edges, above)) * n_machine / cut / n_pool
    n_perfect = _perfect_cut(n_left, edges, above, n_pool, settings)
    return ExpectedAudit(n_machine, error_machine, n_perfect, plan)


def _perfect_cut(
    n_left: int, ends: npt.NDArray[Any], above: FloatArray, n_pool: int, settings: Settings
) -> int:
    """Machine labels of a cut that knows the errors ``above`` the ranks ``ends``."""
    ranks = n_left * np.arange(101) // 100  # as coarse as the shares that replicas choose from
    allowed = settings.target_error * (n_pool if settings.target == "set" else ranks)
    return int(ranks[np.flatnonzero(np.interp(ranks, ends, above) <= allowed)[-1]])
