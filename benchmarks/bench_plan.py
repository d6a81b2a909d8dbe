"""Plan search: checks the answer against the slow oracle, then times the ImageNet-sized case.

    python benchmarks/bench_plan.py

Peer: the same exhaustive search in NumPy, every |B| x theta with one step, without delta.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

import mcal
from mcal.planning import TrainingCost, curve_knots, search_plan
from mcal.types import FloatArray

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import plan_oracle

N_POOL, N_TEST, N_TRAIN, BATCH_MIN = 1_281_167, 5_000, 12_811, 12_811
THETAS = np.arange(1, 21) / 20
PRICE, TARGET = 0.04, 0.05
TRAINING = TrainingCost(0.5, 1e-4)


def numpy_search(knots: FloatArray, error: FloatArray) -> tuple[float, int]:
    n = np.arange(N_TRAIN, N_POOL - N_TEST + 1)
    n = n[(n == N_TRAIN) | (n >= N_TRAIN + BATCH_MIN)]
    training = np.where(n > N_TRAIN, TRAINING.fixed + TRAINING.per_item * n, 0.0)
    holds = np.ones(n.size, dtype=bool)
    n_machine = np.zeros(n.size)
    for theta, curve in zip(THETAS, error, strict=True):
        candidate = np.floor(theta * (N_POOL - N_TEST - n))
        holds &= candidate * np.interp(n, knots, curve) <= TARGET * N_POOL
        n_machine = np.where(holds, candidate, n_machine)
    total = PRICE * (N_POOL - n_machine) + training
    best = int(total.argmin())
    return float(total[best]), int(n[best])


def median_ms(function: Callable[[], object], repeats: int) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return 1e3 * median(times)


def main() -> None:
    for seed in range(60):
        plan_oracle.check(plan_oracle.random_problem(np.random.default_rng(seed)))
    print("60 random problems agree with the oracle on every cell")
    print(f"{platform.machine()}, {mcal.thread_count()} threads, N = {N_POOL:,}, 20 thetas")

    smooth = curve_knots(N_TRAIN, N_POOL - N_TEST)
    noise = np.random.default_rng(0)
    cases = {
        "pays (3 n^-0.28)": (smooth, np.minimum(0.9, 3.0 * smooth**-0.28)),
        "hopeless (0.9)": (smooth, np.full(smooth.size, 0.9)),
        "always feasible": (smooth, np.zeros(smooth.size)),
        "2,000 noisy knots": (
            knots := np.unique(np.geomspace(N_TRAIN, N_POOL - N_TEST, 2000).astype(np.int64)),
            3.0 * knots**-0.28 * np.exp(noise.normal(0.0, 0.2, knots.size)),
        ),
    }
    heads = f"{'plan ms':>10}{'numpy ms':>10}{'ratio':>8}{'surface ms, 1 and 2 threads':>30}"
    print(f"{'error curve':<20}{heads}")
    for name, (knots, curve) in cases.items():
        error = np.minimum(1.0, curve * THETAS[:, None] ** 1.5)

        def search(
            knots: FloatArray = knots, error: FloatArray = error, *, surface: bool = False
        ) -> mcal.Plan:
            return search_plan(
                knots,
                error,
                THETAS,
                n_pool=N_POOL,
                n_test=N_TEST,
                n_train=N_TRAIN,
                target_error=TARGET,
                price_per_label=PRICE,
                training=TRAINING,
                batch_min=BATCH_MIN,
                surface=surface,
            )

        cost_usd, n_train = numpy_search(knots, error)
        plan = search()
        assert abs(plan.total_cost_usd - cost_usd) < 1e-6 * cost_usd, (plan, cost_usd)
        assert abs(plan.n_train - n_train) <= 1, (plan, n_train)
        ours = median_ms(search, 51)
        peer = median_ms(lambda k=knots, e=error: numpy_search(k, e), 5)
        surfaces = []
        for n_threads in (1, 2):
            mcal.set_thread_count(n_threads)
            surfaces.append(median_ms(lambda s=search: s(surface=True), 5))
        mcal.set_thread_count(0)
        print(
            f"{name:<20}{ours:>10.3f}{peer:>10.0f}{peer / ours:>8.0f}"
            f"{surfaces[0]:>20.0f}{surfaces[1]:>10.0f}"
        )


if __name__ == "__main__":
    main()
