"""The k smallest or largest of N numbers, in order."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from .. import _core
from ..cuda import Engine, open_array
from ..types import IndexArray
from ._cuda import smallest_k as _cuda

__all__ = ["largest_k", "smallest_k"]


def smallest_k(values: npt.NDArray[Any], k: int, *, engine: Engine = "auto") -> IndexArray:
    """Positions of the k smallest values, the smallest first.

    The same as ``numpy.argsort(values, kind="stable")[:k]``: equal values (-0.0 and 0.0 are equal)
    come by lowest position first. The result does not depend on the number of threads.

    Parameters
    ----------
    values : float32, float64 or int64 array of shape (N,), N >= 1
        Of NumPy, CuPy or torch, or anything with DLPack. Infinities are allowed, NaN is not.
    k : int
        0 to N.
    engine : {"auto", "cpu", "cuda"}
        "auto" computes where the data is; CUDA work goes to the caller's current stream.

    Returns
    -------
    int64 array of shape (k,)
        Positions in ``values``, not indices of the pool; of the caller's kind, on its device.

    Raises
    ------
    ValueError
        Wrong shape or dtype, no values, k outside 0..N, or NaN, naming its first position.
    DeviceError, MissingExtraError
        CUDA asked for without a device, without enough memory, or without CuPy.

    Notes
    -----
    Cost: O(N + k): on the CPU two passes over ``values``, and a radix sort of k values and those
    that share their leading 16 bits with the k-th; on CUDA five passes for 32 bits, eight for 64.
    Source: algorithm.md section 2 (remaining ties: lowest index).
    """
    return _select(values, k, engine, largest=False)


def largest_k(values: npt.NDArray[Any], k: int, *, engine: Engine = "auto") -> IndexArray:
    """Positions of the k largest values, the largest first; equal ones by lowest position first.

    Parameters, errors and cost are those of ``smallest_k``.
    """
    return _select(values, k, engine, largest=True)


def _select(values: npt.NDArray[Any], k: int, engine: Engine, *, largest: bool) -> IndexArray:
    array = open_array(values, "values")
    positions: IndexArray
    if array.choose(engine) == "cpu":
        select = _core.largest_k if largest else _core.smallest_k
        positions = array.in_kind(select(array.on_host(), k))
        return positions
    with array.on_device() as device:
        started, check = _cuda.start(device, array.uploaded(device), k, largest=largest)
        positions = array.in_kind(started)  # while the device works
        check()
    return positions
