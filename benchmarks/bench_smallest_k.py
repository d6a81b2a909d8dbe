"""Time ``mcal.smallest_k`` against NumPy and, where installed, torch.

    python benchmarks/bench_smallest_k.py [--n 1281167] [--threads 2]

The answer is checked first, against a stable sort. ``argpartition`` and ``topk`` do less: they
promise no order among equal values, and ``argpartition`` none at all.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import mcal


def timed(work: Callable[[], Any], repeats: int) -> float:
    """Median wall seconds, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def jobs(values: np.ndarray, k: int) -> dict[str, Callable[[], Any]]:
    all_jobs: dict[str, Callable[[], Any]] = {
        "mcal": lambda: mcal.smallest_k(values, k),
        "argsort": lambda: np.argsort(values, kind="stable")[:k],
        "argpartition": lambda: np.argpartition(values, k - 1)[:k],
    }
    if find_spec("torch"):
        import torch

        tensor = torch.from_numpy(values)
        all_jobs["torch topk"] = lambda: tensor.topk(k, largest=False)
    return all_jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_281_167)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    mcal.set_thread_count(options.threads)
    if find_spec("torch"):
        import torch

        torch.set_num_threads(options.threads)

    rng = np.random.default_rng(0)
    n = options.n
    print(
        f"{platform.processor() or platform.machine()}, {options.threads} threads, n = {n},", end=""
    )
    print(f" median of {options.repeats}, load {os.getloadavg()[0]:.1f}; ms, and ratio to mcal")
    kinds = {
        "deficits": rng.beta(0.2, 2.0, n),
        "uniform": rng.uniform(size=n),
        "ties": rng.integers(0, 100, n).astype(np.float64),
    }
    for kind, values in kinds.items():
        for k in (n // 1000, n // 100, n // 10, n):
            np.testing.assert_array_equal(
                mcal.smallest_k(values, k), np.argsort(values, kind="stable")[:k]
            )
            seconds = {name: timed(job, options.repeats) for name, job in jobs(values, k).items()}
            cells = (
                f"{name} {1e3 * s:7.2f} ({s / seconds['mcal']:5.2f})" for name, s in seconds.items()
            )
            print(f"{kind:9} k = {k:8}: {'  '.join(cells)}")


if __name__ == "__main__":
    main()
