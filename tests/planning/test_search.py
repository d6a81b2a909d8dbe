import json
import math
from typing import Any

import numpy as np
import pytest

import mcal
import plan_oracle
from mcal import _core
from mcal.planning import (
    Plan,
    TrainingCost,
    curve_knots,
    label_cost_usd,
    refine_thetas,
    search_plan,
)

THETAS = np.arange(1, 21) / 20


def easy(**changes: Any) -> Plan:
    knots = curve_knots(600, 59_100)
    error = np.minimum(0.9, 4.0 * knots**-0.5 * THETAS[:, None] ** 2)
    options: dict[str, Any] = {
        "n_pool": 60_000,
        "n_test": 900,
        "n_train": 600,
        "target_error": 0.05,
        "price_per_label": 0.04,
        "training": TrainingCost(0.5, 1e-4),
        "batch_min": 600,
    }
    return search_plan(knots, error, THETAS, **(options | changes))


@pytest.mark.parametrize("seed", range(200))
def test_agrees_with_the_oracle_on_every_cell(seed: int) -> None:
    plan_oracle.check(plan_oracle.random_problem(np.random.default_rng(seed)))


def test_agrees_with_the_oracle_on_larger_pools() -> None:
    for seed in range(6):
        plan_oracle.check(plan_oracle.random_problem(np.random.default_rng(seed), n_pool=1500))


def test_random_problems_reach_every_kind_of_plan() -> None:
    plans = [
        plan_oracle.random_problem(np.random.default_rng(seed)).search() for seed in range(200)
    ]
    assert sum(p.n_machine > 0 and p.n_steps > 1 for p in plans) > 10
    assert sum(p.n_machine > 0 and p.n_steps == 0 for p in plans) > 20
    assert sum(p.n_machine == 0 for p in plans) > 20


def test_a_worked_example() -> None:
    # U(100) = 900, U(200) = 800, U(300) = 700; E = 50 errors allowed; label $1, training $10
    plan = search_plan(
        [100, 200, 300],
        [[0.10, 0.05, 0.04], [0.20, 0.10, 0.0625]],
        [0.5, 1.0],
        n_pool=1000,
        n_test=0,
        n_train=100,
        target_error=0.05,
        price_per_label=1.0,
        training=TrainingCost(10.0, 0.0),
        n_train_max=300,
        surface=True,
        surface_stride=100,
    )
    assert plan.surface is not None
    # 100: 450 * 0.10 = 45 holds, 900 * 0.2 does not. 200: 400 * 0.05. 300: 700 * 0.0625 = 43.75.
    np.testing.assert_array_equal(
        plan.surface.cost_usd, [[550.0, math.inf], [610.0, math.inf], [660.0, 310.0]]
    )
    np.testing.assert_array_equal(plan.surface.n_train, [100, 200, 300])
    # between: U * (0.1 - 0.000375 (n - 200)) <= 50 from n = 271 on
    n = next(n for n in range(200, 301) if (1000 - n) * (0.1 - 0.000375 * (n - 200)) <= 50)
    assert (plan.n_train, plan.theta, plan.n_machine) == (n, 1.0, 1000 - n)
    assert plan.total_cost_usd == n + 10.0
    assert (plan.stop_cost_usd, plan.stop_theta, plan.stop_n_machine) == (550.0, 0.5, 450)
    assert plan.human_only_cost_usd == 1000.0
    assert plan.error * 1000 == pytest.approx((1000 - n) * (0.1 - 0.000375 * (n - 200)))
    assert plan.n_steps == 1  # beta leaves 2 % of $281


def test_volume_prices_move_the_plan() -> None:
    # Of 1,000 labels the first 400 cost $1, the others $3: a machine label saves $3 down to 400.
    options: dict[str, Any] = {
        "n_pool": 1000, "n_test": 0, "n_train": 100, "target_error": 0.05, "n_train_max": 100,
        "price_per_label": 1.0, "price_steps": [(400, 3.0)],
    }  # fmt: skip
    plan = search_plan([100], [[0.0]], [0.5], **options)
    assert plan.human_only_cost_usd == 400.0 + 600 * 3.0
    assert (plan.n_machine, plan.total_cost_usd) == (450, 400.0 + 150 * 3.0)
    # A fee of $2 lies between the prices: the machine gives labels while they cost people $3.
    plan = search_plan([100], [[0.0]], [1.0], machine_fee=2.0, **options)
    assert (plan.n_machine, plan.total_cost_usd) == (600, 400.0 + 600 * 2.0)
    assert plan.theta == 600 / 900


