import math
from typing import Any

import numpy as np
import pytest

import bootstrap_world
import mcal
from mcal.bootstrap import CurveReplicas, PlanReplicas, bootstrap_curves, bootstrap_plans
from mcal.fitting import FORMS
from mcal.planning import TrainingCost, curve_knots, refine_thetas, search_plan

SIZES = (300, 600, 1200, 2400)
OPTIONS: dict[str, Any] = {
    "n_pool": 60_000,
    "n_test": 900,
    "target_error": 0.05,
    "price_per_label": 0.04,
    "training": TrainingCost(3.0, 1e-3),
    "batch_min": 600,
}


def curves(seed: int = 0, n_replicas: int = 12) -> CurveReplicas:
    rng = np.random.default_rng(seed)
    curve = bootstrap_world.random_curve("power", rng, SIZES[0], SIZES[-1])
    given = bootstrap_world.measured_rounds(curve, SIZES, 900, rng)
    knots = curve_knots(2400, 59_100)
    return bootstrap_curves(given, knots, n_classes=10, seed=seed, n_replicas=n_replicas)


def by_hand(
    error: list[list[list[float]]], knots: list[int], thetas: list[float], **changes: Any
) -> PlanReplicas:
    replicas = CurveReplicas(
        np.array(thetas), np.array(knots), np.array(error), np.zeros(len(error), np.int32), FORMS
    )
    options = {
        "n_pool": 1000,
        "n_test": 0,
        "target_error": 0.05,
        "price_per_label": 1.0,
        "training": TrainingCost(10.0, 0.0),
        "n_fine_thetas": len(thetas),
    }
    return bootstrap_plans(replicas, **(options | changes))


@pytest.mark.parametrize("target", ["set", "machine"])
@pytest.mark.parametrize("n_fine", [20, 100, 7])
def test_every_replica_has_the_plan_that_search_plan_finds(target: Any, n_fine: int) -> None:
    replicas = curves()
    options = OPTIONS | {"target": target, "machine_fee": 0.001}
    plans = bootstrap_plans(replicas, n_fine_thetas=n_fine, **options)
    for b, error in enumerate(replicas.error):
        thetas, fine = refine_thetas(replicas.thetas, error, n_fine)
        want = search_plan(replicas.n_knots, fine, thetas, n_train=2400, **options)
        assert plans.total_cost_usd[b] == pytest.approx(want.total_cost_usd, rel=1e-12)
        assert plans.stop_cost_usd[b] == pytest.approx(want.stop_cost_usd, rel=1e-12)
        assert plans.go_on_cost_usd[b] == pytest.approx(want.go_on_cost_usd, rel=1e-12)
        assert abs(plans.n_train[b] - want.n_train) <= 1
        assert plans.theta[b] == pytest.approx(want.theta)
        assert abs(plans.n_machine[b] - want.n_machine) <= 1


def test_the_total_at_a_knot_is_the_least_of_the_surface_there() -> None:
    replicas = curves(n_replicas=3)
    plans = bootstrap_plans(replicas, n_fine_thetas=20, **OPTIONS)
    human_only_usd = OPTIONS["price_per_label"] * OPTIONS["n_pool"]
    for b, error in enumerate(replicas.error):
        surface = search_plan(
            replicas.n_knots, error, replicas.thetas, n_train=2400, surface=True, **OPTIONS
        ).surface
        assert surface is not None
        for k, n in enumerate(replicas.n_knots):
            found = plans.knot_cost_usd[b, k]
            if 2400 < n < 3000:
                assert math.isnan(found)
                continue
            people_usd = human_only_usd
            if n > 2400:
                people_usd += OPTIONS["training"].of(n, n - 2400)
            want = min(people_usd, surface.cost_usd[n - 2400].min())
            assert found == pytest.approx(want, rel=1e-9)


def test_a_worked_example() -> None:
    # U(100) = 900, U(200) = 800; 50 errors allowed; label $1, training $10.
    # Replica 0: 0.1 of 450 is 45, then 0.05 of 800 is 40. Replica 1: nothing helps.
    plans = by_hand(
        [[[0.10, 0.05], [0.20, 0.05]], [[0.10, 0.10], [0.20, 0.20]]], [100, 200], [0.5, 1.0],
        batch_min=100,
    )  # fmt: skip
    assert plans.human_only_cost_usd == 1000.0
    assert plans.stop_cost_usd.tolist() == [550.0, 550.0]
    assert plans.go_on_cost_usd.tolist() == [210.0, 610.0]
    assert plans.total_cost_usd.tolist() == [210.0, 550.0]
    assert plans.n_train.tolist() == [200, 100]
    assert plans.theta.tolist() == [1.0, 0.5]
    assert plans.n_machine.tolist() == [800, 450]
    assert plans.total_cost_interval(0.5) == pytest.approx((295.0, 465.0))
    assert plans.expected_gain_usd() == pytest.approx(550.0 - (210.0 + 610.0) / 2)


def test_going_on_is_committed_to_one_size() -> None:
    # Each replica has a size of its own that is worth $100, and loses at the other's.
    plans = by_hand([[[1.0, 0.0, 1.0]], [[1.0, 1.0, 0.0]]], [1, 101, 901], [1.0], batch_min=100)
    free_choice_usd = np.mean(plans.stop_cost_usd - plans.go_on_cost_usd)
    gain_usd = plans.expected_gain_usd()
    assert gain_usd is not None
    assert gain_usd == pytest.approx(1000.0 - (111.0 + 1010.0) / 2)
    assert gain_usd < free_choice_usd


def test_no_batch_fits() -> None:
    plans = by_hand([[[0.0, 0.0]]], [100, 200], [1.0], batch_min=101)
    assert plans.expected_gain_usd() is None
    assert math.isnan(plans.go_on_cost_usd[0])
    assert plans.total_cost_usd.tolist() == plans.stop_cost_usd.tolist() == [100.0]


def test_without_curves_people_label_everything() -> None:
    plans = by_hand([[[np.nan, np.nan]]], [100, 200], [1.0])
    assert plans.total_cost_usd.tolist() == [1000.0]
    assert plans.n_machine.tolist() == [0]
    assert plans.total_cost_interval() == (1000.0, 1000.0)


def test_the_same_at_any_number_of_threads() -> None:
    replicas = curves()
    found = []
    for n_threads in (1, 4):
        mcal.set_thread_count(n_threads)
        found.append(bootstrap_plans(replicas, **OPTIONS))
    mcal.set_thread_count(0)
    np.testing.assert_array_equal(found[0].total_cost_usd, found[1].total_cost_usd)
    np.testing.assert_array_equal(found[0].knot_cost_usd, found[1].knot_cost_usd)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"n_pool": 0}, "n_pool"),
        ({"n_test": -1}, "n_test"),
        ({"n_test": 999}, "n_pool"),
        ({"target_error": 1.0}, "target_error"),
        ({"target": "all"}, "target"),
        ({"price_per_label": -1.0}, "price_per_label"),
        ({"machine_fee": math.nan}, "machine_fee"),
        ({"batch_min": 0}, "batch_min"),
        ({"n_fine_thetas": 0}, "n_fine_thetas"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}"):
        by_hand([[[0.1, 0.1]]], [100, 200], [1.0], **changes)


def test_confidence_is_checked() -> None:
    plans = by_hand([[[0.1, 0.1]]], [100, 200], [1.0])
    with pytest.raises(ValueError, match="confidence"):
        plans.total_cost_interval(0.0)
