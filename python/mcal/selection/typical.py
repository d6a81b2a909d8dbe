"""Typical examples: what to label first, when there is no model yet that could doubt."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import FloatArray, IndexArray, Progress, no_progress

__all__ = ["clusters_of", "typical"]

_MOST_CLUSTERS = 500
_N_NEIGHBOURS = 20
_MOST_STEPS = 20
_VALUES_AT_ONCE = 1 << 21

Float32 = npt.NDArray[np.float32]


def typical(
    x: npt.NDArray[Any], k: int, *, seed: int, progress: Progress = no_progress
) -> IndexArray:
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
    progress : callable
        Called after every few million distances; what it raises ends the work.

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
    clustering = partial(_part, progress, 0.0, 0.9)
    cluster = clusters_of(points, min(k, _MOST_CLUSTERS), seed=seed, progress=clustering)
    members = [np.flatnonzero(cluster == c) for c in range(int(cluster.max()) + 1)]
    members.sort(key=len, reverse=True)
    queues, n_done = [], 0
    for rows in members:
        begin, n_done = n_done, n_done + rows.size
        report = partial(_part, progress, 0.9 + 0.1 * begin / len(x), 0.9 + 0.1 * n_done / len(x))
        queues.append(rows[np.argsort(_mean_distance(points[rows], report), kind="stable")])
    picked: list[int] = []
    turn = 0
    while len(picked) < k:
        picked += [int(queue[turn]) for queue in queues if turn < queue.size]
        turn += 1
    return np.array(picked[:k], np.int64)


def _part(progress: Progress, begin: float, end: float, share: float, words: str) -> None:
    progress(begin + (end - begin) * share, words)


def clusters_of(
    points: Float32, k: int, *, seed: int, progress: Progress = no_progress
) -> IndexArray:
    """k-means: the cluster (N,) of each row, 0 to k - 1; one that has become empty has no rows.

    Lloyd's steps from seeds by distance (k-means++, Arthur and Vassilvitskii 2007).
    """
    lengths = _lengths(points)
    all_steps = _MOST_STEPS + 2  # the seeds take about as long as a step

    def of(step: int) -> Progress:
        return lambda share, words: progress((step + share) / all_steps, words)

    centers = _seeds(points, lengths, k, np.random.default_rng(seed), of(0))
    cluster = _nearest(points, lengths, centers, of(1))
    for step in range(_MOST_STEPS):
        centers = _means(points, cluster, centers)
        before, cluster = cluster, _nearest(points, lengths, centers, of(2 + step))
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


def _seeds(
    points: Float32, lengths: Float32, k: int, rng: np.random.Generator, progress: Progress
) -> Float32:
    """Each a row drawn with a probability that grows with the square of its distance."""
    chosen = [int(rng.integers(len(points)))]
    squared = _squared(points, lengths, points[chosen])[:, 0].astype(np.float64)
    for found in range(1, k):
        total = np.cumsum(squared)
        if total[-1] > 0.0:
            at = np.searchsorted(total, rng.random() * total[-1], side="right")
            chosen.append(min(int(at), len(points) - 1))  # rounding, of the last
        else:  # as many different rows as centers: any will do
            chosen.append(int(rng.integers(len(points))))
        squared = np.minimum(squared, _squared(points, lengths, points[chosen[-1:]])[:, 0])
        progress(found / k, f"{found + 1:,} of {k:,} clusters begun")
    return points[chosen].copy()


def _means(points: Float32, cluster: IndexArray, centers: Float32) -> Float32:
    """The mean of each cluster's rows; the former center where it has none."""
    sums = np.zeros(centers.shape)
    for rows in _blocks(len(points), points.shape[1]):
        order = np.argsort(cluster[rows], kind="stable")
        found, starts = np.unique(cluster[rows][order], return_index=True)
        sums[found] += np.add.reduceat(points[rows][order].astype(np.float64), starts, axis=0)
    count = np.bincount(cluster, minlength=len(centers))[:, None]
    means: Float32 = np.where(count, sums / np.maximum(count, 1), centers).astype(np.float32)
    return means


def _nearest(points: Float32, lengths: Float32, centers: Float32, progress: Progress) -> IndexArray:
    """The nearest center of each row; of equally near ones the first."""
    nearest = np.empty(len(points), np.int64)
    for rows in _blocks(len(points), max(points.shape[1], len(centers))):
        nearest[rows] = _squared(points[rows], lengths[rows], centers).argmin(axis=1)
        progress(rows.stop / len(points), f"clusters of {rows.stop:,} items")
    return nearest


def _blocks(n: int, width: int) -> list[slice]:
    """Rows 0 to ``n`` in parts of about ``_VALUES_AT_ONCE`` values, ``width`` to a row."""
    size = max(1, _VALUES_AT_ONCE // width)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _mean_distance(points: Float32, progress: Progress = no_progress) -> FloatArray:
    """From each row to its 20 nearest others, or to all where they are fewer; 0 for a lone row."""
    n = len(points)
    n_near = min(_N_NEIGHBOURS, n - 1)
    mean = np.zeros(n)
    if n_near == 0:
        return mean
    lengths = _lengths(points)
    for rows in _blocks(n, n):
        squared = _squared(points[rows], lengths[rows], points)
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        near = np.sort(np.partition(squared, n_near - 1, axis=1)[:, :n_near], axis=1)
        mean[rows] = np.sqrt(near.astype(np.float64)).mean(axis=1)
        progress(rows.stop / n, f"neighbours of {rows.stop:,} items of a cluster")
    return mean


def _lengths(points: Float32) -> Float32:
    """(N,) squared."""
    found: Float32 = np.einsum("ij,ij->i", points, points)
    return found


def _squared(a: Float32, lengths: Float32, b: Float32) -> Float32:
    """Squared distances (A, B); ``lengths`` (A,) are those of ``a``, squared."""
    found: Float32 = a @ b.T
    found *= -2.0
    found += lengths[:, None]
    found += _lengths(b)
    return np.maximum(found, 0.0, out=found)
