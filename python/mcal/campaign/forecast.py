"""A plan's totals, with what the audit at the end will cost: pure numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..certificate import likely_machine_labels, plan_audit
from ..fitting import CurveFits
from ..planning import Plan
from ..settings import Settings
from ..types import FloatArray, IndexArray
from .label_cost import label_cost

__all__ = ["audit_labels", "expected_audit", "with_audit"]

N_AUDITS = 6  # training sizes an audit is planned for: a few milliseconds each


@dataclass(frozen=True, eq=False)
class ExpectedAudit:
    """What an audit is expected to leave to the machine."""

    n_machine: int
    error: float  # wrong machine labels / n_pool
    n_perfect: int  # what a cut that knows the curve would leave
    by_luck: FloatArray  # (J,) machine labels at equally likely draws, rising
    n_audit: int = 0


def with_audit(
    plan: Plan,
    fits: CurveFits,
    n_train: int,
    n_test: int,
    *,
    n_withheld: int,
    n_pool: int,
    settings: Settings,
) -> Plan:
    """The plan with the machine labels that an audit is expected to certify, and their totals.

    Which |B| to compare with stopping now stays as searched, with ``plan.safety``; the cheaper of
    the two is the plan. Where people label everything there is no audit. Where the plan was to stop
    already, the best total that trains on moves as stopping does: its size is not known here.

    Parameters
    ----------
    plan : Plan
    fits : CurveFits
        The curves that the plan was searched on.
    n_train, n_test : int
        |B| now, and the test items the curves are worth.
    n_withheld, n_pool : int
        As given to ``estimate_plan``.
    settings : Settings
    """

    def audit(n: int) -> ExpectedAudit:
        return expected_audit(
            fits.thetas,
            fits.predict(np.array([n]))[:, 0],
            n_left=n_pool - n_withheld - n,
            n_pool=n_pool,
            n_test=n_test,
            settings=settings,
        )

    labels = label_cost(n_pool, settings)

    def moved_usd(before: int, after: int) -> float:
        """What all labels cost more when the machine gives ``after`` of them, not ``before``."""
        return float(np.diff(labels.of([before, after]))[0])

    stop = audit(n_train) if plan.stop_n_machine else ExpectedAudit(0, 0.0, 0, np.zeros(1))
    stop_moved_usd = moved_usd(plan.stop_n_machine, stop.n_machine)
    stop_usd = plan.stop_cost_usd + stop_moved_usd
    plan = replace(
        plan,
        stop_theta=plan.stop_theta if stop.n_machine else 0.0,
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
    fits: CurveFits,
    n_knots: IndexArray,
    n_test: int,
    *,
    n_withheld: int,
    n_pool: int,
    settings: Settings,
) -> FloatArray:
    """What an audit leaves to people beyond a perfect cut, (J, K) labels at each training size.

    The difference between the machine labels of a cut that knows the curve and those of an audit,
    on the fitted curve, at J equally likely draws from unlucky to lucky, where it may be negative;
    planned at ``N_AUDITS`` sizes and interpolated over log |B|.

    Parameters
    ----------
    fits, n_test, n_withheld, n_pool, settings
        As ``with_audit``.
    n_knots : (K,) int64
        Rising training sizes >= 1.
    """
    sizes = np.unique(np.geomspace(n_knots[0], n_knots[-1], N_AUDITS).astype(np.int64))
    extra = []
    for n, error in zip(sizes.tolist(), fits.predict(sizes).T, strict=True):
        found = expected_audit(
            fits.thetas,
            error,
            n_left=n_pool - n_withheld - n,
            n_pool=n_pool,
            n_test=n_test,
            settings=settings,
        )
        extra.append(found.n_perfect - found.by_luck)
    return np.array([np.interp(np.log(n_knots), np.log(sizes), row) for row in np.transpose(extra)])


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
    ranks = n_left * np.arange(101) // 100  # as coarse as the shares that replicas choose from
    allowed = settings.target_error * (n_pool if settings.target == "set" else ranks)
    n_perfect = int(ranks[np.flatnonzero(np.interp(ranks, edges, above) <= allowed)[-1]])
    by_luck = likely_machine_labels(plan, edges, rates)
    if plan.tolerated is None:
        by_luck = np.full(by_luck.shape, float(n_machine))
    return ExpectedAudit(n_machine, error_machine, n_perfect, by_luck, plan.n_audit)
