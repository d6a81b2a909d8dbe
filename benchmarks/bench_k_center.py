"""k-center: checks the picks against the plain loop, then times both.

    python benchmarks/bench_k_center.py [--points N] [--dimensions D] [--given M] [--picks K]

Peers: one matrix-vector product per center in NumPy and in torch (the usual way to write it), and
the loops of scikit-activeml and anomalib where these are installed.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt

import mcal

Float32 = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
Loop = Callable[[Float32, int, Positions], Positions]


def numpy_loop(x: Float32, k: int, centers: Positions) -> Positions:
    squares = np.einsum("nd,nd->n", x, x)
    value = np.full(len(x), np.inf, np.float32)
    for begin in range(0, len(centers), 64):
        given = centers[begin : begin + 64]
        cross = squares[given] - 2 * (x @ x[given].T)
        np.minimum(value, squares + cross.min(axis=1), out=value)
    picks = np.empty(k, np.int64)
    for i in range(k):
        picks[i] = best = value.argmax()
        np.minimum(value, squares + squares[best] - 2 * (x @ x[best]), out=value)
    return picks


def torch_loop(x: Float32, k: int, centers: Positions) -> Positions:
    import torch

    torch.set_num_threads(mcal.thread_count())
    points = torch.from_numpy(x)
    squares = torch.linalg.vecdot(points, points)
    value = torch.full((len(x),), torch.inf)
    for given in torch.from_numpy(centers).split(64):
        cross = torch.addmm(squares[given][None], points, points[given].T, alpha=-2.0)
        value = torch.minimum(value, squares + cross.amin(dim=1))
    picks = np.empty(k, np.int64)
    for i in range(k):
        picks[i] = best = int(value.argmax())
        distance = torch.addmv(squares, points, points[best], alpha=-2.0) + squares[best]
        torch.minimum(value, distance, out=value)
    return picks


def skactiveml_loop(x: Float32, k: int, centers: Positions) -> Positions:
    from skactiveml.pool import CoreSet

    labels = np.full(len(x), np.nan)
    labels[centers] = 0
    chosen = CoreSet(random_state=0).query(x, labels, batch_size=k)
    return np.asarray(chosen, dtype=np.int64)


def small_text_loop(x: Float32, k: int, centers: Positions) -> Positions:
    """Version 1.4.1 takes positions among the others for positions in x: only its time compares."""
    from small_text.query_strategies.coresets import greedy_coreset

    others = np.setdiff1d(np.arange(len(x)), centers)
    chosen = greedy_coreset(x, others, centers, k, distance_metric="euclidean")
    return np.asarray(chosen, dtype=np.int64)


def anomalib_loop(x: Float32, k: int, centers: Positions) -> Positions:
    """Starts from a random point: it cannot be given centers, so only its time compares."""
    import torch
    from anomalib.models.components import KCenterGreedy

    torch.set_num_threads(mcal.thread_count())
    sampler = KCenterGreedy(torch.from_numpy(x), sampling_ratio=k / len(x))
    return np.asarray(sampler.select_coreset_idxs(), dtype=np.int64)


def seconds(function: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return median(times)


def clusters(rng: np.random.Generator, n: int, d: int) -> Float32:
    """Like embeddings: clusters of very different width around centers of their own."""
    at = rng.integers(0, 100, n)
    widths = rng.lognormal(0.0, 0.5, 100)
    x = 2.0 * rng.standard_normal((100, d))[at] + widths[at, None] * rng.standard_normal((n, d))
    return x.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--given", type=int, default=1000)
    parser.add_argument("--picks", type=int, default=1000)
    options = parser.parse_args()
    n, d, m, k = options.points, options.dimensions, options.given, options.picks
    rng = np.random.default_rng(0)

    # Whole numbers have exact distances, also as |x|^2 + |c|^2 - 2 x.c.
    whole = rng.integers(-8, 9, (5000, d)).astype(np.float32)
    centers = rng.permutation(5000)[:50]
    np.testing.assert_array_equal(
        mcal.k_center(whole, 500, centers=centers).positions, numpy_loop(whole, 500, centers)
    )
    print("500 picks among 5,000 points of whole numbers: the same as the plain loop")

    print(
        f"{platform.machine()}, {mcal.thread_count()} threads, "
        f"N = {n:,}, D = {d}, {m:,} centers given, k = {k:,}"
    )
    peers: dict[str, Loop] = {
        "numpy loop": numpy_loop,
        "torch loop": torch_loop,
        "scikit-activeml": skactiveml_loop,
        "small-text": small_text_loop,
        "anomalib": anomalib_loop,
    }
    kinds = {"clusters": clusters(rng, n, d), "normal": rng.standard_normal((n, d), np.float32)}
    for kind, x in kinds.items():
        centers = rng.permutation(n)[:m]
        found = mcal.k_center(x, k, centers=centers)
        ours = seconds(lambda x=x, c=centers: mcal.k_center(x, k, centers=c), 5)
        given = seconds(lambda x=x, c=centers: mcal.k_center(x, 1, centers=c), 3)
        print(
            f"{kind}: mcal {ours:.2f} s, of it {given:.2f} s for the given centers; "
            f"{found.n_full_passes} full passes"
        )
        for name, loop in peers.items():
            try:
                start = perf_counter()
                picks = loop(x, k, centers)
                theirs = perf_counter() - start
            except ImportError:
                print(f"  {name}: not installed")
                continue
            except MemoryError as error:
                print(f"  {name}: {error}")
                continue
            same = int(np.sum(picks == found.positions)) if len(picks) == k else 0
            print(f"  {name}: {theirs:.2f} s, {theirs / ours:.1f} x mcal; {same:,} picks the same")


if __name__ == "__main__":
    main()
