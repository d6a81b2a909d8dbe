"""The plan search, slow and readable: every |B|, every theta, every number of steps.

Random problems have prices that are sums of a few powers of two, so that totals are exact in any
order of summation and ties are real ties.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mcal.planning import Plan, TrainingCost, search_plan


class Problem(NamedTuple):
    n_knots: np.ndarray
    error: np.ndarray  # (T, K)
    thetas: np.ndarray
    options: dict[str, Any]  # every keyword of search_plan

    def search(self, **changes: Any) -> Plan:
        return search_plan(self.n_knots, self.error, self.thetas, **(self.options | changes))


class Answer(NamedTuple):
    cells: np.ndarray  # (n_B, T) totals with one step, inf where not allowed
    cost_usd: float
    n_train: int
    theta: float
    n_machine: int
    n_steps: int
    stop_cost_usd: float
    go_on_cost_usd: float | None


def random_problem(rng: np.random.Generator, *, n_pool: int | None = None) -> Problem:
    n_pool = int(rng.integers(1, 250)) if n_pool is None else n_pool
    n_test = int(rng.integers(0, n_pool // 4 + 1))
    n_train = int(rng.integers(0, (n_pool - n_test) // 2 + 1))
    n_train_max = int(rng.integers(n_train, n_pool - n_test + 1))
    inside = rng.integers(n_train, n_train_max + 1, size=rng.integers(0, 8))
    n_knots = np.unique([max(0, n_train - int(rng.integers(0, 3))), *inside, n_train_max])
    thetas = np.unique(rng.choice(np.arange(1, 41) / 40, size=rng.integers(1, 12)))
    shape = (thetas.size, n_knots.size)
    hardness = 10 ** rng.uniform(-2.5, 0)
    error = hardness * thetas[:, None] ** 2 * (n_knots + 1.0) ** -rng.uniform(0, 1)
    error = np.clip(error * np.exp(rng.normal(0, rng.choice([0.01, 1.0]), shape)), 0, 1)
    error[rng.random(shape) < rng.choice([0.0, 0.1])] = np.nan
    error[rng.random(shape) < 0.05] = 0.0
    fixed, per_item, per_item_squared, per_new_item = rng.integers(0, 3, 4) * [
        1,
        2**-6,
        2**-12,
        2**-4,
    ]
    return Problem(
        n_knots,
        error,
        thetas,
        {
            "n_pool": n_pool,
            "n_test": n_test,
            "n_train": n_train,
            "n_train_max": n_train_max,
            "batch_min": int(rng.integers(1, 6)),
            "max_steps": int(rng.integers(1, 12)),
            "beta": float(rng.choice([0.0, 0.02, 0.3])),
            "target_error": float(rng.choice([0.01, 0.05, 0.2])),
            "target": str(rng.choice(["set", "machine"])),
            "price_per_label": float(rng.integers(0, 5)),
            "price_steps": random_steps(rng, n_pool),
            "machine_fee": float(rng.choice([0.0, 0.5, 2.0])),
            "training": TrainingCost(fixed, per_item, per_item_squared, per_new_item),
        },
    )


def random_steps(rng: np.random.Generator, n_pool: int) -> list[tuple[int, float]]:
    """None in half of the problems; else up to three, cheaper or dearer, some beyond the pool."""
    starts = np.unique(rng.integers(1, n_pool + 20, size=rng.choice([0, 0, 1, 3])))
    return [(int(start), float(rng.integers(0, 9)) / 2) for start in starts]


def people_usd(p: Problem) -> list[float]:
    """What people's first 0, 1, ... n_pool labels cost, label after label."""
    price, later = p.options["price_per_label"], dict(p.options["price_steps"])
    totals = [0.0]
    for n in range(p.options["n_pool"]):
        price = later.get(n, price)
        totals.append(totals[-1] + price)
    return totals


def error_at(p: Problem, t: int, n: int) -> float:
    k = 0
    while p.n_knots[k] < n:
        k += 1
    if p.n_knots[k] == n:
        return float(p.error[t, k])
    low, high = p.error[t, k - 1], p.error[t, k]
    width = float(p.n_knots[k] - p.n_knots[k - 1])
    return float(low + (high - low) / width * float(n - p.n_knots[k - 1]))


