"""Whole campaigns on data sets whose truth is known: dollars, errors and seconds.

    python benchmarks/bench_campaign.py --dataset fashion-mnist --seeds 5
    python benchmarks/bench_campaign.py --architecture resnet18 --device cuda --seeds 1
    python benchmarks/bench_campaign.py --seeds 20 --jobs 10 --target-error 0.02 --preset paper

One line a seed, then the means; the last two columns are the seconds of all trainings and of all
scoring, the rest of the wall time is everything else; with several jobs at a time, campaigns slow
each other down. The realised error is compared with the target for every seed; nothing of it is
known to the campaign.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import platform
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from mcal.campaign import Campaign
from mcal.pools import read_truth
from mcal.settings import (
    CertificateSettings,
    ClassifierSettings,
    OracleSettings,
    PlanSettings,
    PoolSettings,
    PriceSettings,
    Settings,
)
from mcal.store import Store

COLUMNS = ("seed", "rounds", "train", "audit", "people", "machine", "usd", "saving")
COLUMNS += ("error", "est", "cert", "s", "train_s", "score_s")
KINDS = ("audit", "weighted", "none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--target-error", type=float, default=0.05)
    parser.add_argument("--price", type=float, default=0.04, help="dollars for a label")
    parser.add_argument("--preset", choices=("default", "paper"), default="default")
    parser.add_argument("--architecture", default="auto")
    parser.add_argument("--recipe", choices=("fast", "semi", "self", "paper"), default="fast")
    parser.add_argument("--epochs", type=int, help="of a training, instead of the recipe's own")
    parser.add_argument("--members", type=int, default=1, help="networks that vote")
    parser.add_argument("--ranking", choices=("margin", "learned"), default="margin")
    parser.add_argument("--certificate", choices=KINDS, default="audit")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--replicas", type=int, default=500, help="0: the point plan decides")
    parser.add_argument("--jobs", type=int, default=1, help="campaigns at a time")
    arguments = parser.parse_args()
    candidate = ClassifierSettings(
        architecture=arguments.architecture,
        recipe=arguments.recipe,
        epochs=arguments.epochs,
        members=arguments.members,
        ranking=arguments.ranking,
        device=arguments.device,
    )

    print(f"{arguments.dataset}, {os.cpu_count()} processors, {platform.machine()}")
    print(" ".join(f"{name:>8}" for name in COLUMNS))
    rows = []
    campaigns = [
        Settings(
            target_error=arguments.target_error,
            seed=seed,
            preset=arguments.preset,
            pool=PoolSettings(kind=arguments.dataset),
            annotator=OracleSettings(),
            prices=PriceSettings(price_per_label=arguments.price),
            classifier=[candidate],
            certificate=CertificateSettings(kind=arguments.certificate),
            plan=PlanSettings(replicas=arguments.replicas),
        )
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    ]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=spawned) as pool:
        for row in pool.map(label, campaigns):
            rows.append(row)
            print(" ".join(f"{value:8.6g}" for value in row), flush=True)
    means = np.mean(rows, axis=0)
    print(" ".join(["    mean", *(f"{value:8.4g}" for value in means[1:])]))
    kept = sum(row[COLUMNS.index("error")] <= arguments.target_error for row in rows)
    print(f"target kept by {kept} of {len(rows)} seeds")


def label(settings: Settings) -> tuple[float, ...]:
    """One campaign in a folder of its own."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        Campaign.from_settings(settings, Path(folder, "campaign")) as campaign,
    ):
        result = campaign.run()
        wall_s = time.perf_counter() - began
        campaign.close()
        with Store.open(Path(folder, "campaign"), read_only=True) as store:
            runs = store.runs()
    assert result is not None
    assert settings.pool is not None
    summary = result.summary
    wrong = result.labels != read_truth(settings.pool, settings.classes)
    assert not wrong[result.sources != "machine"].any(), "people's labels are delivered as given"
    return (
        settings.seed,
        summary.rounds,
        summary.n_train,
        summary.n_audit,
        summary.n_human,
        summary.n_machine,
        summary.total_cost_usd,
        summary.saving or 0.0,
        float(np.mean(wrong)),
        summary.estimated_error or 0.0,
        math.nan if summary.certified_error is None else summary.certified_error,
        wall_s,
        sum(run.train_s for run in runs),
        sum(run.score_s for run in runs),
    )


if __name__ == "__main__":
    main()
