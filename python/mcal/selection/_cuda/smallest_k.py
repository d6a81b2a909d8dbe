"""The k smallest or largest of N numbers on a GPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import as_integer
from .device import Device

__all__ = ["smallest_k", "start"]

THREADS = 256
WARP = 32
SELECT_BITS, SORT_BITS = 11, 8
MOST_IN_ONE_BLOCK = 2048  # for the sort of few; 12 bytes of shared memory each
WARPS_PER_MULTIPROCESSOR = 64
NUMBERS_PER_WARP = 512  # at least; what a warp counts must be worth storing
STATE_WORDS = 4  # of 8 bytes, zeros at the start; the third tells of NaN
# By dtype: NumPy takes microseconds to spell a dtype's name.
NAMES = {np.dtype(name): name for name in ("float32", "float64", "int64", "uint32", "uint64")}
DTYPES = [np.dtype(dtype) for dtype in (np.float32, np.float64, np.int64)]


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
    """Positions of the first k values, int64 on the device; the contract of ``mcal.smallest_k``."""
    positions, check = start(device, values, k, largest=largest)
    check()
    return positions


def start(device: Device, values: Any, k: int, *, largest: bool) -> tuple[Any, Callable[[], None]]:
    """Start the work: the array that will hold the positions, and what waits for it.

    Nothing in it counts before the returned function has been called: it raises ``ValueError`` for
    the first NaN. ``values`` is a float32, float64 or int64 array (N,) of ``device.xp``, at any
    stride; it is copied if it is not contiguous.

    Cost: 3 (4 bytes) or 6 (8 bytes) passes over the values that count digits, two that gather k
    of them, and a sort of those; of more than half of them one pass, and a sort of all. No
    transfers but one number, which tells of NaN.
    """
    if values.ndim != 1 or values.dtype not in DTYPES:
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
    if values.strides[0] != values.dtype.itemsize:
        values = device.xp.ascontiguousarray(values)
    zeros = device.xp.zeros(STATE_WORDS + (1 << SELECT_BITS), np.uint64)
    state, counts = zeros[:STATE_WORDS], zeros[STATE_WORDS:]

    def check() -> None:
        not_first_nan = device.download(state)[2]
        if not_first_nan:
            raise ValueError(
                f"values: expected no NaN, found one at position {int(~not_first_nan)}"
            )

    return _positions(device, values, k, largest, state, counts), check


def _positions(device: Device, values: Any, k: int, largest: bool, state: Any, counts: Any) -> Any:
    n = values.shape[0]
    if 2 * k > n:
        keys, positions = _buffers(device, values, n)
        grid = min(math.ceil(n / THREADS), 8 * device.n_multiprocessors)
        given = (values, np.int64(n), np.int32(largest), state, keys, positions)
        device.launch(f"smallest_k_all_{NAMES[values.dtype]}", grid, THREADS, given)
    else:
        _find_kth(device, values, k, largest, state, counts)
        if k == 0:
            return device.xp.empty(0, np.int64)
        keys, positions = _gather(device, values, k, largest, state)
    sort = _sort_few if keys.shape[0] <= MOST_IN_ONE_BLOCK else _sort_many
    return sort(device, keys, positions)[:k]


def _buffers(device: Device, values: Any, k: int) -> tuple[Any, Any]:
    """Room for k keys and positions."""
    key = np.uint32 if values.dtype.itemsize == 4 else np.uint64
    return device.xp.empty(k, key), device.xp.empty(k, np.int64)


def _find_kth(device: Device, values: Any, k: int, largest: bool, state: Any, counts: Any) -> None:
    n, known = values.shape[0], 8 * values.dtype.itemsize
    kernel = f"smallest_k_count_{NAMES[values.dtype]}"
    grid = min(math.ceil(n / THREADS), 8 * device.n_multiprocessors)
    given = (values, np.int64(n), np.int64(k), np.int32(largest))
    while known > 0:
        shift = max(0, known - SELECT_BITS)
        digit = (np.int32(shift), np.int32(known - shift), state, counts)
        device.launch(kernel, grid, THREADS, (*given, *digit))
        known = shift if k > 0 else 0  # the first pass finds NaN


def _gather(device: Device, values: Any, k: int, largest: bool, state: Any) -> tuple[Any, Any]:
    name, n = NAMES[values.dtype], np.int64(values.shape[0])
    share = _share(device, values.shape[0])
    room = device.xp.empty(2 * share.n_warps + 2, np.int64)
    places, totals = room[:-2], room[-2:]
    how = (np.int32(largest), state, *share.args, places)
    device.launch(f"smallest_k_tally_{name}", share.grid, THREADS, (values, n, *how))
    _scan(device, places, totals)
    keys, positions = _buffers(device, values, k)
    given = (values, n, np.int64(k), *how, keys, positions)
    device.launch(f"smallest_k_gather_{name}", share.grid, THREADS, given)
    return keys, positions


def _sort_few(device: Device, keys: Any, positions: Any) -> Any:
    k = keys.shape[0]
    few = max(2, 1 << (k - 1).bit_length())
    result = device.xp.empty(k, np.int64)
    device.launch(
        f"smallest_k_sort_few_{NAMES[keys.dtype]}",
        1,
        max(WARP, few // 2),
        (keys, positions, np.int32(k), np.int32(few), result),
        shared_bytes=few * (keys.dtype.itemsize + 4),
    )
    return result


def _sort_many(device: Device, keys: Any, positions: Any) -> Any:
    xp, name, k = device.xp, NAMES[keys.dtype], keys.shape[0]
    share, n_digits = _share(device, k), 1 << SORT_BITS
    room = xp.empty(n_digits * (share.n_warps + 1), np.int64)
    counts, totals = room[:-n_digits], room[-n_digits:]
    other_keys, other_positions = xp.empty_like(keys), xp.empty_like(positions)
    for shift in range(0, 8 * keys.dtype.itemsize, SORT_BITS):
        where = (np.int64(k), np.int32(shift), *share.args, counts)
        device.launch(f"smallest_k_digits_{name}", share.grid, THREADS, (keys, *where))
        _scan(device, counts, totals)
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


def _scan(device: Device, counts: Any, totals: Any) -> None:
    """Make each count the sum of those before it in its row; ``totals``: the sums of the rows."""
    rows = totals.shape[0]
    n = counts.shape[0] // rows
    block = 1024 if n > THREADS else THREADS
    device.launch("smallest_k_scan", rows, block, (counts, np.int64(n), totals))
