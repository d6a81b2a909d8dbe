"""The mistakes of k-center's callers, in the words of ``cpp/src/k_center.cpp``."""

from __future__ import annotations

from math import isfinite
from typing import Any, NoReturn

import numpy as np

from ...types import IndexArray
from .checks import as_integer
from .k_center_kernels import DTYPES, MAX_ROWS

__all__ = ["check_arguments", "fail_row"]

LARGEST_SQUARE = float(np.finfo(np.float32).max) / 8


def check_arguments(
    x: Any, dtype: str, k: int, centers: IndexArray, center_vectors: Any | None, metric: str
) -> None:
    """The mistakes that can be seen without looking at ``x``."""
    found = f"shape {tuple(x.shape)} and dtype {dtype}"
    if x.ndim != 2 or dtype not in DTYPES:
        expected = "float32, float16 or bfloat16 of shape (N, D)"
        raise ValueError(f"x: expected {expected}, found {found}")
    n, d = x.shape
    if n == 0 or d == 0:
        raise ValueError(f"x: expected at least one row and one column, found {found}")
    if center_vectors is not None:
        found = f"shape {tuple(center_vectors.shape)} and dtype {dtype}"
        if center_vectors.ndim != 2:
            raise ValueError(f"center_vectors: expected {dtype} of shape (M, D), found {found}")
        if center_vectors.shape[1] != d:
            expected = f"{d} columns, as many as x"
            raise ValueError(f"center_vectors: expected {expected}, found {found}")
    if metric not in ("squared_euclidean", "cosine"):
        raise ValueError(f"metric: expected 'squared_euclidean' or 'cosine', found {metric!r}")
    if n > MAX_ROWS:
        raise ValueError(f"x: expected at most {MAX_ROWS} rows, found {n}")
    if centers.ndim != 1 or (centers.dtype.kind not in "iu" and centers.size):
        found = f"shape {centers.shape} and dtype {centers.dtype}"
        raise ValueError(f"centers: expected int64 of shape (M,), found {found}")
    _check_centers(centers, n)
    available = n - len(centers)
    if not 0 <= as_integer(k, "k") <= available:
        expected = f"0 <= k <= {available}, the points that are no centers yet"
        raise ValueError(f"k: expected {expected}, found {k}")


def _check_centers(centers: IndexArray, n: int) -> None:
    is_repeated = np.ones(len(centers), bool)
    is_repeated[np.unique(centers, return_index=True)[1]] = False
    is_outside = (centers < 0) | (centers >= n)
    for i in np.flatnonzero(is_outside | is_repeated)[:1]:
        if is_outside[i]:
            raise ValueError(f"centers: expected positions from 0 to {n - 1}, found {centers[i]}")
        raise ValueError(f"centers: expected positions that differ, found {centers[i]} repeated")


def fail_row(name: str, row: int, square: float) -> NoReturn:
    """Raises what is wrong with a row of this squared length."""
    if not isfinite(square):
        raise ValueError(
            f"{name}: expected finite values in float32, found NaN or infinity in row {row}"
        )
    if square == 0.0:
        raise ValueError(
            f"{name}: expected no zero row under the cosine metric, found one in row {row}"
        )
    expected = f"squared lengths up to {LARGEST_SQUARE:f}"
    raise ValueError(f"{name}: expected {expected}, found {square:f} in row {row}")