def test_the_cost_of_labels_step_by_step() -> None:
    steps = [(3, 0.5), (5, 2.0)]
    assert [label_cost_usd(n, 1.0, steps) for n in (0, 1, 3, 4, 5, 7)] == [
        0.0, 1.0, 3.0, 3.5, 4.0, 8.0,
    ]  # fmt: skip
    assert label_cost_usd(7, 0.25) == 1.75


def test_the_result_does_not_depend_on_threads() -> None:
    mcal.set_thread_count(1)
    try:
        one = easy(surface=True)
        mcal.set_thread_count(4)
        four = easy(surface=True)
    finally:
        mcal.set_thread_count(0)
    assert one == four
    assert one.surface is not None
    assert four.surface is not None
    np.testing.assert_array_equal(one.surface.cost_usd, four.surface.cost_usd)


def test_the_surface_can_be_thinned() -> None:
    whole, thin = easy(surface=True).surface, easy(surface=True, surface_stride=700).surface
    assert whole is not None
    assert thin is not None
    np.testing.assert_array_equal(thin.n_train, whole.n_train[::700])
    np.testing.assert_array_equal(thin.cost_usd, whole.cost_usd[::700])
    assert easy().surface is None


def test_steps_are_as_many_as_beta_pays_for() -> None:
    free = easy(training=TrainingCost(0.0, 0.0))
    assert free.n_steps == 10 or free.batch_size < 2 * 600
    assert easy(beta=0.0).n_steps == 1
    assert easy(max_steps=1).n_steps == 1
    for beta in (0.005, 0.02, 0.1):
        plan = easy(beta=beta, batch_min=1)
        steps = [
            plan.total_cost_usd
            - TrainingCost(0.5, 1e-4).path(600, plan.n_train, 1)
            + TrainingCost(0.5, 1e-4).path(600, plan.n_train, s)
            <= (1 + beta) * plan.total_cost_usd
            for s in range(1, 11)
        ]
        assert plan.n_steps == max(1, sum(steps))
        assert plan.batch_size == math.ceil((plan.n_train - 600) / plan.n_steps)


def test_a_single_size_is_a_plan_to_stop() -> None:
    plan = easy(n_train_max=600)
    assert (plan.n_train, plan.n_steps, plan.batch_size) == (600, 0, 0)
    assert plan.go_on_cost_usd is None
    assert plan.total_cost_usd == plan.stop_cost_usd < plan.human_only_cost_usd


def test_unknown_curves_leave_everything_to_people() -> None:
    plan = search_plan(
        [0, 100],
        np.full((1, 2), np.nan),
        [1.0],
        n_pool=100,
        n_test=0,
        n_train=10,
        target_error=0.05,
        price_per_label=0.04,
    )
    assert (plan.n_train, plan.theta, plan.n_machine, plan.n_steps) == (10, 0.0, 0, 0)
    assert plan.total_cost_usd == plan.human_only_cost_usd == 4.0


def test_a_nan_knot_does_not_spoil_its_neighbours() -> None:
    plan = search_plan(
        [10, 50, 90],
        [[0.0, math.nan, 0.0]],
        [1.0],
        n_pool=100,
        n_test=0,
        n_train=10,
        n_train_max=90,
        target_error=0.05,
        price_per_label=1.0,
        surface=True,
    )
    assert plan.surface is not None
    assert plan.surface.n_train[np.isfinite(plan.surface.cost_usd[:, 0])].tolist() == [10, 90]


def test_a_plan_survives_json() -> None:
    for plan in (easy(), easy(n_train_max=600)):
        assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_knots_cover_the_range_and_bound_the_interpolation() -> None:
    for low, high in [(0, 0), (0, 1), (0, 50), (7, 7), (600, 59_100), (12_811, 1_261_950)]:
        knots = curve_knots(low, high)
        assert (knots[0], knots[-1]) == (low, high)
        assert (np.diff(knots) > 0).all()
        assert (knots[1:] <= 1.05 * knots[:-1] + 1).all()
    knots = curve_knots(600, 59_100)
    n = np.arange(600, 59_101)
    over = np.interp(n, knots, 1.0 / knots) * n - 1.0
    assert 0.0 <= over.max() < 0.0007
    assert over.min() > -1e-12


