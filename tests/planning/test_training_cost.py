import math
from typing import Any

import numpy as np
import pytest

from mcal.planning import TrainingCost, TrainingCostModel, fit_training_cost

COST = TrainingCost(2.0, 0.25, 1e-3, 0.5)


@pytest.mark.parametrize(("n_from", "n_to", "n_steps"), [(0, 12, 3), (7, 107, 4), (50, 51, 7)])
def test_a_path_is_the_sum_of_its_trainings(n_from: int, n_to: int, n_steps: int) -> None:
    d = (n_to - n_from) / n_steps
    each = [COST.of(n_from + i * d, d) for i in range(1, n_steps + 1)]
    assert COST.path(n_from, n_to, n_steps) == pytest.approx(math.fsum(each), rel=1e-12)


def test_one_step_is_one_training_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        cost = TrainingCost(*rng.random(4))
        n_from, d = (int(x) for x in rng.integers(1, 10**6, 2))
        assert cost.path(n_from, n_from + d, 1) == cost.of(n_from + d, d)


def test_equation_4() -> None:
    # C_t = |B| (|B| / delta + 1) / 2 at one dollar an item
    assert TrainingCost(0.0, 1.0).path(0, 6000, 10) == 6000 * (6000 / 600 + 1) / 2


def test_algorithm_md_s_affine_path() -> None:
    a, b, n_from, n_to, n_steps = 3.0, 0.01, 400, 1000, 6
    d = (n_to - n_from) / n_steps
    want = b * n_steps * (n_from + n_to + d) / 2 + a * n_steps
    assert TrainingCost(a, b).path(n_from, n_to, n_steps) == pytest.approx(want, rel=1e-14)


def test_no_step_costs_nothing() -> None:
    assert COST.path(10, 10, 0) == 0.0


@pytest.mark.parametrize(
    ("model", "want"),
    [
        ("measured", TrainingCost(2.0, 0.01)),
        ("paper", TrainingCost(0.0, 2.0 / 300 + 0.01)),
        ("constant", TrainingCost(5.0, 0.0)),
        ("cubic", TrainingCost(0.0, 0.0, per_item_squared=5.0 / 300**2)),
        ("warm", TrainingCost(3.0, 0.0, per_new_item=0.02)),
    ],
)
def test_exact_dollars_give_their_coefficients(
    model: TrainingCostModel, want: TrainingCost
) -> None:
    n_train = np.array([100, 200, 300, 500])
    n_new = np.array([100, 50, 100, 200])
    dollars = np.array([99.0, 4.0, 5.0, 7.0])  # warm-up, then 2 + n_train / 100 = 3 + n_new / 50
    got = fit_training_cost(n_train, dollars, model=model, n_new=n_new)
    assert got.of(300, 100) == pytest.approx(5.0)
    for name in ("fixed", "per_item", "per_item_squared", "per_new_item"):
        assert getattr(got, name) == pytest.approx(getattr(want, name), abs=1e-12)


def test_a_line_shrugs_off_one_bad_run_in_five() -> None:
    n_train = np.array([1, 100, 200, 400, 800, 1600])
    dollars = 1.0 + 0.01 * n_train
    dollars[3] = 60.0
    got = fit_training_cost(n_train, dollars)
    assert got.of(1600, 0) == pytest.approx(17.0, rel=0.1)


def test_a_line_is_never_negative() -> None:
    falling = fit_training_cost([1, 10, 20, 40], [0.0, 4.0, 3.0, 2.0])
    assert falling == TrainingCost(3.0, 0.0)
    below_origin = fit_training_cost([1, 10, 20, 40], [0.0, 0.0, 10.0, 30.0])
    assert below_origin == TrainingCost(0.0, 0.5)
    rng = np.random.default_rng(1)
    for _ in range(100):
        runs = int(rng.integers(1, 8))
        fit_training_cost(rng.integers(1, 50, runs), rng.random(runs))  # would raise


def test_few_runs_are_taken_as_proportional() -> None:
    assert fit_training_cost([100], [5.0]) == TrainingCost(0.0, 0.05)
    assert fit_training_cost([100, 200], [50.0, 5.0]) == TrainingCost(0.0, 0.025)
    assert fit_training_cost([100, 200, 200], [50.0, 5.0, 7.5]) == TrainingCost(0.0, 0.03125)


@pytest.mark.parametrize(
    ("n_train", "cost_usd", "options", "message"),
    [
        ([], [], {}, r"n_train: expected shape \(R,\) with R >= 1, found \(0,\)"),
        ([[1]], [[1.0]], {}, r"n_train: expected shape \(R,\)"),
        ([0], [1.0], {}, "n_train: expected finite numbers > 0"),
        ([1], [1.0, 2.0], {}, r"cost_usd: expected shape \(1,\), found \(2,\)"),
        ([1], [-1.0], {}, "cost_usd: expected finite numbers >= 0"),
        ([1], [math.nan], {}, "cost_usd: expected finite numbers >= 0"),
        ([1], [1.0], {"model": "warm"}, "n_new: expected one number for each run, found None"),
        ([1], [1.0], {"model": "warm", "n_new": [1, 2]}, r"n_new: expected shape \(1,\)"),
        ([1], [1.0], {"model": "hot"}, "model: expected measured, .*, found 'hot'"),
    ],
)
def test_bad_runs_are_named(n_train: Any, cost_usd: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_training_cost(n_train, cost_usd, **options)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_bad_coefficients_are_named(value: float) -> None:
    with pytest.raises(ValueError, match="per_item: expected a finite number >= 0, found"):
        TrainingCost(0.0, value)


def test_bad_paths_are_named() -> None:
    with pytest.raises(ValueError, match="n_to: expected >= n_from = 5, found 4"):
        COST.path(5, 4, 1)
    with pytest.raises(ValueError, match="n_steps: expected at least 1, found 0"):
        COST.path(4, 5, 0)
