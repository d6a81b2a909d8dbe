"""The kernels of ``cuda/k_center.cu``, each with its launch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .device import Device

__all__ = [
    "DTYPES",
    "MAX_ROWS",
    "Centers",
    "Copies",
    "Frame",
    "Matrix",
    "check",
    "copy",
    "fold",
    "fold_bytes",
    "gather",
    "pick",
    "picking_rows",
    "refine",
    "round_up",
]

DTYPES = ("float32", "float16", "bfloat16")  # numbered as in the kernels
BLOCK = 256
ROWS_A_BLOCK = BLOCK // 2  # where two lanes take a row
WARPS = BLOCK // 32
CANDIDATES_A_BLOCK = 16  # at least, as long as there are so many and they fit
VALUE_BYTES = 4
STATIC_SHARED_BYTES = 1024  # at most
MAX_ROWS = 2**32 - 1


@dataclass(frozen=True)
class Matrix:
    """Rows as the kernels take them."""

    data: Any  # (R, D), rows contiguous
    dtype: int
    inverse_lengths: Any  # float64 (R,) of the rows; anything if they are taken as they are
    is_unit: bool  # to be brought to unit length

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> Matrix:
        lengths = self.inverse_lengths[part] if self.is_unit else self.inverse_lengths
        return Matrix(self.data[part], self.dtype, lengths, self.is_unit)

    @cached_property
    def place(self) -> tuple[Any, ...]:
        return np.int32(self.dtype), self.data, np.int64(self.data.strides[0] // self.data.itemsize)

    @cached_property
    def shape(self) -> tuple[Any, ...]:
        return np.int64(len(self)), np.int32(self.data.shape[1])

    @cached_property
    def lengths(self) -> tuple[Any, ...]:
        return self.inverse_lengths, np.int32(self.is_unit)

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        return *self.place, *self.shape, *self.lengths


@dataclass(frozen=True)
class Copies:
    """Half-precision copies of rows for the tensor cores, and what their rounding cost."""

    halves: Any  # (R, half_stride)
    norms: Any  # (R, 2) float64
    q: Any  # (R,) float32
    e: Any  # (R,) float32


@dataclass(frozen=True)
class Centers:
    """Centers that rows are compared with, and their copies, which may be more: whole vectors."""

    rows: Any  # (R, stride) float32
    halves: Any  # (>= R, half_stride), a multiple of 4, as for q and e
    q: Any
    e: Any

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        n, stride = self.rows.shape
        return np.int32(len(self.halves)), self.q, self.e, self.rows, np.int32(stride), np.int32(n)


@dataclass(frozen=True)
class Frame:
    """What copies are taken relative to."""

    mean: Any  # (stride,) float32
    scale: float  # a power of 2


def round_up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def fold_bytes(stride: int) -> int:
    """The shared memory of a block that visits rows with one center."""
    return 4 * stride + STATIC_SHARED_BYTES


def picking_rows(device: Device, n_columns: int) -> int:
    """How many candidates a block that picks has room for, besides the center."""
    row_bytes = _picking_row_bytes(n_columns)
    room = device.max_shared_bytes - STATIC_SHARED_BYTES - row_bytes
    return max(0, room // (row_bytes + VALUE_BYTES))


def _picking_row_bytes(n_columns: int) -> int:
    """Eight chains, an odd number of vectors of 16 bytes each."""
    return 8 * 16 * (-(-n_columns // 32) | 1)


def check(device: Device, x: Matrix, is_cosine: bool, first: int, first_bad: Any) -> None:
    """Lowers ``first_bad`` to first + the first row without distances; fills the lengths of x."""
    device.launch(
        "k_center_check",
        -(-len(x) // ROWS_A_BLOCK),
        BLOCK,
        (
            *x.place,
            *x.shape,
            np.int32(is_cosine),
            np.int64(first),
            x.inverse_lengths,
            first_bad,
        ),
    )


def gather(
    device: Device, x: Matrix, keys: Any, out: Any, values: Any, *, take: bool = False
) -> None:
    """Rows of ``x`` at the positions in ``keys``, padded, to ``out``; ``take`` makes them centers.

    ``values`` are those of ``x``; they are looked at only to take.
    """
    device.launch(
        "k_center_gather",
        -(-len(keys) // WARPS),
        BLOCK,
        (
            *x.place,
            x.shape[1],
            *x.lengths,
            keys,
            np.int32(len(keys)),
            out,
            np.int32(out.shape[1]),
            values,
            np.int32(take),
        ),
    )


def fold(device: Device, x: Matrix, values: Any, center: Any, best: Any) -> None:
    """Makes ``values`` exact for one more center and raises ``best`` to the largest key."""
    device.launch(
        "k_center_fold",
        min(-(-len(x) // ROWS_A_BLOCK), 8 * device.n_multiprocessors),
        BLOCK,
        (
            *x.arguments,
            center,
            np.int32(center.shape[1]),
            values,
            best,
        ),
        shared_bytes=4 * center.shape[1],
    )


def copy(device: Device, x: Matrix, frame: Frame, copies: Copies) -> None:
    """Fills the first rows of ``copies``."""
    half_stride = copies.halves.shape[1]
    device.launch(
        "k_center_prepare",
        -(-len(x) // WARPS),
        BLOCK,
        (
            *x.arguments,
            frame.mean,
            np.float64(frame.scale),
            # Tensor cores cut sums off at 24 bits or more, once an element and once a group of
            # them; this is twice what that can come to, relative to the product of the lengths.
            np.float64((half_stride + 16) * 2.0**-22),
            copies.halves,
            np.int32(half_stride),
            copies.norms,
            copies.q,
            copies.e,
        ),
    )


def refine(
    device: Device,
    x: Matrix,
    norms: Any,
    frame: Frame,
    products: Any,
    centers: Centers,
    values: Any,
) -> None:
    """Makes ``values`` exact for ``centers``, given products of the copies of ``x`` and of theirs.

    ``norms`` are those of ``x``.
    """
    device.launch(
        "k_center_refine",
        -(-len(x) // WARPS),
        BLOCK,
        (*x.arguments, norms, np.float64(frame.scale), products, *centers.arguments, values),
    )


def pick(
    device: Device, candidates: Any, n_columns: int, values: Any, outside: np.uint64, limit: int
) -> Any:
    """Keys, slot for position, of what was picked among ``candidates``; their ``values`` change.

    At least one is picked if the best of them is better than ``outside``, and at most ``limit``.
    ``picking_rows`` of them fit a multiprocessor, unless ``limit`` is 1.
    """
    xp = device.xp
    n, stride = candidates.shape
    fit = max(1, min(CANDIDATES_A_BLOCK, picking_rows(device, n_columns)))
    grid = min(device.n_multiprocessors, -(-n // fit))
    each = -(-n // grid)
    row_bytes = _picking_row_bytes(n_columns) if limit > 1 else 0
    best = xp.zeros(limit, np.uint64)
    n_picked = xp.zeros(1, np.int32)
    device.launch(
        "k_center_pick",
        grid,
        BLOCK,
        (
            candidates,
            np.int32(stride),
            np.int32(n_columns),
            np.int32(n),
            outside,
            np.int32(limit),
            values,
            xp.zeros((limit, grid), np.uint64),
            best,
            n_picked,
        ),
        shared_bytes=(1 + each) * row_bytes + each * VALUE_BYTES,
        cooperative=True,
    )
    return best[: int(n_picked[0])]
