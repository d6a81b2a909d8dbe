"""Exact greedy k-center: the core-set rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from ..cuda import Engine, open_array
from ..types import IndexArray
from ._cuda import k_center as _cuda

__all__ = ["KCenter", "k_center"]


@dataclass(frozen=True)
class KCenter:
    """What ``k_center`` picked.

    ``distances[i]`` is the distance of pick i to its nearest center just before it was picked:
    the radius that covered all points until then. It never increases. ``engine`` is where it was
    computed.
    """

    positions: IndexArray  # (K,) rows of x, in the order of picking
    distances: npt.NDArray[np.float32]  # (K,)
    n_full_passes: int  # how often all of x was brought up to date; for benchmarks
    engine: Literal["cpu", "cuda"] = "cpu"  # where it was computed


def k_center(
    x: npt.NDArray[Any],
    k: int,
    *,
    centers: IndexArray | None = None,
    center_vectors: npt.NDArray[Any] | None = None,
    metric: Literal["squared_euclidean", "cosine"] = "squared_euclidean",
    engine: Engine = "auto",
) -> KCenter:
    """Pick ``k`` rows of ``x``, each the farthest from its nearest center so far.

    Equal, pick for pick, to the loop that computes every distance to every new center, at any
    number of threads and SIMD level, and on CUDA. Equally far rows: the lowest position is
    picked. Without any center all rows are infinitely far, so the first pick is position 0 at
    distance infinity.

    Parameters
    ----------
    x : array (N, D), N and D >= 1
        Of NumPy, CuPy or torch, or anything with DLPack. The CPU reads it in place when it is
        float32 and its rows are contiguous, a memory map too, however much larger than RAM: full
        passes go through it in order, visits between them to single rows anywhere; anything else
        is copied. CUDA takes float32, float16 and bfloat16 with contiguous rows, on the device or
        on the host; what does not fit on the device is streamed in each full pass.
    k : int
        How many to pick, 0 <= k <= N - len(centers).
    centers : array (M,), int64, optional
        Positions in ``x`` of rows that are centers already, distinct; they are not picked again.
    center_vectors : array (M, D), float32, optional
        Further centers that are not rows of ``x``.
    metric : {"squared_euclidean", "cosine"}
        ``|x - c|^2``, or one minus the cosine, computed as half the squared distance of the unit
        rows. Distances are float32 sums of squared differences in a fixed order
        (``mcal/k_center.hpp``), so equal rows are at distance exactly 0; squares below 1e-45
        vanish.
    engine : {"auto", "cpu", "cuda"}
        "auto" computes where the data is; CUDA work goes to the caller's current stream.

    Returns
    -------
    KCenter
        ``positions`` (K,) int64 and ``distances`` (K,) float32, in the order of picking, of the
        kind of ``x`` and on its device.

    Raises
    ------
    ValueError
        For a wrong shape, dtype, ``k`` or position; for NaN, infinity or squared lengths beyond
        4e37; for a zero row under the cosine metric. The message names the row.
    DeviceError, MissingExtraError
        CUDA asked for without a device, without memory for the least it can work in (with bytes
        needed and free), or without CuPy.

    Notes
    -----
    Lazy greedy (Minoux, Accelerated greedy algorithms, 1978) on the farthest-first traversal
    (Gonzalez, Theoretical Computer Science 38, 1985; the core-set selection of Sener and
    Savarese, ICLR 2018); performance.md, "k-center". At most N (M + k) D steps, usually a small
    part of them; O(N) memory and up to 64 MiB of recent centers.
    """
    array = open_array(x, "x")
    chosen = array.choose(engine)
    given = np.empty(0, np.int64) if centers is None else open_array(centers, "centers").on_host()
    given = np.asarray(given)
    if given.dtype == np.bool_:
        raise ValueError("centers: expected positions, found a mask; numpy.flatnonzero gives them")
    vectors = None if center_vectors is None else open_array(center_vectors, "center_vectors")
    if vectors is not None and chosen == "cuda" and vectors.dtype != array.dtype:
        raise ValueError(f"center_vectors: expected {array.dtype} like x, found {vectors.dtype}")
    if vectors is not None and chosen == "cuda" and vectors.ordinal not in (None, array.ordinal):
        raise ValueError("center_vectors: expected an array on the device of x or on the host")
    if chosen == "cpu":
        positions, distances, n_full_passes = _core.k_center(
            array.on_host(),
            k,
            centers=given,
            center_vectors=None if vectors is None else vectors.on_host(),
            metric=metric,
        )
    else:
        with array.on_device() as device:
            positions, distances, n_full_passes = _cuda.k_center(
                device,
                array.where_it_lies(device),
                array.dtype,
                k,
                on_device=array.ordinal is not None,
                centers=given,
                center_vectors=None if vectors is None else vectors.uploaded(device),
                metric=metric,
            )
            return KCenter(
                array.in_kind(positions), array.in_kind(distances), n_full_passes, chosen
            )
    return KCenter(array.in_kind(positions), array.in_kind(distances), n_full_passes, chosen)
