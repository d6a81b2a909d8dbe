"""Label, deficit, entropy and least confidence on a GPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...types import ScoreKind
from .device import Device

__all__ = ["start", "uncertainty"]

THREADS = 256
WARP = 32
VECTOR_BYTES = 16
# Rows that few warps could share are given to whole blocks from this many pieces on.
PIECES_FOR_A_BLOCK = 4
WARPS_PER_MULTIPROCESSOR = 32
MOST_CLASSES = 1 << 30  # numbered by 32 bits in the kernel
# Rows that are not contiguous, or not all at the same place between 16-byte boundaries, are copied,
# so many bytes of them at a time.
COPIED_BYTES = 1 << 28
SUM_TOLERANCE = {"float32": 0.001, "float16": 0.001, "bfloat16": 0.005}


@dataclass(frozen=True)
class _Plan:
    """How a launch is cut; the words of ``cuda/uncertainty.cu``."""

    vectors: int  # in a lane's registers, 4 or 8
    lanes: int  # that share a row, a power of two
    rounds: int  # rows after each other, at most ``lanes``
    block_a_row: bool
    grid: int


def uncertainty(
    device: Device, scores: Any, dtype: str, kind: ScoreKind
) -> tuple[Any, Any, Any, Any]:
    """What ``mcal.uncertainty`` returns, as arrays of the device."""
    (label, values), check = start(device, scores, dtype, kind)
    check()
    deficit, entropy, least_confidence = values
    return label, deficit, entropy, least_confidence


def start(
    device: Device, scores: Any, dtype: str, kind: ScoreKind
) -> tuple[tuple[Any, Any], Callable[[], None]]:
    """Start the work: the arrays that will hold the results, and what waits for them.

    The arrays are label, int64 (N,), and deficit, entropy and least confidence, float64 (3, N).
    Nothing in them counts before the returned function has been called: it raises ``ValueError``
    for the first bad row.

    ``scores`` (N, C) is an array of ``device.xp`` with any strides; its elements are what ``dtype``
    says, "float32", "float16" or, in a ``uint16`` array, "bfloat16". The numbers are within 4e-6 of
    the exact ones, relative, and equal rows give equal bits wherever they stand. Probabilities'
    sums may be 0.001 off, in bfloat16 0.005.
    """
    _check(scores, dtype, kind)
    rows, cols = scores.shape
    xp = device.xp
    label, values = xp.empty(rows, np.int64), xp.empty((3, rows), np.float64)
    size = scores.dtype.itemsize
    # Where 16-byte boundaries lie decides the order of sums: the same in all rows, or equal rows
    # would not tie.
    as_they_lie = scores.strides[1] == size and (scores.strides[0] % VECTOR_BYTES == 0 or rows == 1)
    padded_cols = -(-cols * size // VECTOR_BYTES) * VECTOR_BYTES // size
    at_once = rows if as_they_lie else min(rows, max(1, COPIED_BYTES // (padded_cols * size)))
    starts = range(0, rows, at_once)
    bad = xp.zeros(len(starts), np.uint64)  # ~ of a part's first bad row, 0 if there is none
    if as_they_lie:
        _launch(device, scores, dtype, kind, label, values, bad)
    else:
        padded = xp.empty((at_once, padded_cols), scores.dtype)
        for number, begin in enumerate(starts):
            part = slice(begin, begin + at_once)
            copied = padded[: len(label[part]), :cols]
            copied[...] = scores[part]
            _launch(device, copied, dtype, kind, label[part], values[:, part], bad[number:])

    def check() -> None:
        found = device.download(bad)
        for number in np.flatnonzero(found)[:1]:
            i = starts[number] + int(~found[number])
            raise ValueError(_complaint(device.download(scores[i]), dtype, kind, i))

    return (label, values), check


def _check(scores: Any, dtype: str, kind: str) -> None:
    found = f"shape {tuple(scores.shape)} and dtype {dtype}"
    if scores.ndim != 2 or dtype not in SUM_TOLERANCE:
        raise ValueError(
            f"scores: expected float32, float16 or bfloat16 of shape (N, C), found {found}"
        )
    if scores.shape[0] < 1 or not 2 <= scores.shape[1] <= MOST_CLASSES:
        raise ValueError(f"scores: expected N >= 1 and 2 <= C <= {MOST_CLASSES}, found {found}")
    if kind not in ("logits", "probabilities"):
        raise ValueError(f"kind: expected 'logits' or 'probabilities', found {kind!r}")


def _launch(
    device: Device, scores: Any, dtype: str, kind: ScoreKind, label: Any, values: Any, bad: Any
) -> None:
    rows, cols = scores.shape
    size = scores.dtype.itemsize
    row_stride = scores.strides[0] // size
    plan = _plan(rows, cols, size, row_stride, device.n_multiprocessors)
    device.launch(
        f"uncertainty_{dtype}_{kind}_{plan.vectors}",
        plan.grid,
        THREADS,
        (
            scores,
            np.int64(rows),
            np.int32(cols),
            np.int64(row_stride),
            np.int32(plan.lanes),
            np.int32(plan.rounds),
            np.int32(plan.block_a_row),
            label,
            values,
            np.int64(values.strides[0] // 8),
            bad,
        ),
    )


def _plan(rows: int, cols: int, size: int, row_stride: int, n_multiprocessors: int) -> _Plan:
    per_vector = VECTOR_BYTES // size
    # A row that starts anywhere between two boundaries may touch one vector more.
    aligned = row_stride % per_vector == 0
    n_vectors = math.ceil((cols + (0 if aligned else per_vector - 1)) / per_vector)
    vectors = 4 if n_vectors <= 4 * WARP else 8
    lanes = min(WARP, _power_of_two(math.ceil(n_vectors / vectors)))
    warps_wanted = n_multiprocessors * WARPS_PER_MULTIPROCESSOR
    warps = THREADS // WARP
    pieces = math.ceil(n_vectors / (vectors * lanes))
    block_a_row = pieces >= PIECES_FOR_A_BLOCK
    rows_at_once = WARP // lanes * (1 if block_a_row else warps)  # of a block
    units = math.ceil(rows * (warps if block_a_row else 1) * lanes / WARP)
    rounds = max(1, min(lanes, units // warps_wanted))
    return _Plan(vectors, lanes, rounds, block_a_row, math.ceil(rows / (rows_at_once * rounds)))


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _complaint(host: npt.NDArray[Any], dtype: str, kind: ScoreKind, i: int) -> str:
    """The words of ``cpp/src/uncertainty.cpp`` about row i."""
    if dtype == "bfloat16":
        host = (host.astype(np.uint32) << 16).view(np.float32)
    values = host.astype(np.float64)
    if kind == "logits":
        expected, allowed = "finite logits", np.isfinite(values)
    else:
        expected = f"probabilities >= 0 whose rows sum to 1 within {SUM_TOLERANCE[dtype]}"
        allowed = np.isfinite(values) & (values >= 0)
    wrong = np.flatnonzero(~allowed)
    if wrong.size:
        found = f"{values[wrong[0]]:g} in row {i}, class {wrong[0]}"
    else:
        found = f"sum {values.sum():g} in row {i}"
    return f"scores: expected {expected}, found {found}"
