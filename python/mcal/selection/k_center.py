"""Exact greedy k-center: the core-set rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .._core import k_center as _k_center
from ..types import IndexArray

__all__ = ["KCenter", "k_center"]


@dataclass(frozen=True)
class KCenter:
    """What ``k_center`` picked.

    ``distances[i]`` is the distance of pick i to its nearest center just before it was picked:
    the radius that covered all points until then. It never increases.
    """

    positions: IndexArray  # (K,) rows of x, in the order of picking
    distances: npt.NDArray[np.float32]  # (K,)
    n_full_passes: int  # how often all of x was brought up to date; for benchmarks


def k_center(
    x: npt.NDArray[np.float32],
    k: int,
    *,
    centers: IndexArray | None = None,
    center_vectors: npt.NDArray[np.float32] | None = None,
    metric: Literal["squared_euclidean", "cosine"] = "squared_euclidean",
) -> KCenter:
    """Pick ``k`` rows of ``x``, each the farthest from its nearest center so far.

    Equal, pick for pick, to the loop that computes every distance to every new center, at any
    number of threads and SIMD level. Equally far rows: the lowest position is picked. Without
    any center all rows are infinitely far, so the first pick is position 0 at distance infinity.

    Parameters
    ----------
    x : array (N, D), float32, N and D >= 1
        Read in place when it is float32 and its rows are contiguous, a memory map too, however
        much larger than RAM: full passes go through it in order, visits between them to single
        rows anywhere. Anything else is copied.
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

    Returns
    -------
    KCenter
        ``positions`` (K,) int64 and ``distances`` (K,) float32, in the order of picking.

    Raises
    ------
    ValueError
        For a wrong shape, dtype, ``k`` or position; for NaN, infinity or squared lengths beyond
        4e37; for a zero row under the cosine metric. The message names the row.

    Notes
    -----
    Lazy greedy (Minoux, Accelerated greedy algorithms, 1978) on the farthest-first traversal
    (Gonzalez, Theoretical Computer Science 38, 1985; the core-set selection of Sener and
    Savarese, ICLR 2018); performance.md, "k-center". At most N (M + k) D steps, usually a small
    part of them; O(N) memory and up to 64 MiB of recent centers.
    """
    positions, distances, n_full_passes = _k_center(
        x,
        k,
        centers=np.empty(0, np.int64) if centers is None else centers,
        center_vectors=center_vectors,
        metric=metric,
    )
    return KCenter(positions, distances, n_full_passes)
