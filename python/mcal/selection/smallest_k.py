"""The k smallest or largest of N numbers, in order."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .. import _core
from ..types import IndexArray

__all__ = ["largest_k", "smallest_k"]


def smallest_k(values: npt.NDArray[Any], k: int) -> IndexArray:
    """Positions of the k smallest values, the smallest first.

    The same as ``numpy.argsort(values, kind="stable")[:k]``: equal values (-0.0 and 0.0 are equal)
    come by lowest position first. The result does not depend on the number of threads.

    Parameters
    ----------
    values : float32, float64 or int64 array of shape (N,), N >= 1
        Infinities are allowed, NaN is not.
    k : int
        0 to N.

    Returns
    -------
    int64 array of shape (k,)
        Positions in ``values``, not indices of the pool.

    Raises
    ------
    ValueError
        Wrong shape or dtype, no values, k outside 0..N, or NaN, naming its first position.

    Notes
    -----
    Cost: O(N + k), two passes over ``values`` and a radix sort of k values and those that share
    their leading 16 bits with the k-th. Source: algorithm.md section 2 (remaining ties: lowest
    index).
    """
    return _core.smallest_k(values, k)


def largest_k(values: npt.NDArray[Any], k: int) -> IndexArray:
    """Positions of the k largest values, the largest first; equal ones by lowest position first.

    Parameters, errors and cost are those of ``smallest_k``.
    """
    return _core.largest_k(values, k)
