"""Learning-curve fits: the answer against scipy, then the time per fit against scipy's solvers.

    python benchmarks/bench_fit.py [--problems 1000] [--rows 20000]

Times are CPU seconds of one thread, so that a busy machine disturbs them less.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import optimize

import mcal
from mcal.fitting import FORMS, FitStatus, Objective, fit_power_laws

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import fit_oracle

N_CLASSES = 10
CHANCE = 0.9
N_TRAIN = np.geomspace(500.0, 20_000.0, 10)
OBJECTIVES: tuple[Objective, ...] = ("binomial", "log")


def check(n_problems: int) -> None:
    """Raise unless no fit is worse than scipy's best by more than 1e-6 of the objective."""
    share = n_problems // (len(FORMS) * len(OBJECTIVES))
    rng = np.random.default_rng(0)
    for objective in OBJECTIVES:
        for form in FORMS:
            problems = [fit_oracle.random_problem(rng, form, objective) for _ in range(share)]
            gaps = np.array([fit_oracle.relative_gap(p, objective)[0] for p in problems])
            print(
                f"{form:>10} {objective:>9}: {share} problems, (ours - scipy) / scipy from "
                f"{gaps.min():.1e} to {gaps.max():.1e}",
                flush=True,
            )
            if gaps.max() > 1e-6:
                raise SystemExit(f"{np.sum(gaps > 1e-6)} fits are worse than scipy's")


def median_us(run: Callable[[], object], n_fits: int, repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        before = time.thread_time()
        run()
        times.append(time.thread_time() - before)
    return float(np.median(times)) / n_fits * 1e6


def curves(rows: int) -> np.ndarray:
    """Counts on 1,000 test items that follow truncated power laws."""
    rng = np.random.default_rng(1)
    relative = N_TRAIN / N_TRAIN.max()
    level = np.exp(rng.uniform(-4.0, -1.0, (rows, 1)))
    gamma = rng.uniform(0.2, 1.0, (rows, 1))
    error = level * relative**-gamma * np.exp(-rng.exponential(0.3, (rows, 1)) * relative)
    return np.maximum(rng.binomial(1000, np.minimum(error, 0.85)), 1).astype(float)


def log_truncated(n: np.ndarray, log_alpha: float, gamma: float, rate: float) -> np.ndarray:
    return log_alpha - gamma * np.log(n) - rate * n


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=20_000)
    arguments = parser.parse_args()

    print(f"{platform.machine()} {platform.system()}, {platform.processor() or 'cpu'}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(arguments.problems)

    mcal.set_thread_count(1)
    wrong = curves(arguments.rows)
    tested = np.full(N_TRAIN.size, 1000.0)
    ours: dict[tuple[str, str], float] = {}
    for objective in OBJECTIVES:
        for form in FORMS:
            n_classes = None if objective == "log" else N_CLASSES
            fit = lambda form=form, objective=objective, n_classes=n_classes: fit_power_laws(  # noqa: E731
                N_TRAIN, wrong, tested, form=form, objective=objective, n_classes=n_classes
            )
            result = fit()
            us = ours[form, objective] = median_us(fit, arguments.rows, 7)
            print(
                f"{form:>10} {objective:>9}: {us:6.2f} us per 10-point fit per core, "
                f"{result.n_iterations.mean():.1f} evaluations, "
                f"{np.mean(result.status == FitStatus.CONVERGED):.2%} converged, "
                f"n = {arguments.rows}"
            )

    share = np.log(wrong[:50] / 1000.0)
    start = (0.0, 0.5, 1e-6)
    lm = median_us(
        lambda: [optimize.curve_fit(log_truncated, N_TRAIN, y, start) for y in share], 50, 5
    )
    bounds = ((-np.inf, 0.0, 0.0), (np.inf, 3.0, np.inf))
    trf = median_us(
        lambda: [
            optimize.curve_fit(log_truncated, N_TRAIN, y, start, bounds=bounds) for y in share[:20]
        ],
        20,
        3,
    )
    one = ours["truncated", "log"]
    print(f"scipy curve_fit, MINPACK LM, no bounds: {lm:8.1f} us, {lm / one:6.0f} x ours")
    print(f"scipy curve_fit, trf, bounds:           {trf:8.1f} us, {trf / one:6.0f} x ours")


if __name__ == "__main__":
    main()
