"""What a campaign may cost before anything is known of its data: totals over a prior of curves.

The prior is that of the simulated worlds ``any-power``, ``any-truncated``, ``any-floor`` and
``any-plateau``, a quarter each (docs/simulation.md): error of a random item after 1 % of the pool
22 to 67 % of chance, how fast it falls, how well confidence ranks, seconds of a training. Of every
draw the machine's errors after margin buying are read off another pool of the same shares, and the
plan search and the expected audit are run on that curve at the true size, the audit at four sizes
from the plan's on, of which the cheapest counts. No campaign is played:
the draw knows its own curve, except that four trainings, each on twice the labels, come before any
plan is followed, as they do in one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..campaign.decide import MIN_ROUNDS, UNSETTLED_GROWTH
from ..campaign.estimate import n_test_items
from ..campaign.forecast import expected_audit
from ..campaign.label_cost import label_cost
from ..campaign.opening import least_items
from ..campaign.sizes import first_batch_size, most_growth, smallest_batch
from ..planning import Plan, TrainingCost, curve_knots, search_plan
from ..selection import largest_k
from ..settings import Settings
from ..simulation import RandomWorld
from ..simulation.curves import FAMILIES
from ..types import FloatArray, IndexArray, derive_seed

__all__ = ["PriorDraw", "draw_prior"]

N_ITEMS = 4_000
"""Of the pool that errors are read off, whatever the size of the true one."""

OFFSET, SCATTER = -0.009, 0.034
"""Mean and standard deviation of people's labels in campaigns less those of their draw, over N:
campaigns do not know their curve, and audits have luck. About the same for cheap and dear data
sets; measured on 439 simulated campaigns of 20,000 items (docs/decisions.md)."""

GROWTH = (1.0, 1.25, 1.6, 2.0)
"""Sizes at which an audit is planned, in sizes of the plan without one."""

THETAS = np.arange(1, 51) / 50


@dataclass(frozen=True)
class PriorDraw:
    """How a campaign on one data set of the prior would end."""

    total_usd: float
    n_human: int
    n_waits: int  # batches sent to people one after the other


def draw_prior(
    n_pool: int, n_classes: int, settings: Settings, *, n_draws: int, seed: int
) -> list[PriorDraw]:
    """Campaigns on data sets of the prior, the families in turn; the same for the same seed."""
    worlds = [RandomWorld(f"any-{family}", family, N_ITEMS, n_classes) for family in FAMILIES]
    return [
        _end(worlds[i % len(worlds)], n_pool, settings, derive_seed(seed, i, "quote"))
        for i in range(n_draws)
    ]


def _end(world: RandomWorld, n_pool: int, settings: Settings, seed: int) -> PriorDraw:
    drawn = world.world(seed)
    prices, n_test = settings.prices, n_test_items(n_pool, settings)
    n_known, step = settings.n_known, smallest_batch(n_pool, settings)
    if n_pool - n_known < least_items(n_test, 0):  # hardly anything is left to learn for
        return PriorDraw(prices.people.total_usd(n_pool), n_pool, int(n_known < n_pool))
    first = max(n_known, first_batch_size(n_pool, settings))  # as if all classes were among them
    sizes, error = _errors(world, n_pool, n_test, first, seed)
    if not sizes.size:  # hardly anything is left beside T and B0
        return PriorDraw(prices.people.total_usd(n_pool), n_pool, 2)
    per_second = prices.gpu_usd_per_hour / 3600.0
    training = TrainingCost(
        drawn.train_fixed_s * per_second + prices.fixed_cost_per_training,
        drawn.train_s_per_item * per_second,
    )

    def curve_at(knots: IndexArray) -> FloatArray:
        return np.array([np.interp(np.log(knots), np.log(sizes), row) for row in error])

    def search(n_train: int) -> Plan:
        knots = curve_knots(n_train, n_pool - n_test)
        return search_plan(
            knots,
            curve_at(knots),
            THETAS,
            n_pool=n_pool,
            n_test=n_test,
            n_train=n_train,
            target_error=settings.target_error,
            target=settings.target,
            price_per_label=prices.people.first_usd,
            price_steps=prices.people.later_usd,
            machine_fee=prices.machine_fee,
            training=training,
            batch_min=step,
        )

    growth = partial(most_growth, n_pool, n_known=n_known, settings=settings)
    early = _early(first, step, search(first).n_train, n_pool - n_test, growth)
    plan = search(early[-1])
    labels = label_cost(n_pool, settings)
    if not (settings.is_audited and plan.n_machine):
        trained = _trained_at(early, plan.n_train, step)
        total_usd = float(labels.of(plan.n_machine)) + _usd(training, trained)
        return PriorDraw(total_usd, n_pool - plan.n_machine, len(trained) + 1)
    ways = []
    for n in _sizes_to_audit(plan.n_train, n_pool - n_test):
        audit = expected_audit(
            THETAS,
            curve_at(np.array([n]))[:, 0],
            n_left=n_pool - n_test - n,
            n_pool=n_pool,
            n_test=n_test,
            settings=settings,
        )
        trained = _trained_at(early, n, step)
        training_usd = _usd(training, trained)
        ways.append((float(labels.of(audit.n_machine)) + training_usd, audit, trained))
    _, audit, trained = min(ways, key=lambda way: way[0])
    rng = np.random.default_rng([seed, *b"scatter"])
    n_human = round(n_pool * (1.0 + OFFSET + SCATTER * rng.standard_normal()) - audit.n_machine)
    n_human = min(n_pool, max(n_test + trained[-1] + audit.n_audit, n_human))
    total_usd = float(labels.of(n_pool - n_human)) + _usd(training, trained)
    return PriorDraw(total_usd, n_human, len(trained) + 2)


def _sizes_to_audit(n_train: int, n_most: int) -> list[int]:
    """From the plan's size, which knows no audit, up: a better model needs a cheaper one."""
    return sorted({min(round(factor * n_train), n_most) for factor in GROWTH})


