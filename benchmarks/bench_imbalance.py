"""Whole campaigns where classes are rare, or nothing can be learned: dollars, errors, the tax.

    python benchmarks/bench_imbalance.py [--dataset digits] [--limit 10000] [--seeds 3]

"as is": the data set; "long tail": each class less common than the one before, the last 1 : 50;
"shuffled": the labels of other items, so that nothing can be learned. A line for each seed: dollars
beside people's, whether they are within people's price and the exploration tax, the realised error
(wrong machine labels / N), and of the rarest class how many there are, how many B0 had, and the
share delivered wrong.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from mcal.annotators import OracleAnnotator
from mcal.campaign import Campaign
from mcal.classifiers import open_classifier
from mcal.pools import ArrayPool, open_pool, read_truth
from mcal.settings import ClassifierSettings, PoolSettings, Settings
from mcal.store import Store
from mcal.types import IndexArray, Pool, Purpose

TAIL = 50.0


def long_tail(truth: IndexArray, n_classes: int, rng: np.random.Generator) -> IndexArray:
    """Items, rising, of which the first class has ``TAIL`` times as many as the last."""
    most = int(np.bincount(truth).min())
    counts = np.rint(most * TAIL ** -(np.arange(n_classes) / (n_classes - 1))).astype(int)
    return np.sort(
        np.concatenate(
            [
                rng.permutation(np.flatnonzero(truth == c))[:count]
                for c, count in enumerate(counts.tolist())
            ]
        )
    )


def data_set(kind: str, pool: Pool, truth: IndexArray, seed: int) -> tuple[Pool, IndexArray]:
    rng = np.random.default_rng(seed)
    if kind == "shuffled":
        return pool, rng.permutation(truth)
    if kind == "long tail":
        kept = long_tail(truth, len(pool.classes), rng)
        return ArrayPool(pool.read(kept), pool.classes), truth[kept]
    return pool, truth


def label(kind: str, pool: Pool, truth: IndexArray, settings: Settings) -> str:
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        parts = {
            "annotator": OracleAnnotator(truth, pool.classes),
            "classifiers": [
                open_classifier(choice, pool, seed=settings.seed) for choice in settings.classifier
            ],
        }
        with Campaign.create(
            Path(folder, "campaign"), pool=pool, settings=settings, **parts
        ) as campaign:
            result = campaign.run()
        with Store.open(Path(folder, "campaign"), read_only=True) as store:
            first = store.labels(Purpose.TRAIN, 0).labels
    assert result is not None
    summary, wrong = result.summary, result.labels != truth
    rarest = int(np.argmin(np.bincount(truth, minlength=len(pool.classes))))
    most_usd = (1.0 + settings.plan.exploration_share) * summary.human_only_cost_usd
    return (
        f"{kind:>10} {settings.seed:4} {pool.n_pool:7,} {summary.total_cost_usd:9.2f} "
        f"{summary.human_only_cost_usd:9.2f} {summary.total_cost_usd <= most_usd!s:>6} "
        f"{summary.n_machine:7,} {np.mean(wrong):7.2%} {np.sum(truth == rarest):7,} "
        f"{np.sum(first == rarest):4} {np.mean(wrong[truth == rarest]):7.1%} "
        f"{time.perf_counter() - began_s:6.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--target-error", type=float, default=0.05)
    parser.add_argument("--architecture", default="auto")
    parser.add_argument("--kind", nargs="+", default=["as is", "long tail", "shuffled"])
    arguments = parser.parse_args()
    kept = PoolSettings(kind=arguments.dataset, limit=arguments.limit)
    pool, truth = open_pool(kept, None), read_truth(kept, None)
    print(f"{arguments.dataset}, {os.cpu_count()} processors, {platform.machine()}")
    print(
        f"{'labels':>10} {'seed':>4} {'N':>7} {'dollars':>9} {'people':>9} {'within':>6} "
        f"{'S':>7} {'error':>7} {'rarest':>7} {'B0':>4} {'wrong':>7} {'s':>6}"
    )
    for kind in arguments.kind:
        for seed in range(arguments.seeds):
            settings = Settings(
                target_error=arguments.target_error,
                seed=seed,
                classifier=(ClassifierSettings(architecture=arguments.architecture),),
            )
            print(label(kind, *data_set(kind, pool, truth, seed), settings), flush=True)


if __name__ == "__main__":
    main()
