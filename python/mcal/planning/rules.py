"""When a plan may be trusted, what to buy next, when to stop (Algorithm 1 lines 9, 10, 19-21)."""

from __future__ import annotations

from typing import Literal

from mcal._core import as_number

from .search import Plan

__all__ = ["is_stable", "next_batch_size", "worth_going_on"]


def is_stable(
    plan: Plan,
    previous: Plan | None,
    tolerance: float,
    *,
    cost_interval_usd: tuple[float, float] | None = None,
) -> bool:
    """Whether the forecast has settled since the last round (line 19).

    True when C* and B_opt each moved by less than ``tolerance`` of their new value and theta, a
    share already, by less than ``tolerance``; or when the interval of C* is narrower than
    ``tolerance`` of C*. The paper looks at C* only, which is flat around its minimum while B_opt
    and theta still wander. A plan to stop is held to C* alone when the last plan did not want to
    go further: its B_opt is |B|, which has grown since.

    Parameters
    ----------
    plan, previous : Plan
        This round's and the last one's; None in round 0.
    tolerance : float
        Delta, in (0, 1).
    cost_interval_usd : (float, float), optional
        Lower and upper end of the total's interval.

    Raises
    ------
    ValueError
        ``tolerance`` is not in (0, 1), or the interval's ends are not in order.
    """
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"tolerance: expected a share in (0, 1), found {tolerance!r}")
    if cost_interval_usd is not None:
        low, high = cost_interval_usd
        if not low <= high:
            raise ValueError(
                f"cost_interval_usd: expected low <= high, found {cost_interval_usd!r}"
            )
        if high - low < tolerance * plan.total_cost_usd:
            return True
    if previous is None:
        return False
    cost_moved = abs(plan.total_cost_usd - previous.total_cost_usd)
    cost_settled = cost_moved < tolerance * plan.total_cost_usd
    if plan.n_steps == 0 and previous.n_train <= plan.n_train:
        return cost_settled
    n_moved = abs(plan.n_train - previous.n_train)
    return (
        cost_settled
        and n_moved < tolerance * plan.n_train
        and abs(plan.theta - previous.theta) < tolerance
    )


def next_batch_size(
    plan: Plan,
    *,
    n_train: int,
    n_left: int,
    stable: bool,
    batch_min: int,
    batch_initial: int | None = None,
    preset: Literal["default", "paper"] = "default",
) -> int:
    """How many labels to buy for training now (lines 10, 20, 21).

    Stable: ``plan.batch_size``, 0 when the plan is to stop. Not stable, default: double |B|, but
    not past B_opt when that is nearer; a plan to stop is not believed yet and does not count.
    Not stable, "paper": ``batch_initial``, delta_0. By default |B| never more than doubles on a
    forecast, except where ``batch_min`` asks for more. Never less than ``batch_min``, never more
    than ``n_left``; 0 when not even ``batch_min`` is left.

    Parameters
    ----------
    plan : Plan
        This round's.
    n_train : int
        |B| now, >= 0.
    n_left : int
        Items still unlabelled, >= 0.
    stable : bool
        What ``is_stable`` said.
    batch_min : int
        delta_min, >= 1.
    batch_initial : int, optional
        delta_0 = |B_0|, >= 1; needed by "paper".
    preset : {"default", "paper"}

    Raises
    ------
    ValueError
        A number is out of range, an unknown preset, or "paper" without ``batch_initial``.
    """
    for name, value, low in (
        ("n_train", n_train, 0),
        ("n_left", n_left, 0),
        ("batch_min", batch_min, 1),
    ):
        if value < low:
            raise ValueError(f"{name}: expected an integer >= {low}, found {value!r}")
    if preset == "paper":
        if batch_initial is None or batch_initial < 1:
            raise ValueError(f"batch_initial: expected an integer >= 1, found {batch_initial!r}")
        size = plan.batch_size if stable else batch_initial
    elif preset == "default":
        to_best = plan.n_train - n_train
        if stable:
            size = min(plan.batch_size, n_train)
        else:
            size = min(n_train, to_best) if to_best > 0 else n_train
    else:
        raise ValueError(f"preset: expected 'default' or 'paper', found {preset!r}")
    if (stable and plan.batch_size == 0) or n_left < batch_min:
        return 0
    return min(max(size, batch_min), n_left)


def worth_going_on(plan: Plan, human_only_cost_usd: float, min_gain_share: float) -> bool:
    """Whether the best total that trains on beats stopping now by enough (line 9).

    By at least ``min_gain_share`` of the human-only price, and by something at all. Lines 8 and 9
    as printed never stop.

    Raises
    ------
    ValueError
        A number is negative or NaN.
    """
    human_only_cost_usd = as_number(human_only_cost_usd, "human_only_cost_usd", 0.0)
    min_gain_share = as_number(min_gain_share, "min_gain_share", 0.0)
    if plan.go_on_cost_usd is None:
        return False
    gain_usd = plan.stop_cost_usd - plan.go_on_cost_usd
    return gain_usd > 0.0 and gain_usd >= min_gain_share * human_only_cost_usd
