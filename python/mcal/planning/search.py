"""The exhaustive plan search (paper Eq. 1 and 2, Algorithm 1 lines 18 and 20)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from mcal import _core
from mcal._core import as_integer, as_number
from mcal.types import FloatArray, IndexArray

from .training_cost import TrainingCost

__all__ = [
    "CostSurface",
    "Plan",
    "curve_knots",
    "label_cost_usd",
    "refine_thetas",
    "search_plan",
]


@dataclass(frozen=True, eq=False)
class CostSurface:
    """Total dollars of every plan with one step, for plotting."""

    n_train: IndexArray  # (n_B,)
    thetas: FloatArray  # (T,)
    cost_usd: FloatArray  # (n_B, T), inf where theta breaks the promise or the batch is too small


@dataclass(frozen=True)
class Plan:
    """What ``search_plan`` found. Totals hold every label of the pool and the training to come."""

    n_train: int  # B_opt: |B| to reach; what is bought already when the plan is to stop
    theta: float  # share of U that the machine labels then; 0 when none
    n_machine: int  # |S|
    n_steps: int  # equal steps on the way; 0 when the plan is to stop
    batch_size: int  # delta_opt, items of the next step, rounded up; 0 when the plan is to stop
    total_cost_usd: float  # C*, with one step
    error: float  # predicted errors among machine labels / n_pool
    stop_cost_usd: float  # the total of stopping now
    stop_theta: float
    stop_n_machine: int
    go_on_cost_usd: float | None  # the best total that buys and trains on; None: no batch fits
    human_only_cost_usd: float  # people label everything
    surface: CostSurface | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers by field name, without the surface."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "surface"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The plan that ``to_json`` wrote."""
        return cls(**values)


