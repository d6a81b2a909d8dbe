"""What trainings cost, measured so far and predicted to come (paper section 3.2, Eq. 4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mcal._core import as_number
from mcal.types import FloatArray

__all__ = ["TrainingCost", "TrainingCostModel", "fit_training_cost"]

TrainingCostModel = Literal["measured", "paper", "constant", "cubic", "warm"]


@dataclass(frozen=True)
class TrainingCost:
    """Dollars of one training, scoring included, at size n that adds d items.

    ``fixed + per_item * n + per_item_squared * n**2 + per_new_item * d``; every coefficient is
    finite and >= 0, so a path in more steps never costs less than the same path in fewer.

    ============================  ===================================================
    measured (algorithm.md)       ``TrainingCost(a, b)``
    paper's Eq. 4                 ``TrainingCost(0, b)``
    constant steps                ``TrainingCost(a, 0)``
    cubic, epochs ~ n             ``TrainingCost(0, 0, per_item_squared=c)``
    warm start, frozen features   ``TrainingCost(a, 0, per_new_item=w)``
    ============================  ===================================================

    Raises
    ------
    ValueError
        A coefficient is negative, NaN or infinite.
    """

    fixed: float
    per_item: float
    per_item_squared: float = 0.0
    per_new_item: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            as_number(value, name, 0.0)

    def of(self, n: float, d: float) -> float:
        """Dollars of one training at size ``n`` after ``d`` new items."""
        return (
            self.fixed + self.per_item * n + self.per_item_squared * (n * n) + self.per_new_item * d
        )

    def path(self, n_from: int, n_to: int, n_steps: int) -> float:
        """Dollars of the ``n_steps`` trainings on the way from ``n_from`` to ``n_to`` items.

        The steps are equal, d = (n_to - n_from) / n_steps, and each ends with a training; the sum
        over sizes n_from + d, n_from + 2 d, ..., n_to is taken in closed form. Eq. 4 is
        ``TrainingCost(0, b).path(0, n, n / delta)``. No steps cost nothing.

        Raises
        ------
        ValueError
            ``n_to < n_from``, ``n_steps < 0``, or no step for a path that needs one.
        """
        if n_to < n_from:
            raise ValueError(f"n_to: expected >= n_from = {n_from}, found {n_to}")
        if n_steps < 0 or (n_steps == 0 and n_to > n_from):
            raise ValueError(f"n_steps: expected at least 1, found {n_steps}")
        if n_steps == 0:
            return 0.0
        d = (n_to - n_from) / n_steps
        sum_i = n_steps * (n_steps + 1) / 2
        sum_i2 = sum_i * (2 * n_steps + 1) / 3
        return (
            self.fixed * n_steps
            + self.per_item * (n_steps * n_from + d * sum_i)
            + self.per_item_squared
            * (n_steps * n_from * n_from + 2.0 * n_from * d * sum_i + d * d * sum_i2)
            + self.per_new_item * (n_to - n_from)
        )


def fit_training_cost(
    n_train: npt.ArrayLike,
    cost_usd: npt.ArrayLike,
    *,
    model: TrainingCostModel = "measured",
    n_new: npt.ArrayLike | None = None,
) -> TrainingCost:
    """Training cost fitted to the runs so far, robustly and never negative.

    The first run contains warm-up (compilation, cold caches) and is dropped as soon as there is a
    second. A line is Theil and Sen's: the median slope of all pairs of runs at different sizes,
    then the median rest; a negative slope becomes 0, a negative rest a line through the origin.
    Runs at a single size (one run for a start) say nothing about the slope: the line through the
    origin is taken, which over-states trainings larger than it.

    Parameters
    ----------
    n_train : array_like of shape (R,)
        Training size of each run, > 0, in the order they ran.
    cost_usd : array_like of shape (R,)
        Dollars of each run, scoring included, finite and >= 0.
    model : {"measured", "paper", "constant", "cubic", "warm"}
        "measured": a + b n. "paper": b n (Eq. 4). "constant": a. "cubic": c n**2. "warm": a + w d.
        Those with one coefficient take the median of dollars over n, 1 or n**2.
    n_new : array_like of shape (R,), optional
        Items new to each run, > 0; needed by "warm" only.

    Returns
    -------
    TrainingCost

    Raises
    ------
    ValueError
        No run, shapes that differ, a value out of range, an unknown model, "warm" without
        ``n_new``.
    """
    sizes = _sizes("n_train", n_train)
    dollars = np.asarray(cost_usd, dtype=np.float64)
    if dollars.shape != sizes.shape:
        raise ValueError(f"cost_usd: expected shape {sizes.shape}, found {dollars.shape}")
    if not (np.isfinite(dollars) & (dollars >= 0.0)).all():
        raise ValueError(f"cost_usd: expected finite numbers >= 0, found {dollars.tolist()}")
    kept = slice(1 if sizes.size > 1 else 0, None)
    if model == "measured":
        fixed, per_item = _line(sizes[kept], dollars[kept])
        return TrainingCost(fixed, per_item)
    if model == "paper":
        return TrainingCost(0.0, float(np.median((dollars / sizes)[kept])))
    if model == "constant":
        return TrainingCost(float(np.median(dollars[kept])), 0.0)
    if model == "cubic":
        return TrainingCost(0.0, 0.0, per_item_squared=float(np.median((dollars / sizes**2)[kept])))
    if model == "warm":
        if n_new is None:
            raise ValueError("n_new: expected one number for each run, found None")
        new = _sizes("n_new", n_new)
        if new.shape != sizes.shape:
            raise ValueError(f"n_new: expected shape {sizes.shape}, found {new.shape}")
        fixed, per_new_item = _line(new[kept], dollars[kept])
        return TrainingCost(fixed, 0.0, per_new_item=per_new_item)
    raise ValueError(f"model: expected measured, paper, constant, cubic or warm, found {model!r}")


def _sizes(name: str, values: npt.ArrayLike) -> FloatArray:
    sizes = np.asarray(values, dtype=np.float64)
    if sizes.ndim != 1 or sizes.size == 0:
        raise ValueError(f"{name}: expected shape (R,) with R >= 1, found {sizes.shape}")
    if not (np.isfinite(sizes) & (sizes > 0.0)).all():
        raise ValueError(f"{name}: expected finite numbers > 0, found {sizes.tolist()}")
    return sizes


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Intercept and slope, neither negative."""
    i, j = np.triu_indices(x.size, k=1)
    differ = x[i] != x[j]
    if not differ.any():
        return 0.0, float(np.median(y / x))
    i, j = i[differ], j[differ]
    slope = max(0.0, float(np.median((y[j] - y[i]) / (x[j] - x[i]))))
    intercept = float(np.median(y - slope * x))
    return (intercept, slope) if intercept >= 0.0 else (0.0, float(np.median(y / x)))
