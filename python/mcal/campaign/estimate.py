"""From a model's scores to a plan: profile, learning curves and search, with no effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..bootstrap import CurveReplicas, MeasuredRound, bootstrap_curves, bootstrap_plans
from ..certificate import allowed_errors
from ..fitting import CurveFits, fit_curves
from ..planning import (
    Plan,
    TrainingCost,
    curve_knots,
    fit_training_cost,
    refine_thetas,
    search_plan,
)
from ..profiles import Profile, upper_error
from ..settings import Settings
from ..types import FloatArray, IndexArray
from .audit import n_test_of
from .depletion import PoolCurves
from .forecast import audit_labels, safety_labels, with_audit
from .label_cost import label_cost
from .outlook import Outlook, look_out
from .sizes import smallest_batch, within_share

__all__ = ["Estimates", "Searched", "estimate_plan", "n_test_items", "search"]

N_FINE_THETAS = 100  # machine shares the search chooses from

BY_DOUBT = ("margin", "entropy", "least_confidence")
"""Selections that buy what the model is least sure of."""


@dataclass(frozen=True)
class Estimates:
    """What a round taught about one classifier."""

    fits: CurveFits
    training: TrainingCost
    plan: Plan
    outlook: Outlook | None
    """None after too few rounds to fit a curve, where some round has no cells, with
    ``plan.replicas = 0``, and as printed."""


def n_test_items(n_pool: int, settings: Settings) -> int:
    """|T|: as asked, else clip(1.5 % of N, min(500, 5 % of N), 5,000); 5 % as in the paper.

    N without the items whose labels are known: T is drawn from those that the machine may label,
    and only there its error counts. Unless asked for, at most 15 % of what a budget buys, or 20: T
    only steers. Never below the smallest batch that people take.
    """
    n_new = n_pool - settings.n_known
    if settings.plan.test_size is not None:
        return max(settings.prices.min_batch, settings.plan.test_size)
    if settings.preset == "paper":
        return within_share(max(1, round(0.05 * n_new)), 0.15, settings)
    few = min(500, round(0.05 * n_new))
    return within_share(max(1, min(5000, max(few, round(0.015 * n_new)))), 0.15, settings)


def estimate_plan(
    profiles: Sequence[Profile],
    n_train: Sequence[int],
    cost_usd: Sequence[float],
    *,
    n_pool: int,
    n_withheld: int,
    n_classes: int,
    settings: Settings,
    cells: Sequence[MeasuredRound] = (),
    seed: int = 0,
) -> Estimates:
    """Fit every round so far and search the cheapest plan from here.

    Parameters
    ----------
    profiles : sequence of R Profile
        One per round, oldest first, all at the same thetas.
    n_train : sequence of R int
        People's labels in B at each round.
    cost_usd : sequence of R float
        Dollars for training and scoring at each round.
    n_pool, n_classes : int
    n_withheld : int
        Items that are neither trained on nor machine-labelled: T and the broken ones.
    settings : Settings
    cells : sequence of R MeasuredRound, optional
        The test items of every round, in one order; fewer than R give no outlook.
    seed : int
        For the replicas, >= 0.

    Returns
    -------
    Estimates
        The error curves that the plan was searched on carry ``settings.plan.safety`` standard
        errors of the latest profile. The plan's machine labels and totals are those expected of
        the audit at the end, when there is one.
    """
    rules, as_printed = settings.plan, settings.preset == "paper"
    sizes = np.asarray(n_train, dtype=np.float64)
    fits = fit_curves(
        sizes,
        np.stack([p.wrong for p in profiles]),
        np.stack([p.n_effective for p in profiles]),
        profiles[-1].thetas,
        n_classes=n_classes,
        form="truncated" if as_printed else rules.form,
    )
    steps = np.diff(sizes, prepend=0.0)
    training = fit_training_cost(
        sizes,
        np.asarray(cost_usd),
        model="paper" if as_printed else rules.training_cost,
        n_new=steps,
    )
    now = int(n_train[-1])
    found = search(
        fits,
        training,
        profiles[-1],
        now,
        n_pool=n_pool,
        n_withheld=n_withheld,
        settings=settings,
    )
    ahead, knots, plan = found.ahead, found.knots, found.plan
    n_test = n_test_of(profiles[-1])
    if settings.is_audited:
        plan = with_audit(
            plan, ahead, now, n_test, n_withheld=n_withheld, n_pool=n_pool, settings=settings
        )
    outlook = None
    if rules.replicas and not as_printed and len(cells) == len(profiles):
        curves = bootstrap_curves(
            cells,
            knots,
            n_classes=n_classes,
            seed=seed,
            n_replicas=rules.replicas,
            form=rules.form,
        )
        if np.any(curves.form >= 0):
            curves = replace(curves, error=ahead.of_left(curves.error, knots))
            n_left = n_pool - n_withheld - knots
            beyond = (
                audit_labels(
                    ahead, curves, n_test, n_withheld=n_withheld, n_pool=n_pool, settings=settings
                )
                if settings.is_audited
                else safety_labels(
                    found.thetas,
                    found.error,
                    found.bound,
                    n_left,
                    n_pool=n_pool,
                    settings=settings,
                )
            )
            outlook = _outlook(curves, beyond, training, n_withheld, n_pool, settings)
    return Estimates(fits, training, plan, outlook)


@dataclass(frozen=True, eq=False)
class Searched:
    """A plan, and the curves that it was searched on."""

    ahead: PoolCurves
    knots: IndexArray  # (K,) |B|
    thetas: FloatArray  # (T,)
    error: FloatArray  # (T, K) among the surest theta of what is left
    bound: FloatArray  # (T, K) with ``plan.safety`` standard errors of the latest profile
    plan: Plan


def search(
    fits: CurveFits,
    training: TrainingCost,
    latest: Profile,
    n_train: int,
    *,
    n_pool: int,
    n_withheld: int,
    settings: Settings,
    n_from: int | None = None,
    surface_stride: int = 0,
) -> Searched:
    """The cheapest plan on curves that are fitted, before an audit's labels are counted.

    Parameters
    ----------
    fits, training, latest : CurveFits, TrainingCost, Profile
        Of the latest round.
    n_train : int
        |B| now.
    n_pool, n_withheld, settings
        As for ``estimate_plan``.
    n_from : int, optional
        Where the plans begin, if not now: with hindsight.
    surface_stride : int
        Above 0: ``plan.surface`` has the total for every theta at every so many |B|.
    """
    rules, prices = settings.plan, settings.prices
    as_printed = settings.preset == "paper"
    n_from = n_train if n_from is None else n_from
    knots = curve_knots(n_from, n_pool - n_withheld)
    by_doubt = settings.selection in BY_DOUBT and not as_printed
    ahead = PoolCurves(fits, n_train, n_pool - n_withheld, by_doubt)
    error = bound = ahead.predict(knots)
    thetas = fits.thetas
    if not as_printed:
        fine, error = refine_thetas(thetas, error, N_FINE_THETAS)
        n_effective = np.interp(fine, thetas, latest.n_effective)
        thetas = fine
        bound = upper_error(error, n_effective[:, None], rules.safety)
        # The error rises with theta, so a bound at a larger theta holds at a smaller one too.
        bound = np.minimum.accumulate(bound[::-1], axis=0)[::-1]
    plan = search_plan(
        knots,
        bound,
        thetas,
        n_pool=n_pool,
        n_test=n_withheld,
        n_train=n_from,
        target_error=settings.target_error,
        target=settings.target,
        price_per_label=prices.people.first_usd,
        price_steps=prices.people.later_usd,
        machine_fee=prices.machine_fee,
        training=training,
        batch_min=smallest_batch(n_pool, settings),
        max_steps=1 if as_printed else rules.max_steps,
        beta=rules.beta,
        surface=surface_stride > 0,
        surface_stride=max(1, surface_stride),
    )
    return Searched(ahead, knots, thetas, error, bound, plan)


def _outlook(
    curves: CurveReplicas,
    beyond: FloatArray,
    training: TrainingCost,
    n_withheld: int,
    n_pool: int,
    settings: Settings,
) -> Outlook:
    """What the replicas come to; ``beyond`` as ``look_out`` takes it."""
    prices = settings.prices
    replicas = bootstrap_plans(
        curves,
        n_pool=n_pool,
        n_test=n_withheld,
        target_error=settings.target_error,
        target=settings.target,
        price_per_label=prices.people.first_usd,
        price_steps=prices.people.later_usd,
        machine_fee=prices.machine_fee,
        training=training,
        batch_min=smallest_batch(n_pool, settings),
    )
    is_free = settings.is_audited and settings.target == "set"
    n_free = allowed_errors(n_pool, settings.target_error) if is_free else 0
    return look_out(
        replicas,
        beyond,
        n_free=n_free,
        training=training,
        labels=label_cost(n_pool, settings),
    )
