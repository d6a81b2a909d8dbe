"""Time ``mcal.uncertainty`` against one read of the array, NumPy and, where installed, others.

    python benchmarks/bench_uncertainty.py [--rows 200000] [--classes 1000] [--threads 2]

The answer is checked first, against the slow oracle on some of the rows. One read is
``numpy.max`` of the array as everybody calls it; beside it stands the same by as many threads as
mcal uses, which is what the memory can do. Both in the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from statistics import median
from time import perf_counter, thread_time
from typing import Any

import numpy as np

import mcal
from mcal import _core
from mcal.selection import _reference


def timed(work: Callable[[], Any], repeats: int) -> float:
    """Median wall seconds, after one run to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times)


def check(scores: np.ndarray, kind: str) -> None:
    some = np.ascontiguousarray(scores[:: max(1, len(scores) // 200)])
    found, wanted = mcal.uncertainty(some, kind=kind), _reference.uncertainty(some, kind=kind)
    np.testing.assert_array_equal(found.label, wanted.label)
    for name in ("deficit", "entropy", "least_confidence"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=4e-6)


def one_read(scores: np.ndarray, n_threads: int, repeats: int) -> float:
    parts = np.array_split(scores, n_threads)
    with ThreadPoolExecutor(n_threads) as pool:
        return timed(lambda: list(pool.map(np.max, parts)), repeats)


def cpu_ratio(logits: np.ndarray, repeats: int) -> float:
    """Processor seconds on one thread over those of one read: the least of each, in turn.

    Little disturbed by what else the machine does.
    """
    mcal.set_thread_count(1)
    read_s, ours_s = [], []
    for _ in range(repeats):
        start = thread_time()
        logits.max()
        middle = thread_time()
        mcal.uncertainty(logits)
        read_s.append(middle - start)
        ours_s.append(thread_time() - middle)
    return min(ours_s) / min(read_s)


def peers(logits: np.ndarray, n_threads: int) -> dict[str, Callable[[], Any]]:
    jobs: dict[str, Callable[[], Any]] = {
        "numpy.partition": lambda: np.partition(logits, -2, axis=1),
    }
    if find_spec("torch"):
        import torch

        torch.set_num_threads(n_threads)
        tensor = torch.from_numpy(logits)
        jobs["torch topk(2)"] = lambda: tensor.topk(2)
        jobs["torch softmax, topk(2)"] = lambda: tensor.softmax(1).topk(2)
        jobs["torch log_softmax, entropy"] = lambda: (lambda logp: -(logp.exp() * logp).sum(1))(
            tensor.log_softmax(1)
        )
    if find_spec("skactiveml"):
        from skactiveml.pool import uncertainty_scores

        probabilities = np.exp(logits - logits.max(1, keepdims=True))
        probabilities /= probabilities.sum(1, keepdims=True)
        for method in ("margin_sampling", "entropy"):
            jobs[f"skactiveml {method} (probabilities given)"] = lambda method=method: (
                uncertainty_scores(probabilities, method=method)
            )
    if find_spec("modAL"):
        from modAL.uncertainty import _proba_margin

        given = np.exp(logits - logits.max(1, keepdims=True))
        given /= given.sum(1, keepdims=True)
        jobs["modAL margin (probabilities given)"] = lambda: _proba_margin(given)
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    mcal.set_thread_count(options.threads)

    rng = np.random.default_rng(0)
    logits = rng.standard_normal((options.rows, options.classes), dtype=np.float32)
    logits *= 4
    check(logits, "logits")
    read_s = timed(logits.max, options.repeats)
    threaded_s = one_read(logits, options.threads, options.repeats)
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads,", end=" ")
    print(f"float32 {logits.shape}, median of {options.repeats}, load {os.getloadavg()[0]:.1f}")
    print(f"{'one read (numpy.max)':45} {1e3 * read_s:9.1f} ms")
    words = f"one read by {options.threads} threads"
    print(f"{words:45} {1e3 * threaded_s:9.1f} ms {threaded_s / read_s:7.2f} x one read")
    ours_s = timed(lambda: mcal.uncertainty(logits), options.repeats)
    rows = {"mcal.uncertainty": ours_s}
    for level in _core.supported_simd_levels()[:-1]:
        _core.set_simd_level(level)
        rows[f"mcal.uncertainty, {level}"] = timed(lambda: mcal.uncertainty(logits), 3)
        _core.set_simd_level("auto")
    for name, job in peers(logits, options.threads).items():
        rows[name] = timed(job, 3)
    for name, seconds in rows.items():
        print(
            f"{name:45} {1e3 * seconds:9.1f} ms {seconds / read_s:7.2f} x one read"
            f" {seconds / ours_s:7.2f} x mcal"
        )
    words = f"mcal.uncertainty beside {options.threads} reading threads"
    print(f"{words:45} {ours_s / threaded_s:22.2f} x their read")
    ratio = cpu_ratio(logits[:20_000], options.repeats)
    print(f"{'mcal.uncertainty, one thread, processor time':45} {ratio:22.2f} x one read")
    mcal.set_thread_count(options.threads)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    check(logits, "probabilities")
    seconds = timed(lambda: mcal.uncertainty(logits, kind="probabilities"), options.repeats)
    print(f"{'mcal.uncertainty, probabilities':45} {1e3 * seconds:9.1f} ms", end=" ")
    print(f"{seconds / read_s:7.2f} x one read")


if __name__ == "__main__":
    main()
