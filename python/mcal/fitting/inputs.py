"""What the fits accept; everything else is a ValueError."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mcal._core import as_integer
from mcal.types import FloatArray

T = TypeVar("T", bound=str)


def choice(value: object, name: str, choices: tuple[T, ...]) -> T:
    """The one of ``choices`` that ``value`` is."""
    for one in choices:
        if value == one:
            return one
    raise ValueError(f"{name}: expected one of {', '.join(choices)}, found {value!r}")


def chance_error(n_classes: int | None) -> float:
    """E0 = 1 - 1/C; inf for None."""
    if n_classes is None:
        return float("inf")
    return 1.0 - 1.0 / as_integer(n_classes, "n_classes", 2)


def numbers(value: npt.ArrayLike, name: str, expected: str) -> FloatArray:
    """Finite float64 of any shape; ``expected`` completes the message."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected {expected}, found {value!r}") from error
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected {expected}, found dtype {array.dtype}")
    require(np.isfinite(array), array, name, "finite numbers")
    return array.astype(np.float64)


def per_point(value: npt.ArrayLike, name: str, shape: tuple[int, ...]) -> FloatArray:
    """(1, R) for all rows, or (rows, R)."""
    n_points = shape[-1]
    array = numbers(value, name, f"real numbers of shape ({n_points},) or {shape}")
    if array.shape not in ((n_points,), shape):
        raise ValueError(f"{name}: expected shape ({n_points},) or {shape}, found {array.shape}")
    return array.reshape(-1, n_points)


def require(
    holds: npt.NDArray[np.bool_], array: npt.NDArray[Any], name: str, expected: str
) -> None:
    """Raise, naming the first of ``array`` for which ``holds`` (same shape) is false."""
    if not holds.all():
        raise ValueError(f"{name}: expected {expected}, found {array[~holds][0]}")


def sizes(n_train: npt.ArrayLike) -> FloatArray:
    """Training sizes (K,), > 0."""
    n = numbers(n_train, "n_train", "real numbers of shape (K,)")
    if n.ndim != 1:
        raise ValueError(f"n_train: expected shape (K,), found {n.shape}")
    require(n > 0.0, n, "n_train", "> 0")
    return n
