"""Bootstrap: the answer against the slow oracle, the time, and how often intervals hold the truth.

    python benchmarks/bench_bootstrap.py [--campaigns 200] [--repeats 9]

Coverage is over simulated campaigns in four families of true curves (tests/bootstrap_world.py),
of the 90 % interval of the error at twice and four times the largest training size, 10 % being
the misses that are promised; "above" and "below" say on which side of the interval the truth was.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import mcal
from mcal import _core
from mcal.bootstrap import MeasuredRound, bootstrap_curves, bootstrap_plans
from mcal.fitting import FORMS, fit_curves
from mcal.planning import TrainingCost, curve_knots, refine_thetas, search_plan
from mcal.profiles import DEFAULT_THETAS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import bootstrap_oracle
import bootstrap_world

IMAGENET = {
    "n_pool": 1_281_167,
    "n_test": 5000,
    "target_error": 0.05,
    "price_per_label": 0.04,
    "training": TrainingCost(20.0, 1e-3),
    "batch_min": 12_811,
}


def campaign(
    family: str, rng: np.random.Generator, sizes: tuple[int, ...], n_test: int
) -> tuple[bootstrap_world.Curve, list[MeasuredRound]]:
    curve = bootstrap_world.random_curve(family, rng, sizes[0], sizes[-1])
    return curve, bootstrap_world.measured_rounds(curve, sizes, n_test, rng)


def check() -> None:
    """Raise unless two replicas agree with the oracle in every form."""
    rng = np.random.default_rng(0)
    _, rounds = campaign("power", rng, (250, 500, 1000, 2000, 4000), 900)
    thetas, n_at = np.array([0.5, 1.0]), np.array([4000.0, 8000.0])
    worst = 0.0
    for form in FORMS:
        draw = bootstrap_oracle.Draw(
            np.bincount(rng.integers(0, 900, 900), minlength=900), *rng.uniform(0.1, 0.5, 3)
        )
        want, _ = bootstrap_oracle.curves(rounds, draw, thetas, n_at, 10, [form])
        wrong, n_test = _core.replica_profiles(
            draw.counts[None].astype(np.int32),
            np.stack([r.cells for r in rounds]),
            np.stack([np.diff(r.bin_edges) for r in rounds]).astype(float),
            thetas,
        )
        got, _ = _core.replica_curves(
            np.array([float(r.n_train) for r in rounds]), wrong, n_test, thetas, n_at,
            forms=[FORMS.index(form)], chance=0.9, gamma_centre=[draw.gamma_centre],
            ratio_centre=[[draw.ratio_centre]], form_draw=[draw.form_draw],
        )  # fmt: skip
        worst = max(worst, float(np.abs(got / want - 1.0).max()))
    print(f"against the oracle, four forms: largest relative difference of an error {worst:.1e}")
    if worst > 2e-3:
        raise SystemExit("the core disagrees with the oracle")


def median_s(run: Callable[[], object], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return float(np.median(times))


def one_by_one(rounds: list[MeasuredRound], knots: np.ndarray, n_replicas: int) -> None:
    """The same work with the package's other functions, a replica at a time."""
    rng = np.random.default_rng(0)
    n_items = rounds[0].cells.size
    for _ in range(n_replicas):
        counts = np.bincount(rng.integers(0, n_items, n_items), minlength=n_items)
        read = [bootstrap_oracle.profile(r, counts, DEFAULT_THETAS) for r in rounds]
        fits = fit_curves(
            [r.n_train for r in rounds],
            np.stack([wrong for wrong, _ in read]),
            np.stack([n for _, n in read]),
            DEFAULT_THETAS,
            n_classes=10,
        )
        thetas, error = refine_thetas(fits.thetas, fits.predict(knots), 100)
        search_plan(knots, error, thetas, n_train=int(knots[0]), **IMAGENET)


def speed(repeats: int) -> None:
    for sizes, n_test in (
        ((6405, 12_811, 25_623, 51_246, 102_493), 900),
        (tuple(np.geomspace(6405, 102_493, 10).astype(int).tolist()), 5000),
    ):
        _, rounds = campaign("power", np.random.default_rng(1), sizes, n_test)
        knots = curve_knots(sizes[-1], IMAGENET["n_pool"] - IMAGENET["n_test"])
        for n_threads in (1, 2):
            mcal.set_thread_count(n_threads)
            curves = bootstrap_curves(rounds, knots, n_classes=10, seed=1)
            fit_s = median_s(
                lambda rounds=rounds, knots=knots: bootstrap_curves(
                    rounds, knots, n_classes=10, seed=1
                ),
                repeats,
            )
            plan_s = median_s(lambda curves=curves: bootstrap_plans(curves, **IMAGENET), repeats)
            print(
                f"500 replicas x 20 thetas x 4 forms, {len(sizes)} rounds, {n_test} test items, "
                f"{knots.size} knots, {n_threads} threads: curves {fit_s * 1e3:.0f} ms; 500 plans "
                f"at N = {IMAGENET['n_pool']:,} with 100 thetas {plan_s * 1e3:.0f} ms",
                flush=True,
            )
        both_s = fit_s + plan_s
        alone_s = median_s(lambda rounds=rounds, knots=knots: one_by_one(rounds, knots, 5), 1) * 100
        print(f"  one replica at a time in Python: {alone_s:.1f} s, {alone_s / both_s:.0f} x")
    mcal.set_thread_count(0)