def test_finer_thetas_keep_the_errors_of_the_coarse_ones() -> None:
    error = np.random.default_rng(0).random((4, 3)) * [[0.1], [0.2], [0.3], [0.4]]
    coarse = np.array([0.25, 0.5, 0.75, 1.0])
    thetas, fine = refine_thetas(coarse, error, 100)
    np.testing.assert_allclose(thetas, np.arange(1, 101) / 100)
    np.testing.assert_allclose(fine[24::25], error)
    for k in range(3):
        wrong = np.interp(thetas, [0.0, *coarse], [0.0, *(coarse * error[:, k])])
        np.testing.assert_allclose(fine[:, k] * thetas, wrong)


def test_finer_thetas_pass_nan_on_between_neighbours_only() -> None:
    thetas, fine = refine_thetas([0.2, 0.4, 0.6], [[0.1], [math.nan], [0.2]], 6)
    np.testing.assert_allclose(thetas, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_array_equal(np.isnan(fine[:, 0]), [False, False, True, True, True, False])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_pool": 0}, "n_pool: expected an integer >= 1, found 0"),
        ({"n_test": 60_001}, "n_test: expected an integer >= 0 and <= 60000, found 60001"),
        ({"n_train": -1}, "n_train: expected an integer >= 0 and <= 59100, found -1"),
        ({"n_train": 600.0}, r"n_train: expected an integer .*, found 600.0"),
        ({"n_train_max": 59_101}, "n_train_max: expected an integer >= 0 and <= 59100"),
        ({"n_train": 599}, r"n_knots: expected to cover 599 \.\. 59100, found 600 \.\. 59100"),
        ({"batch_min": 0}, "batch_min: expected an integer >= 1, found 0"),
        ({"max_steps": 0}, "max_steps: expected an integer >= 1, found 0"),
        ({"surface_stride": 0}, "surface_stride: expected an integer >= 1, found 0"),
        ({"target_error": 5}, "target_error: expected a finite number > 0 and < 1, found 5"),
        ({"target_error": "a"}, "target_error: expected a finite number .*, found 'a'"),
        ({"price_per_label": "a"}, "price_per_label: expected a finite number >= 0, found 'a'"),
        ({"price_per_label": True}, "price_per_label: expected a finite number .*, found True"),
        ({"n_pool": 2**70}, "n_pool: expected an integer >= 1, found 1180591620717411303424"),
        ({"batch_min": True}, "batch_min: expected an integer >= 1, found True"),
        ({"target_error": math.nan}, "target_error: .* found nan"),
        ({"target": "pool"}, "target: expected 'set' or 'machine', found 'pool'"),
        ({"price_per_label": -1.0}, "price_per_label: expected a finite number >= 0, found -1"),
        ({"machine_fee": math.inf}, "machine_fee: expected a finite number >= 0, found inf"),
        ({"beta": math.nan}, "beta: expected a finite number >= 0, found nan"),
    ],
)
def test_bad_numbers_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        easy(**changes)


