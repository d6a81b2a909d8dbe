"""The k smallest or largest of N numbers on a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import as_integer
from .device import Device

__all__ = ["smallest_k"]

THREADS = 256
WARP = 32
SELECT_BITS, SORT_BITS = 11, 8
MOST_IN_ONE_BLOCK = 2048  # for the sort of few; 12 bytes of shared memory each
WARPS_PER_MULTIPROCESSOR = 64
NUMBERS_PER_WARP = 1024  # at least; what a warp counts must be worth storing
NONE = np.iinfo(np.int64).max
DTYPES = ("float32", "float64", "int64")


@dataclass(frozen=True)
class _Share:
    """How N numbers are shared among warps: neighbours, the same number for each but the last."""

    per_warp: int
    n_warps: int

    @property
    def grid(self) -> int:
        return math.ceil(self.n_warps / (THREADS // WARP))

    @property
    def args(self) -> tuple[np.int64, np.int64]:
        return np.int64(self.per_warp), np.int64(self.n_warps)


def smallest_k(device: Device, values: Any, k: int, *, largest: bool) -> Any:
    """Positions of the first k values, int64 on the device; the contract of ``mcal.smallest_k``.

    ``values`` is a float32, float64 or int64 array (N,) of ``device.xp``, at any stride; it is
    copied if it is not contiguous.

    Cost: 3 (4 bytes) or 6 (8 bytes) passes over the values that count digits, two that gather k
    of them, and a sort of those. No transfers but one number, which tells of NaN.
    """
    if values.ndim != 1 or values.dtype.name not in DTYPES:
        raise ValueError(
            "values: expected float32, float64 or int64 of shape (N,), "
            f"found shape {tuple(values.shape)} and dtype {values.dtype}"
        )
    n = values.shape[0]
    if n == 0:
        raise ValueError("values: expected at least 1 value, found 0")
    k = as_integer(k, "k")
    if not 0 <= k <= n:
        raise ValueError(f"k: expected 0 to {n}, found {k}")
    xp = device.xp
    values = xp.ascontiguousarray(values)
    state = xp.empty(3, np.int64)
    state[0], state[1], state[2] = 0, k, NONE
    _find_kth(device, values, state, largest, nan_only=k == 0)
    first_nan = int(state[2])
    if first_nan != NONE:
        raise ValueError(f"values: expected no NaN, found one at position {first_nan}")
    if k == 0:
        return xp.empty(0, np.int64)
    keys, positions = _gather(device, values, state, k, largest)
    if k <= MOST_IN_ONE_BLOCK:
        return _sort_few(device, keys, positions)
    return _sort_many(device, keys, positions)


def _find_kth(device: Device, values: Any, state: Any, largest: bool, *, nan_only: bool) -> None:
    n, key_bits = values.shape[0], 8 * values.dtype.itemsize
    counts = device.xp.zeros(1 << SELECT_BITS, np.uint64)
    grid = min(math.ceil(n / THREADS), 8 * device.n_multiprocessors)
    known = key_bits
    while known > 0:
        shift = max(0, known - SELECT_BITS)
        device.launch(
            f"smallest_k_count_{values.dtype}",
            grid,
            THREADS,
            (
                values,
                np.int64(n),
                np.int32(largest),
                np.int32(shift),
                np.int32(known - shift),
                state,
                counts,
            ),
        )
        if nan_only:
            return
        device.launch("smallest_k_narrow", 1, 1024, (counts, np.int32(shift), state))
        known = shift


def _gather(device: Device, values: Any, state: Any, k: int, largest: bool) -> tuple[Any, Any]:
    xp, name = device.xp, values.dtype
    share = _share(device, values.shape[0])
    places = xp.empty((2, share.n_warps), np.int64)
    given = (values, np.int64(values.shape[0]), np.int32(largest), state, *share.args, places)
    device.launch(f"smallest_k_tally_{name}", share.grid, THREADS, given)
    _scan(device, places)
    keys = xp.empty(k, np.uint32 if name.itemsize == 4 else np.uint64)
    positions = xp.empty(k, np.int64)
    device.launch(f"smallest_k_gather_{name}", share.grid, THREADS, (*given, keys, positions))
    return keys, positions


def _sort_few(device: Device, keys: Any, positions: Any) -> Any:
    k = keys.shape[0]
    few = max(2, 1 << (k - 1).bit_length())
    result = device.xp.empty(k, np.int64)
    device.launch(
        f"smallest_k_sort_few_{keys.dtype}",
        1,
        max(WARP, few // 2),
        (keys, positions, np.int32(k), np.int32(few), result),
        shared_bytes=few * (keys.dtype.itemsize + 4),
    )
    return result


def _sort_many(device: Device, keys: Any, positions: Any) -> Any:
    xp, name, k = device.xp, keys.dtype, keys.shape[0]
    share = _share(device, k)
    counts = xp.empty((1 << SORT_BITS, share.n_warps), np.int64)
    other_keys, other_positions = xp.empty_like(keys), xp.empty_like(positions)
    for shift in range(0, 8 * name.itemsize, SORT_BITS):
        where = (np.int64(k), np.int32(shift), *share.args, counts)
        device.launch(f"smallest_k_digits_{name}", share.grid, THREADS, (keys, *where))
        totals = _scan(device, counts)
        device.launch(
            f"smallest_k_scatter_{name}",
            share.grid,
            THREADS,
            (keys, positions, *where, totals, other_keys, other_positions),
        )
        keys, other_keys = other_keys, keys
        positions, other_positions = other_positions, positions
    return positions


def _share(device: Device, n: int) -> _Share:
    fair = math.ceil(n / (device.n_multiprocessors * WARPS_PER_MULTIPROCESSOR))
    per_warp = max(NUMBERS_PER_WARP, math.ceil(fair / WARP) * WARP)
    return _Share(per_warp, math.ceil(n / per_warp))


def _scan(device: Device, counts: Any) -> Any:
    """Make each count the sum of those before it in its row; return the sums of the rows."""
    rows, n = counts.shape
    totals = device.xp.empty(rows, np.int64)
    device.launch(
        "smallest_k_scan", rows, 1024 if n > THREADS else THREADS, (counts, np.int64(n), totals)
    )
    return totals