def coverage(n_campaigns: int) -> None:
    for sizes, n_test in (((250, 500, 1000, 2000, 4000), 900), ((500, 1000, 2000, 4000), 900),
                          ((125, 250, 500, 1000, 2000, 4000), 3000)):  # fmt: skip
        print(f"coverage, {len(sizes)} rounds, {n_test} test items, {n_campaigns} campaigns each:")
        for family in bootstrap_world.FAMILIES:
            rng = np.random.default_rng(2)
            low_high, truth = [], []
            for seed in range(n_campaigns):
                curve, rounds = campaign(family, rng, sizes, n_test)
                found = bootstrap_curves(
                    rounds, [8000, 16_000], n_classes=10, seed=seed, n_replicas=200
                )
                reach = [(n, theta) for n in (8000, 16_000) for theta in (0.5, 0.75, 1.0)]
                low_high.append([found.error_interval(n, theta) for n, theta in reach])
                truth.append([theta * float(curve(np.array(float(n)))) for n, theta in reach])
            low, high = np.moveaxis(np.array(low_high), -1, 0)
            above, below = np.mean(truth > high, axis=0), np.mean(truth < low, axis=0)
            width = np.median(high / np.maximum(low, 1e-9), axis=0)
            for i, times in ((0, 2), (3, 4)):
                said = ", ".join(
                    f"theta {theta}: {1 - above[j] - below[j]:.0%} (above {above[j]:.0%}, "
                    f"below {below[j]:.0%}, high/low {width[j]:.2f})"
                    for j, theta in zip(range(i, i + 3), (0.5, 0.75, 1.0), strict=True)
                )
                print(f"  {family:>10} {times}x n_max: {said}", flush=True)


def total_coverage(n_campaigns: int) -> None:
    """How often the interval of C* holds the total of the best plan on the true curves."""
    sizes, n_pool, n_test = (300, 600, 1200, 2400), 60_000, 900
    print(f"total cost of the plan, N = {n_pool:,}, |B| = {sizes[-1]}, {n_test} test items:")
    knots = curve_knots(sizes[-1], n_pool - n_test)
    options = {
        "n_pool": n_pool,
        "n_test": n_test,
        "target_error": 0.05,
        "price_per_label": 0.04,
        "training": TrainingCost(1.0, 5e-4),
        "batch_min": 600,
    }
    for family in bootstrap_world.FAMILIES:
        rng = np.random.default_rng(4)
        hits, widths, decisions, right = [], [], [], []
        for seed in range(n_campaigns):
            curve, rounds = campaign(family, rng, sizes, n_test)
            replicas = bootstrap_curves(rounds, knots, n_classes=10, seed=seed, n_replicas=200)
            plans = bootstrap_plans(replicas, **options)
            low, high = plans.total_cost_interval()
            thetas = np.arange(1, 101) / 100
            error = np.minimum(thetas[:, None] * curve(knots.astype(float)), 1.0)
            best = search_plan(knots, error, thetas, n_train=sizes[-1], **options)
            assert best.go_on_cost_usd is not None
            gain_usd = plans.expected_gain_usd()
            hits.append(low <= best.total_cost_usd <= high)
            widths.append((high - low) / best.total_cost_usd)
            decisions.append(gain_usd is not None and gain_usd > 0.0)
            right.append(decisions[-1] == (best.stop_cost_usd > best.go_on_cost_usd))
        print(
            f"  {family:>10}: {np.mean(hits):.0%}, median width {np.median(widths):.0%} of it; "
            f"going on is expected to pay in {np.mean(decisions):.0%}, rightly so or rightly not "
            f"in {np.mean(right):.0%}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--campaigns", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    print(f"{platform.machine()} {platform.system()}, {platform.processor() or 'cpu'}")
    check()
    speed(arguments.repeats)
    coverage(arguments.campaigns)
    total_coverage(arguments.campaigns)


if __name__ == "__main__":
    main()