@pytest.mark.parametrize(
    ("knots", "error", "thetas", "message"),
    [
        ([], np.zeros((1, 0)), [1.0], r"n_knots: expected to cover 0 \.\. 10, found none"),
        ([0.0, 10.0], np.zeros((1, 2)), [1.0], "n_knots: expected integers .* float64"),
        ([[0, 10]], np.zeros((1, 2)), [1.0], r"n_knots: .* found shape \(1, 2\)"),
        ([0, 10, 10], np.zeros((1, 3)), [1.0], "n_knots: expected rising sizes"),
        ([0, 10], np.zeros((2, 2)), [1.0], r"error: expected .* \(1, 2\), found shape \(2, 2\)"),
        ([0, 10], np.zeros(2), [1.0], r"error: .* found shape \(2,\)"),
        ([0, 10], np.array([["a", "b"]]), [1.0], "error: expected float64"),
        ([0, 10], [[0.0, 1.5]], [1.0], r"error: expected values in \[0, 1\] or NaN, found 1.5"),
        ([0, 10], [[-0.5, 0.0]], [1.0], "error: .* found -0.5"),
        ([0, 10], np.zeros((0, 2)), [], r"thetas: expected shape \(T,\) with T >= 1"),
        ([0, 10], np.zeros((2, 2)), [0.5, 0.5], "thetas: expected rising numbers"),
        ([0, 10], np.zeros((1, 2)), [[0.5], [0.5, 1.0]], "thetas: expected real numbers .*found"),
        ([0, 10], np.zeros((1, 2)), ["a"], "thetas: expected real numbers .* dtype <U1"),
        ([0, 10], [[0.0], [0.0, 0.1]], [1.0], "error: expected float64 of shape .*found"),
        ([0, [10]], np.zeros((1, 2)), [1.0], "n_knots: expected integers .*found"),
        ([0, 9], np.zeros((1, 2)), [1.0], r"n_knots: expected to cover 0 \.\. 10, found 0 \.\. 9"),
        ([0, 10], np.zeros((1, 2)), [0.0], "thetas: expected rising numbers"),
        ([0, 10], np.zeros((1, 2)), [1.1], "thetas: expected rising numbers"),
        ([0, 10], np.zeros((1, 2)), [math.nan], "thetas: expected rising numbers"),
    ],
)
def test_bad_arrays_are_named(knots: Any, error: Any, thetas: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search_plan(
            knots,
            error,
            thetas,
            n_pool=10,
            n_test=0,
            n_train=0,
            target_error=0.05,
            price_per_label=0.04,
        )


def test_bad_grids_are_named() -> None:
    with pytest.raises(ValueError, match="n: expected an integer >= 1, found 0"):
        refine_thetas([1.0], [[0.1]], 0)
    with pytest.raises(ValueError, match=r"error: expected float64 of shape \(1, K\)"):
        refine_thetas([1.0], [0.1], 5)
    with pytest.raises(ValueError, match="n_train: expected an integer >= 0 and <= 5"):
        curve_knots(6, 5)
    with pytest.raises(ValueError, match=r"ratio: expected a finite number > 1, found 1.0"):
        curve_knots(0, 5, ratio=1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_knots": [3, 10]}, r"n_knots: expected to cover 2 \.\. 10, found 3 \.\. 10"),
        ({"n_knots": [0, 9]}, r"n_knots: expected to cover 2 \.\. 10, found 0 \.\. 9"),
        ({"n_knots": [10, 0]}, "n_knots: expected rising sizes, found 10 before 0"),
        ({"thetas": [1.1]}, r"thetas: expected rising numbers in \(0, 1\], found 1.1"),
        ({"thetas": [math.nan]}, "thetas: expected rising numbers"),
        ({"n_train_max": 11}, "n_train_max: expected an integer >= 0 and <= 10, found 11"),
        ({"n_train": 11}, "n_train: expected an integer >= 0 and <= 10, found 11"),
        ({"batch_min": 0}, "batch_min: expected an integer >= 1, found 0"),
        ({"surface_stride": -1}, "surface_stride: expected an integer >= 0, found -1"),
        ({"price_steps": [(0, 1.0)]}, "price_steps: expected to rise from 1 or more, found 0"),
        ({"price_steps": [(5, 1.0), (5, 2.0)]}, "price_steps: expected to rise .*, found 5 after"),
        ({"price_steps": [(5, math.nan)]}, "price_steps: expected finite prices >= 0, found nan"),
    ],
)
def test_the_core_itself_refuses_what_would_not_end(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "n_knots": [0, 10], "error": np.zeros((1, 2)), "thetas": [1.0],
        "n_pool": 12, "n_test": 2, "n_train": 2, "n_train_max": 10, "batch_min": 1,
        "target_error": 0.05, "per_machine_label": False, "price_per_label": 0.04,
        "price_steps": [], "machine_fee": 0.0, "fixed": 0.0, "per_item": 0.0,
        "per_item_squared": 0.0, "per_new_item": 0.0, "surface_stride": 0,
    }  # fmt: skip
    _core.search_plan(**arguments)
    with pytest.raises(ValueError, match=message):
        _core.search_plan(**arguments | changes)