def _usd(training: TrainingCost, trained: list[int]) -> float:
    return sum(training.of(n, 0) for n in trained)


def _early(
    first: int, step: int, best: int, most: int, growth: Callable[[int], int] = int
) -> list[int]:
    """Sizes of the trainings before a forecast decides: doubled, but to ``best`` where nearer.

    Or grown by as much as ``growth`` makes of a size.
    """
    sizes = [first]
    while len(sizes) < MIN_ROUNDS and sizes[-1] < most:
        now = sizes[-1]
        grown = min(growth(now), best - now) if best > now else growth(now)
        sizes.append(min(now + max(step, grown), most))
    return sizes


def _trained_at(early: list[int], last: int, step: int) -> list[int]:
    """Training sizes on the way: the early ones, then by a quarter, as few plans settle at once."""
    sizes = list(early)
    while sizes[-1] < last:
        sizes.append(min(sizes[-1] + max(step, round(UNSETTLED_GROWTH * sizes[-1])), last))
    return sizes


def _errors(
    world: RandomWorld, n_pool: int, n_test: int, first: int, seed: int
) -> tuple[IndexArray, FloatArray]:
    """Training sizes (K,) of the true pool; error among the surest thetas of the rest (T, K)."""
    pool = world.draw(seed)
    scale = n_pool / pool.n_pool
    order = np.random.default_rng([seed, *b"first"]).permutation(pool.n_pool)
    n = max(1, round(first / scale))
    n_held = max(1, round(n_test / scale))
    bought, left = n, np.sort(order[n_held + n :])
    sizes, errors = [], []
    while left.size >= THETAS.size:
        model = pool.model(bought)
        ranked = left[np.argsort(model.deficit[left], kind="stable")]
        wrong = np.cumsum(model.wrong[ranked])
        ends = np.floor(THETAS * left.size).astype(np.int64)
        sizes.append(round(bought * scale))
        errors.append(wrong[ends - 1] / ends)
        taken = largest_k(model.deficit[left], min(bought, left.size))
        left, bought = np.delete(left, taken), bought + taken.size
    return np.array(sizes), np.array(errors).T
