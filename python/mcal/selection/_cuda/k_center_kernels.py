"""The kernels of ``cuda/k_center.cu``, each with its launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .device import Device

__all__ = [
    "DTYPES",
    "MAX_ROWS",
    "Copies",
    "Frame",
    "Matrix",
    "center_bytes",
    "check",
    "copy",
    "fold",
    "gather",
    "pick",
    "refine",
    "round_up",
    "strides",
]

DTYPES = ("float32", "float16", "bfloat16")  # numbered as in the kernels
BLOCK = 256
ROWS_A_BLOCK = BLOCK // 2  # where two lanes take a row
WARPS = BLOCK // 32
CANDIDATES_A_BLOCK = 16  # at least, as long as there are so many
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

    @property
    def place(self) -> tuple[Any, ...]:
        return np.int32(self.dtype), self.data, np.int64(self.data.strides[0] // self.data.itemsize)

    @property
    def n_columns(self) -> np.int32:
        return np.int32(self.data.shape[1])

    @property
    def lengths(self) -> tuple[Any, ...]:
        return self.inverse_lengths, np.int32(self.is_unit)


@dataclass(frozen=True)
class Copies:
    """Half-precision copies of rows for the tensor cores, and what their rounding cost."""

    halves: Any  # (R, half_stride)
    norms: Any  # (R, 2) float64
    q: Any  # (R,) float32
    e: Any  # (R,) float32


@dataclass(frozen=True)
class Frame:
    """What copies are taken relative to."""

    mean: Any  # (stride,) float32
    scale: float  # a power of 2


def round_up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def strides(n_columns: int) -> tuple[int, int]:
    """Elements from one padded float32 row to the next, and from one half-precision copy."""
    half = round_up(n_columns, 8)
    # 8 or 24 more than a multiple of 32: the 16 rows that a warp reads at a time then lie in
    # different banks of shared memory.
    return half + (8 if half % 16 == 0 else 0), half


def center_bytes(stride: int, n_candidates: int, n_multiprocessors: int) -> int:
    """The least shared memory of a block that picks: a center, and its candidates' values."""
    each = max(CANDIDATES_A_BLOCK, -(-n_candidates // n_multiprocessors))
    return 4 * (stride + each) + STATIC_SHARED_BYTES


def check(device: Device, x: Matrix, is_cosine: bool, first: int, first_bad: Any) -> None:
    """Lowers ``first_bad`` to first + the first row without distances; fills the lengths of x."""
    device.launch(
        "k_center_check",
        -(-len(x) // ROWS_A_BLOCK),
        BLOCK,
        (
            *x.place,
            np.int64(len(x)),
            x.n_columns,
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
            x.n_columns,
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
            *x.place,
            np.int64(len(x)),
            x.n_columns,
            *x.lengths,
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
            *x.place,
            np.int64(len(x)),
            x.n_columns,
            *x.lengths,
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
    q: Any,
    e: Any,
    centers: Any,
    values: Any,
) -> None:
    """Makes ``values`` exact for ``centers``, given products of copies.

    ``norms`` are those of ``x``; ``q`` and ``e`` those of ``centers``, with as many elements as
    ``products`` (R, >= centers, a multiple of 4) has columns.
    """
    device.launch(
        "k_center_refine",
        -(-len(x) // WARPS),
        BLOCK,
        (
            *x.place,
            np.int64(len(x)),
            x.n_columns,
            *x.lengths,
            norms,
            np.float64(frame.scale),
            products,
            np.int32(products.shape[1]),
            q,
            e,
            centers,
            np.int32(centers.shape[1]),
            np.int32(len(centers)),
            values,
        ),
    )


def pick(
    device: Device, candidates: Any, n_columns: int, values: Any, outside: np.uint64, limit: int
) -> Any:
    """Keys, slot for position, of what was picked among ``candidates``; their ``values`` change.

    At least one is picked if the best of them is better than ``outside``, and at most ``limit``.
    """
    xp = device.xp
    n, stride = candidates.shape
    grid = min(device.n_multiprocessors, -(-n // CANDIDATES_A_BLOCK))
    each = -(-n // grid)
    fixed = 4 * (stride + each)
    room = device.max_shared_bytes - STATIC_SHARED_BYTES - fixed
    n_kept = min(each, max(0, room) // (4 * stride))
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
            np.int32(n_kept),
            outside,
            np.int32(limit),
            values,
            best,
            xp.zeros(1, np.uint32),
            n_picked,
        ),
        shared_bytes=fixed + 4 * n_kept * stride,
        cooperative=True,
    )
    return best[: int(n_picked[0])]
