from dataclasses import replace
from typing import Any

import pytest

from mcal.planning import Plan, is_stable, next_batch_size, worth_going_on

PLAN = Plan(
    n_train=4000,
    theta=0.85,
    n_machine=50_000,
    n_steps=4,
    batch_size=700,
    total_cost_usd=400.0,
    error=0.04,
    stop_cost_usd=900.0,
    stop_theta=0.4,
    stop_n_machine=20_000,
    go_on_cost_usd=400.0,
    human_only_cost_usd=2400.0,
)
STOP = replace(PLAN, n_train=1200, n_steps=0, batch_size=0, total_cost_usd=900.0)


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({}, True),
        ({"total_cost_usd": 381.0}, True),
        ({"total_cost_usd": 380.0}, False),  # 5 % of the new $400 is $20
        ({"total_cost_usd": 419.0}, True),
        ({"total_cost_usd": 420.0}, False),
        ({"n_train": 3801}, True),
        ({"n_train": 3800}, False),
        ({"n_train": 4200}, False),
        ({"theta": 0.81}, True),
        ({"theta": 0.75}, False),
        ({"theta": 0.95}, False),
    ],
)
def test_each_part_of_the_plan_must_have_settled(changes: dict[str, Any], want: bool) -> None:
    assert is_stable(PLAN, replace(PLAN, **changes), 0.05) is want


def test_a_narrow_interval_is_stable_too() -> None:
    assert not is_stable(PLAN, None, 0.05)
    assert is_stable(PLAN, None, 0.05, cost_interval_usd=(395.0, 410.0))
    assert not is_stable(PLAN, None, 0.05, cost_interval_usd=(390.0, 410.0))
    assert is_stable(PLAN, PLAN, 0.05, cost_interval_usd=(100.0, 2000.0))


def size(plan: Plan = PLAN, **changes: Any) -> int:
    options: dict[str, Any] = {
        "n_train": 1200,
        "n_left": 50_000,
        "stable": False,
        "batch_min": 600,
    }
    return next_batch_size(plan, **(options | changes))


def test_before_stability_training_sets_double() -> None:
    assert size() == 1200
    assert size(n_train=2400) == 1600  # B_opt is nearer
    assert size(n_train=3900) == 600  # but no batch is smaller
    assert size(STOP) == 1200  # a plan to stop is not believed yet
    assert size(n_left=700) == 700
    assert size(n_left=599) == 0


def test_after_stability_the_plan_s_steps() -> None:
    assert size(stable=True) == 700
    assert size(replace(PLAN, batch_size=2000), stable=True) == 1200  # never more than doubles
    assert size(replace(PLAN, batch_size=2000), stable=True, n_train=300) == 600
    assert size(STOP, stable=True) == 0


def test_the_paper_s_batches() -> None:
    paper = {"preset": "paper", "batch_initial": 650}
    assert size(**paper) == 650
    assert size(STOP, **paper) == 650
    assert size(replace(PLAN, batch_size=2000), stable=True, **paper) == 2000
    assert size(STOP, stable=True, **paper) == 0
    assert size(n_left=620, **paper) == 620


def test_going_on_must_pay() -> None:
    assert worth_going_on(PLAN, 2400.0, 0.002)
    barely = replace(PLAN, stop_cost_usd=405.0)
    assert worth_going_on(barely, 2500.0, 0.002)
    assert not worth_going_on(barely, 2501.0, 0.002)
    assert not worth_going_on(replace(PLAN, stop_cost_usd=400.0), 2400.0, 0.0)
    assert not worth_going_on(replace(PLAN, stop_cost_usd=300.0), 2400.0, 0.0)
    assert not worth_going_on(replace(PLAN, go_on_cost_usd=None), 2400.0, 0.0)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"tolerance: expected a share in \(0, 1\), found 5"):
        is_stable(PLAN, None, 5)
    with pytest.raises(ValueError, match="cost_interval_usd: expected low <= high"):
        is_stable(PLAN, None, 0.05, cost_interval_usd=(2.0, 1.0))
    with pytest.raises(ValueError, match="n_train: expected an integer >= 0, found -1"):
        size(n_train=-1)
    with pytest.raises(ValueError, match="n_left: expected an integer >= 0, found -1"):
        size(n_left=-1)
    with pytest.raises(ValueError, match="batch_min: expected an integer >= 1, found 0"):
        size(batch_min=0)
    with pytest.raises(ValueError, match="batch_initial: expected an integer >= 1, found None"):
        size(preset="paper")
    with pytest.raises(ValueError, match="preset: expected 'default' or 'paper', found 'bold'"):
        size(preset="bold")
    with pytest.raises(ValueError, match="human_only_cost_usd: expected a finite number >= 0"):
        worth_going_on(PLAN, float("nan"), 0.002)
    with pytest.raises(ValueError, match="min_gain_share: expected a finite number >= 0"):
        worth_going_on(PLAN, 2400.0, -0.1)