def search_plan(
    n_knots: npt.ArrayLike,
    error: npt.ArrayLike,
    thetas: npt.ArrayLike,
    *,
    n_pool: int,
    n_test: int,
    n_train: int,
    target_error: float,
    target: Literal["set", "machine"] = "set",
    price_per_label: float,
    price_steps: Sequence[tuple[int, float]] = (),
    machine_fee: float = 0.0,
    training: TrainingCost | None = None,
    batch_min: int = 1,
    max_steps: int = 10,
    beta: float = 0.02,
    n_train_max: int | None = None,
    surface: bool = False,
    surface_stride: int = 1,
) -> Plan:
    """The cheapest plan over every |B|, every theta and every number of steps.

    For |B| = n, U = n_pool - n_test - n items are left. The machine labels
    S = floor(theta * U) of them, for the largest theta such that it and all smaller ones keep the
    promise: S * error <= target_error * n_pool under "set" (Eq. 2), error <= target_error under
    "machine". The total (Eq. 1) is

        price_per_label * (n_pool - S) + machine_fee * S + training from n_train to n,

    with people's n_pool - S labels at their prices one by one where there are ``price_steps``.
    Candidates are to stop now (S with what is bought, no more training), to let people label
    everything, and every n from ``n_train + batch_min`` to ``n_train_max`` in one step; more steps
    never cost less. Equal totals go to the smallest n. A theta that would label nothing is 0, and
    so is every theta when a machine label is no cheaper than a person's.

    Line 20 as algorithm.md reads it: with C* the best total, ``n_steps`` is the largest number of
    equal steps to B_opt whose total is <= (1 + beta) C* and whose steps are >= ``batch_min``.

    Cost: about T operations for each knot and each change of the best theta along n; the pool's
    size does not matter. The surface visits every cell, threaded; neither depends on the number
    of threads.

    Parameters
    ----------
    n_knots : array_like of shape (K,), int64
        Rising training sizes that cover n_train .. n_train_max; see ``curve_knots``.
    error : array_like of shape (T, K), float64
        Predicted error rate in [0, 1] among the top theta of U, linear between knots, which
        over-states a convex curve and never under-states it. NaN: not feasible, up to the
        neighbouring knots.
    thetas : array_like of shape (T,), float64
        Rising, in (0, 1].
    n_pool, n_test, n_train : int
        |X|, |T| and |B| bought so far; n_train <= n_train_max.
    target_error : float
        eps in (0, 1).
    target : {"set", "machine"}
        Errors relative to the whole pool, or to the machine labels.
    price_per_label, machine_fee : float
        Dollars, >= 0.
    price_steps : sequence of (int, float)
        Later prices: people's labels ``from`` and later, in the order bought and counted from 0,
        cost ``price`` dollars each; ``from`` rises from >= 1.
    training : TrainingCost, optional
        Dollars of each training to come, scoring included; default: free.
    batch_min : int
        delta_min, the smallest purchase, >= 1.
    max_steps : int
        >= 1.
    beta : float
        Share of the best total that smaller batches may cost, >= 0.
    n_train_max : int, optional
        Largest |B|; default and at most n_pool - n_test.
    surface : bool
        Also return the total of every cell for |B| = n_train, n_train + surface_stride, ...
    surface_stride : int
        >= 1.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        An argument is out of range or an array has the wrong shape or type.
    """
    training = TrainingCost(0.0, 0.0) if training is None else training
    n_pool = as_integer(n_pool, "n_pool", 1)
    n_test = as_integer(n_test, "n_test", 0, n_pool)
    if n_train_max is None:
        n_train_max = n_pool - n_test
    n_train_max = as_integer(n_train_max, "n_train_max", 0, n_pool - n_test)
    n_train = as_integer(n_train, "n_train", 0, n_train_max)
    batch_min = as_integer(batch_min, "batch_min", 1)
    max_steps = as_integer(max_steps, "max_steps", 1)
    surface_stride = as_integer(surface_stride, "surface_stride", 1)
    target_error = as_number(target_error, "target_error", 0.0, 1.0, open=True)
    if target not in ("set", "machine"):
        raise ValueError(f"target: expected 'set' or 'machine', found {target!r}")
    price_per_label = as_number(price_per_label, "price_per_label", 0.0)
    machine_fee = as_number(machine_fee, "machine_fee", 0.0)
    beta = as_number(beta, "beta", 0.0)
    theta_values = _check_thetas(thetas)
    knots = _as_array("n_knots", n_knots, "integers of shape (K,)", "iu")
    errors = _check_errors(error, (theta_values.size, knots.size))

    stop, go_on, cells = _core.search_plan(
        knots,
        errors,
        theta_values,
        n_pool=n_pool,
        n_test=n_test,
        n_train=n_train,
        n_train_max=n_train_max,
        batch_min=batch_min,
        target_error=target_error,
        per_machine_label=target == "machine",
        price_per_label=price_per_label,
        price_steps=price_steps,
        machine_fee=machine_fee,
        fixed=training.fixed,
        per_item=training.per_item,
        per_item_squared=training.per_item_squared,
        per_new_item=training.per_new_item,
        surface_stride=surface_stride if surface else 0,
    )
    best = stop if go_on is None or stop.cost_usd <= go_on.cost_usd else go_on
    n_steps = 0
    if best.n_train > n_train:
        for n_steps in range(min(max_steps, (best.n_train - n_train) // batch_min), 1, -1):
            total_usd = best.labels_usd + training.path(n_train, best.n_train, n_steps)
            if total_usd <= (1.0 + beta) * best.cost_usd:
                break
        else:
            n_steps = 1
    return Plan(
        n_train=best.n_train,
        theta=best.theta,
        n_machine=best.n_machine,
        n_steps=n_steps,
        batch_size=-((n_train - best.n_train) // n_steps) if n_steps else 0,
        total_cost_usd=best.cost_usd,
        error=best.error,
        stop_cost_usd=stop.cost_usd,
        stop_theta=stop.theta,
        stop_n_machine=stop.n_machine,
        go_on_cost_usd=None if go_on is None else go_on.cost_usd,
        human_only_cost_usd=label_cost_usd(n_pool, price_per_label, price_steps),
        surface=None
        if cells is None
        else CostSurface(
            n_train=np.arange(n_train, n_train_max + 1, surface_stride, dtype=np.int64),
            thetas=theta_values,
            cost_usd=cells,
        ),
    )


def label_cost_usd(
    n_labels: int, price_per_label: float, price_steps: Sequence[tuple[int, float]] = ()
) -> float:
    """Dollars for people's first ``n_labels`` labels, at the prices of ``search_plan``."""
    starts = [min(start, n_labels) for start, _ in price_steps]
    prices = [price_per_label, *(price for _, price in price_steps)]
    return sum(
        price * (end - start)
        for start, end, price in zip([0, *starts], [*starts, n_labels], prices, strict=True)
    )


def curve_knots(n_train: int, n_train_max: int, *, ratio: float = 1.05) -> IndexArray:
    """Training sizes at which to evaluate learning curves for ``search_plan``: (K,) int64.

    Geometric from ``n_train`` to ``n_train_max``, both included, ``ratio`` apart but for rounding
    down to whole items. Linear interpolation then over-states n**-gamma by at most a share
    gamma (gamma + 1) (ratio - 1)**2 / 8: 0.06 % for gamma = 1.

    Raises
    ------
    ValueError
        Not 0 <= n_train <= n_train_max, or ratio <= 1.
    """
    n_train_max = as_integer(n_train_max, "n_train_max", 0)
    n_train = as_integer(n_train, "n_train", 0, n_train_max)
    ratio = as_number(ratio, "ratio", 1.0, open=True)
    first = max(1, n_train)
    n_gaps = math.ceil(math.log(max(1, n_train_max) / first) / math.log(ratio))
    between = np.floor(np.geomspace(first, max(first, n_train_max), n_gaps + 1)).astype(np.int64)
    inside = between[(between > n_train) & (between < n_train_max)]
    return np.unique(np.concatenate([[n_train], inside, [n_train_max]]).astype(np.int64))


def refine_thetas(
    thetas: npt.ArrayLike, error: npt.ArrayLike, n: int
) -> tuple[FloatArray, FloatArray]:
    """A finer grid of thetas, without fitting more curves.

    Wrong labels along the ranking, theta * error(theta), are interpolated linearly from 0 at
    theta = 0: errors spread evenly between two fitted thetas.

    Parameters
    ----------
    thetas : array_like of shape (T,)
        Rising, in (0, 1].
    error : array_like of shape (T, K)
        In [0, 1] or NaN; a NaN makes everything up to its neighbours NaN.
    n : int
        Size of the new grid, >= 1; a multiple of T keeps the thetas of an even grid.

    Returns
    -------
    thetas : ndarray of shape (n,)
        Evenly spaced from ``thetas[-1] / n`` to ``thetas[-1]``.
    error : ndarray of shape (n, K)

    Raises
    ------
    ValueError
        An argument is out of range or an array has the wrong shape.
    """
    n = as_integer(n, "n", 1)
    coarse = _check_thetas(thetas)
    errors = _check_errors(error, (coarse.size, None))
    fine = coarse[-1] * np.arange(1, n + 1) / n
    nodes = np.concatenate([[0.0], coarse])
    wrong = np.concatenate([np.zeros((1, errors.shape[1])), coarse[:, None] * errors])
    right = np.searchsorted(nodes, fine)
    share = ((fine - nodes[right - 1]) / (nodes[right] - nodes[right - 1]))[:, None]
    inside = wrong[right - 1] * (1.0 - share) + wrong[right] * share
    fine_wrong = np.where(share == 1.0, wrong[right], inside)  # a NaN on the left does not count
    return fine, np.minimum(fine_wrong / fine[:, None], 1.0)


def _as_array(name: str, value: npt.ArrayLike, expected: str, kinds: str) -> npt.NDArray[Any]:
    """``value`` as an array of one of the dtype ``kinds``, of any shape."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # ragged
        raise ValueError(f"{name}: expected {expected}, found {value!r}") from error
    if array.dtype.kind not in kinds and array.size > 0:
        raise ValueError(
            f"{name}: expected {expected}, found shape {array.shape} and dtype {array.dtype}"
        )
    return array


def _check_thetas(thetas: npt.ArrayLike) -> FloatArray:
    values = _as_array("thetas", thetas, "real numbers of shape (T,)", "fiu").astype(np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"thetas: expected shape (T,) with T >= 1, found {values.shape}")
    if not (values[0] > 0.0 and values[-1] <= 1.0 and (np.diff(values) > 0.0).all()):
        raise ValueError(f"thetas: expected rising numbers in (0, 1], found {values.tolist()}")
    return values


def _check_errors(error: npt.ArrayLike, shape: tuple[int, int | None]) -> FloatArray:
    expected = f"float64 of shape ({shape[0]}, {'K' if shape[1] is None else shape[1]})"
    values = _as_array("error", error, expected, "fiu")
    right_shape = values.ndim == 2 and all(
        want is None or want == found for want, found in zip(shape, values.shape, strict=True)
    )
    if not right_shape:
        raise ValueError(
            f"error: expected {expected}, found shape {values.shape} and dtype {values.dtype}"
        )
    values = values.astype(np.float64)
    bad = (values < 0.0) | (values > 1.0)
    if bad.any():
        raise ValueError(f"error: expected values in [0, 1] or NaN, found {values[bad][0]}")
    return values
