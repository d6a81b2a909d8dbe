"""The small network on Fashion-MNIST: how much of the pool it machine-labels, and in what time.

    python benchmarks/bench_classifier.py --data /usr/share/datasets/fashion-mnist

For each number of random training items: accuracy on all others, the largest share of the pool
that can be machine-labelled in order of margin with errors of at most 5 % of the pool (the cut
chosen with the truth in hand), and processor and wall seconds of training and scoring.
"""

from __future__ import annotations

import argparse
import gzip
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.classifiers import open_classifier
from mcal.settings import ClassifierSettings


class ArrayPool:
    """Just enough of a pool."""

    kind = "images"
    fingerprint = "fashion-mnist"

    def __init__(self, items: npt.NDArray[np.uint8], n_classes: int) -> None:
        self.items = items
        self.n_pool = len(items)
        self.classes = tuple(map(str, range(n_classes)))

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        return self.items[indices]

    def item_name(self, index: int) -> str:
        return str(index)

    def broken(self) -> dict[int, str]:
        return {}


def read_fashion_mnist(folder: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    def read(stem: str, header: int) -> npt.NDArray[np.uint8]:
        parts = [
            gzip.decompress((folder / f"{p}-{stem}.gz").read_bytes()) for p in ("train", "t10k")
        ]
        return np.concatenate([np.frombuffer(part, np.uint8, offset=header) for part in parts])

    images = read("images-idx3-ubyte", 16).reshape(-1, 28, 28, 1)
    return images, read("labels-idx1-ubyte", 8).astype(np.int64)


def machine_share(logits: npt.NDArray[np.float32], wrong: npt.NDArray[np.bool_], n: int) -> float:
    top = np.sort(logits.astype(np.float64), axis=1)
    p = np.exp(top - top[:, -1:])
    p /= p.sum(axis=1, keepdims=True)
    order = np.argsort(p[:, :-1].sum(axis=1) + p[:, -2], kind="stable")
    return float(np.searchsorted(np.cumsum(wrong[order]), 0.05 * n, side="right") / n)


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--architecture", default="auto")
    parser.add_argument("--n-train", type=int, nargs="+", default=[700, 2800, 7000, 14000])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    images, labels = read_fashion_mnist(options.data)
    pool = ArrayPool(images, 10)
    classifier = open_classifier(ClassifierSettings(architecture=options.architecture), pool)
    import torch

    print(
        f"{classifier.name} on {classifier.device}, {platform.machine()}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    print("n_train  accuracy  share@5%  train cpu/wall s  score cpu/wall s")
    order = np.random.default_rng(options.seed).permutation(pool.n_pool)
    for n in options.n_train:
        bought, rest = order[:n], order[n:]
        model, train_cpu, train_wall = timed(
            lambda b=bought: classifier.train(pool, b, labels[b], seed=options.seed)
        )
        scores, score_cpu, score_wall = timed(lambda m=model, r=rest: m.score(pool, r))
        wrong = scores.logits.argmax(axis=1) != labels[rest]
        share = machine_share(scores.logits, wrong, pool.n_pool)
        print(
            f"{n:7d}  {1 - wrong.mean():8.4f}  {share:8.4f}  "
            f"{train_cpu:8.1f} {train_wall:7.1f}  {score_cpu:8.1f} {score_wall:7.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
