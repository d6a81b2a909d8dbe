"""Typical examples: what to label first, when there is no model yet that could doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import IndexArray

__all__ = ["clusters_of", "typical"]

_MOST_CLUSTERS = 500
_N_NEIGHBOURS = 20
_MOST_STEPS = 20
_DISTANCES_AT_ONCE = 1 << 24

Float32 = npt.NDArray[np.float32]


def typical(x: npt.NDArray[Any], k: int, *, seed: int) -> IndexArray:
    """Pick ``k`` rows of ``x`` from dense places that are far from each other.

    TypiClust (Hacohen, Dekel and Weinshall, Active learning on a budget, ICML 2022): the rows are
    put into ``k`` clusters, at most 500, and from each in turn, the largest first, the row is
    taken that has the smallest mean distance to its 20 nearest neighbours in that cluster.

    Parameters
    ----------
    x : array (N, D), N and D >= 1
        Finite; computed with in float32.
    k : int
        How many to pick, 0 <= k <= N.
    seed : int
        Of the clusters.

    Returns
    -------
    array (k,) int64
        Different positions in ``x``, in the order of picking. Equally typical rows: the lowest
        first; equally large clusters: that of the lowest number.

    Raises
    ------
    ValueError
        For a wrong shape or ``k``, NaN or infinity.

    Notes
    -----
    N k D steps for each of at most 20 rounds of k-means, and the squares of the clusters' sizes
    times D.
    """
    points = _checked(x)
    if not 0 <= k <= len(points):
        raise ValueError(f"k: expected 0 to {len(points)}, found {k}")
    if k == 0:
        return np.empty(0, np.int64)
    cluster = clusters_of(points, min(k, _MOST_CLUSTERS), seed=seed)
    members = [np.flatnonzero(cluster == c) for c in range(int(cluster.max()) + 1)]
    members.sort(key=len, reverse=True)
    queues = [rows[np.argsort(_mean_distance(points[rows]), kind="stable")] for rows in members]
    picked: list[int] = []
    turn = 0
    while len(picked) < k:
        picked += [int(queue[turn]) for queue in queues if turn < queue.size]
        turn += 1
    return np.array(picked[:k], np.int64)


def clusters_of(points: Float32, k: int, *, seed: int) -> IndexArray:
    """k-means: the cluster (N,) of each row, 0 to k - 1; one that has become empty has no rows.

    Lloyd's steps from seeds by distance (k-means++, Arthur and Vassilvitskii 2007).
    """
    centers = _seeds(points, k, np.random.default_rng(seed))
    cluster = _nearest(points, centers)
    for _ in range(_MOST_STEPS):
        count = np.bincount(cluster, minlength=k)
        order = np.argsort(cluster, kind="stable")
        filled = np.flatnonzero(count)
        starts = np.concatenate([[0], np.cumsum(count[filled])[:-1]])
        sums = np.add.reduceat(points[order].astype(np.float64), starts, axis=0)
        centers[filled] = sums / count[filled, None]
        before, cluster = cluster, _nearest(points, centers)
        if np.array_equal(before, cluster):
            break
    return cluster


def _checked(x: npt.NDArray[Any]) -> Float32:
    points = np.asarray(x, dtype=np.float32)
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"x: expected shape (N, D) with N and D >= 1, found {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("x: expected finite numbers, found NaN or infinity")
    return points


def _seeds(points: Float32, k: int, rng: np.random.Generator) -> Float32:
    """Each a row drawn with a probability that grows with the square of its distance."""
    chosen = [int(rng.integers(len(points)))]
    squared = _squared(points, points[chosen])[:, 0].astype(np.float64)
    for _ in range(1, k):
        total = np.cumsum(squared)
        if total[-1] > 0.0:
            at = np.searchsorted(total, rng.random() * total[-1], side="right")
            chosen.append(min(int(at), len(points) - 1))  # rounding, of the last
        else:  # as many different rows as centers: any will do
            chosen.append(int(rng.integers(len(points))))
        squared = np.minimum(squared, _squared(points, points[chosen[-1:]])[:, 0])
    return points[chosen].copy()


def _nearest(points: Float32, centers: Float32) -> IndexArray:
    """The nearest center of each row; of equally near ones the first."""
    size = max(1, _DISTANCES_AT_ONCE // len(centers))
    parts = [
        _squared(points[start : start + size], centers).argmin(axis=1)
        for start in range(0, len(points), size)
    ]
    return np.concatenate(parts).astype(np.int64)


def _mean_distance(points: Float32) -> npt.NDArray[np.float64]:
    """From each row to its 20 nearest others, or to all where they are fewer; 0 for a lone row."""
    n = len(points)
    n_near = min(_N_NEIGHBOURS, n - 1)
    mean = np.zeros(n)
    if n_near == 0:
        return mean
    size = max(1, _DISTANCES_AT_ONCE // n)
    for start in range(0, n, size):
        squared = _squared(points[start : start + size], points)
        rows = np.arange(len(squared))
        squared[rows, start + rows] = np.inf  # itself
        near = np.sort(np.partition(squared, n_near - 1, axis=1)[:, :n_near], axis=1)
        mean[start : start + size] = np.sqrt(near.astype(np.float64)).mean(axis=1)
    return mean


def _squared(a: Float32, b: Float32) -> Float32:
    """Squared distances (A, B)."""
    lengths = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)
    found: Float32 = np.maximum(lengths - 2.0 * (a @ b.T), 0.0)
    return found