def path_usd(training: TrainingCost, n_from: int, n_to: int, n_steps: int) -> float:
    """Training after training."""
    sizes = np.linspace(n_from, n_to, n_steps + 1)
    return math.fsum(training.of(n, n - before) for before, n in pairwise(sizes))


def solve(p: Problem) -> Answer:
    o = p.options
    n_train, training = o["n_train"], o["training"]
    labels_usd = [
        usd + o["machine_fee"] * n_machine for n_machine, usd in enumerate(reversed(people_usd(p)))
    ]
    human_only_usd = labels_usd[0]
    # Of every number of machine labels allowed, the smallest number at which labels cost least.
    cheapest = [0]
    for n_machine in range(1, o["n_pool"] + 1):
        better = labels_usd[n_machine] < labels_usd[cheapest[-1]]
        cheapest.append(n_machine if better else cheapest[-1])

    def steps_that_fit(n: int) -> list[int]:
        return [s for s in range(1, o["max_steps"] + 1) if (n - n_train) / s >= o["batch_min"]]

    cells = []
    plans = [(human_only_usd, n_train, 0, 0.0)]  # total, |B|, |S|, theta
    for n in range(n_train, o["n_train_max"] + 1):
        allowed = n == n_train or steps_that_fit(n) != []
        train_usd = path_usd(training, n_train, n, 1) if n > n_train else 0.0
        if allowed:
            plans.append((human_only_usd + train_usd, n, 0, 0.0))
        holds = allowed
        row = []
        largest = None  # with the largest theta that holds: it allows what smaller ones do
        for t, theta in enumerate(p.thetas):
            n_machine = math.floor(theta * (o["n_pool"] - o["n_test"] - n))
            error = error_at(p, t, n)
            if o["target"] == "set":
                kept = n_machine * error <= o["target_error"] * o["n_pool"]
            else:
                kept = error <= o["target_error"]
            holds = holds and kept
            row.append(labels_usd[n_machine] + train_usd if holds else math.inf)
            if holds:
                given = cheapest[n_machine]
                share = (
                    float(theta) if given == n_machine else given / (o["n_pool"] - o["n_test"] - n)
                )
                largest = (labels_usd[given] + train_usd, n, given, share)
        if largest is not None and largest[2] > 0:
            plans.append(largest)
        cells.append(row)

    def best_of(among: list[tuple[float, int, int, float]]) -> tuple[float, int, int, float]:
        return min(among, key=lambda plan: (plan[0], plan[1], -plan[2], -plan[3]))

    cost_usd, n, n_machine, theta = best_of(plans)
    all_labels_usd = cost_usd - (path_usd(training, n_train, n, 1) if n > n_train else 0.0)
    most_steps = 0
    for n_steps in steps_that_fit(n) if n > n_train else []:
        total = all_labels_usd + path_usd(training, n_train, n, n_steps)
        if n_steps == 1 or total <= (1.0 + o["beta"]) * cost_usd * (1 + 1e-12):
            most_steps = n_steps
    going_on = [plan for plan in plans if plan[1] > n_train]
    return Answer(
        np.array(cells),
        cost_usd,
        n,
        theta,
        n_machine,
        most_steps,
        best_of([plan for plan in plans if plan[1] == n_train])[0],
        best_of(going_on)[0] if going_on else None,
    )


def check(p: Problem) -> Plan:
    """Hold search_plan against the oracle; every cell, exactly."""
    plan, want = p.search(surface=True), solve(p)
    assert plan.surface is not None
    np.testing.assert_array_equal(plan.surface.cost_usd, want.cells)
    assert (plan.total_cost_usd, plan.n_train) == (want.cost_usd, want.n_train)
    assert (plan.theta, plan.n_machine) == (want.theta, want.n_machine)
    assert plan.n_steps == want.n_steps
    assert (plan.stop_cost_usd, plan.go_on_cost_usd) == (want.stop_cost_usd, want.go_on_cost_usd)
    return plan
