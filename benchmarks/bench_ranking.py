"""What the order in which the machine labels is worth: machine labels at equal certified error.

    python benchmarks/bench_ranking.py --dataset digits --seeds 5
    python benchmarks/bench_ranking.py --dataset fashion-mnist --limit 8000 --seeds 3
    python benchmarks/bench_ranking.py --dataset fashion-mnist --device cuda --architecture resnet18
    python benchmarks/bench_ranking.py --dataset fashion-mnist --pixels --limit 8000  # linear head

For each seed T and a first batch are drawn at random, and B is bought by margin in doublings, as a
campaign buys it. On the same B are then trained, for each of --recipes: one network, which is also
asked about --views shifted or mirrored copies of each image; one whose weights are averaged over
its last tenth of steps; an ensemble of --members on all of B, of which the first three are an
ensemble too; and as many members that each leave a fold out, with the confidence that is learned
from what they left out. Every ranking of the rest is audited as a campaign would: planned on T,
drawn --draws times, certified. Columns:

    error     of the model's labels of all that is left
    machine   share of the pool that is machine-labelled, the mean over the draws
    perfect   the same with the cut where the truth allows it, and no audit
    kept      share of the draws that keep the target
    usd       people's labels at --price, and the seconds of the last training and scoring
    saved     usd below that of one network of the first recipe by margin, on the same seed
    +-        standard error of that over the seeds, in the last table

``--csv`` writes a line for each seed and ranking. The truth is known to the audit's answers alone.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from mcal.campaign.scoring import ItemScores, choose_batch, score_items, would_be_bought
from mcal.certificate import allowed_errors, audit_order, certify, plan_audit
from mcal.classifiers import open_classifier
from mcal.classifiers.ensemble import Ensemble, EnsembleModel
from mcal.classifiers.learned import CrossFitted
from mcal.classifiers.recipes import Recipe
from mcal.classifiers.torch_classifier import TorchClassifier
from mcal.pools import EmbeddingPool, open_pool, read_truth
from mcal.profiles import estimate_profile
from mcal.selection import uncertainty
from mcal.settings import ClassifierSettings, PoolSettings
from mcal.types import Classifier, IndexArray, Pool, TrainedModel, no_progress


@dataclass(frozen=True)
class Row:
    """What one ranking on one seed led to."""

    seed: int
    n_train: int
    ranking: str
    error: float
    machine: float
    perfect: float
    kept: float
    usd: float
    saved: float
    saved_se: float  # NaN for a single seed
    train_s: float
    score_s: float


@dataclass(frozen=True, eq=False)
class World:
    """A pool, its truth, and what has been bought of it."""

    pool: Pool
    truth: IndexArray
    test: IndexArray
    test_like_pool: IndexArray
    bought: IndexArray
    seed: int

    def left(self) -> IndexArray:
        given = np.concatenate([self.test, self.bought])
        return np.setdiff1d(np.arange(self.pool.n_pool), given)


def main() -> None:
    arguments = read_arguments()
    where = PoolSettings(kind=arguments.dataset, path=arguments.path, limit=arguments.limit)
    pool, truth = open_pool(where, None), read_truth(where, None)
    if arguments.pixels:
        values = pool.read(np.arange(pool.n_pool)).reshape(pool.n_pool, -1) / np.float32(255.0)
        pool = EmbeddingPool(values, pool.classes)
    options = {"architecture": arguments.architecture, "device": arguments.device}
    classifiers = [
        open_classifier(ClassifierSettings(recipe=recipe, **options), pool)
        for recipe in arguments.recipes
    ]
    names = ", ".join(classifier.name for classifier in classifiers)
    print(
        f"{arguments.dataset}, {pool.n_pool:,} items, {names} on {classifiers[0].device}, "
        f"{os.cpu_count()} processors, {platform.machine()}; target {arguments.target_error:.1%}"
    )
    rows: list[Row] = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        world = buy(classifiers[0], pool, truth, arguments.train_share, seed)
        found = [row for each in classifiers for row in rankings(each, world, arguments)]
        base = found[0].usd
        rows += [replace(row, saved=base - row.usd) for row in found]
        print_table(f"seed {seed}, {world.bought.size:,} bought", rows[-len(found) :])
    print_table("mean of all seeds", means(rows))
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--architecture", default="auto")
    parser.add_argument("--recipes", nargs="+", default=["fast"])
    parser.add_argument("--pixels", action="store_true", help="take images as embeddings")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--train-share", type=float, default=0.08, help="|B| / N")
    parser.add_argument("--target-error", type=float, default=0.05)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--price", type=float, default=0.04, help="dollars for a label")
    parser.add_argument("--gpu-usd-per-hour", type=float, default=3.0)
    parser.add_argument("--draws", type=int, default=200, help="audits of each ranking")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--csv", type=Path)
    return parser.parse_args()


def buy(classifier: Classifier, pool: Pool, truth: IndexArray, share: float, seed: int) -> World:
    """T and B0 at random, then B doubled by margin until it is ``share`` of the pool."""
    n_pool = pool.n_pool
    order = np.random.default_rng([seed, 1]).permutation(n_pool)
    n_test = int(np.clip(0.015 * n_pool, min(500, 0.05 * n_pool), 5000))
    n_train = round(share * n_pool)
    test, bought = np.sort(order[:n_test]), order[n_test : n_test + max(20, n_train // 8)]
    world = World(pool, truth, test, test, bought, seed)
    while world.bought.size < n_train:
        model = classifier.train(pool, world.bought, truth[world.bought], seed=seed)
        scores, _ = scored(model, world)
        left = np.flatnonzero(~np.isin(scores.indices, test))
        chosen = choose_batch(
            scores,
            left,
            min(world.bought.size, n_train - world.bought.size),
            selection="margin",
            seed=seed,
            model=model,
            pool=pool,
            centers=world.bought,
            progress=no_progress,
        )
        taken = would_be_bought(scores, chosen, world.test_like_pool)
        world = replace(
            world,
            bought=np.concatenate([world.bought, chosen]),
            test_like_pool=np.setdiff1d(world.test_like_pool, taken),
        )
    return world


def rankings(classifier: Any, world: World, arguments: argparse.Namespace) -> Iterator[Row]:
    """One row for each way to rank with an architecture and a recipe."""
    members, recipe = arguments.members, classifier.recipe

    def row(name: str, scores: ItemScores, train_s: float, score_s: float) -> Row:
        return Row(
            world.seed,
            world.bought.size,
            f"{recipe.name}: {name}",
            **audited(world, scores, train_s + score_s, arguments),
            saved=0.0,
            saved_se=math.nan,
            train_s=train_s,
            score_s=score_s,
        )

    whole, whole_s = timed(lambda: train(Ensemble(classifier, members), world))
    single = whole.members[0]
    scores, score_s = scored(single, world)
    train_s = whole_s / members
    yield row("margin", scores, train_s, score_s)
    logits = single.score(world.pool, scores.indices).logits
    said = uncertainty(logits)
    for name in ("entropy", "least_confidence"):
        doubt = getattr(said, name)
        ranked = replace(scores, deficit=doubt / max(1.0, doubt.max()))
        yield row(name.replace("_", " "), ranked, train_s, score_s)
    if world.pool.kind == "images":
        with tempfile.TemporaryDirectory() as folder:
            single.save(Path(folder, "single"))
            viewing = like(classifier, replace(recipe, views=arguments.views))
            viewed = viewing.load(Path(folder, "single"), world.pool)
        scores, views_s = scored(viewed, world)
        yield row(f"margin, {arguments.views} views", scores, train_s, views_s)
        averaging = like(classifier, replace(recipe, average_share=0.1))
        averaged, averaged_s = timed(lambda: train(averaging, world))
        scores, score_s = scored(averaged, world)
        yield row("margin, averaged", scores, averaged_s, score_s)
    for n in sorted({min(3, members), members}):
        scores, score_s = scored(EnsembleModel("first", whole.members[:n]), world)
        yield row(f"margin of {n}", scores, n * train_s, score_s)
    folds, folds_s = timed(lambda: train(CrossFitted(classifier, members), world))
    scores, score_s = scored(EnsembleModel("folds", folds.members), world)
    yield row(f"margin of {members} folds", scores, folds_s, score_s)
    scores, score_s = scored(folds, world)
    yield row(f"learned of {members} folds", scores, folds_s, score_s)


def like(classifier: Any, recipe: Recipe) -> Classifier:
    """The same architecture on the same device, trained and asked by another recipe."""
    import torch  # after the packages' own door to it

    return TorchClassifier(classifier.architecture, recipe, torch.device(classifier.device))


def train(classifier: Classifier, world: World) -> TrainedModel:
    return classifier.train(world.pool, world.bought, world.truth[world.bought], seed=world.seed)


def scored(model: TrainedModel, world: World) -> tuple[ItemScores, float]:
    """Scores of T and of what is left, and the seconds they took."""
    indices = np.union1d(world.test, world.left())
    return timed(
        lambda: score_items(
            model, world.pool, indices, selection="margin", engine="cpu", progress=no_progress
        )
    )


def audited(
    world: World, scores: ItemScores, machine_s: float, arguments: argparse.Namespace
) -> dict[str, float]:
    """Plan an audit of a ranking on T, draw and certify it many times."""
    n_pool, target_error = world.pool.n_pool, arguments.target_error
    wrong = scores.labels != world.truth[scores.indices]
    is_test = np.isin(scores.indices, world.test)
    counted = np.isin(scores.indices, world.test_like_pool)
    left = scores.deficit[~is_test]
    profile = estimate_profile(scores.deficit[counted], wrong[counted], left)
    plan = plan_audit(
        profile.bin_edges,
        profile.bin_error,
        n_pool=n_pool,
        n_test=int(counted.sum()),
        target_error=target_error,
        confidence=arguments.confidence,
    )
    ranked = wrong[~is_test][audit_order(left, seed=world.seed)]
    allowed = allowed_errors(n_pool, target_error)
    machine, kept = np.empty(arguments.draws), np.empty(arguments.draws)
    for draw in range(arguments.draws):
        positions = plan.draw(draw)
        certificate = certify(
            ranked.size,
            plan.frame,
            positions,
            ranked[positions],
            n_pool=n_pool,
            target_error=target_error,
            confidence=arguments.confidence,
        )
        given = np.ones(certificate.cut, bool)
        given[positions[positions < certificate.cut]] = False
        machine[draw] = certificate.n_machine
        kept[draw] = ranked[: certificate.cut][given].sum() <= allowed
    people_usd = arguments.price * (n_pool - machine.mean())
    return {
        "error": float(ranked.mean()),
        "machine": float(machine.mean() / n_pool),
        "perfect": float(np.searchsorted(np.cumsum(ranked), allowed, side="right") / n_pool),
        "kept": float(kept.mean()),
        "usd": people_usd + machine_s * arguments.gpu_usd_per_hour / 3600.0,
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began


def means(rows: list[Row]) -> list[Row]:
    """The mean row of each ranking."""
    found = []
    for name in dict.fromkeys(row.ranking for row in rows):
        these = [asdict(row) for row in rows if row.ranking == name]
        mean = {
            key: float(np.mean([one[key] for one in these])) for key in these[0] if key != "ranking"
        }
        mean |= {"ranking": name, "seed": -1, "n_train": round(mean["n_train"])}
        if len(these) > 1:
            saved = [one["saved"] for one in these]
            mean["saved_se"] = float(np.std(saved, ddof=1) / math.sqrt(len(saved)))
        found.append(Row(**mean))
    return found


def print_table(title: str, rows: list[Row]) -> None:
    print(f"\n{title}")
    print(f"{'ranking':<26} error  machine perfect  kept      usd   saved    +-  train_s score_s")
    for r in rows:
        print(
            f"{r.ranking:<26} {r.error:6.2%} {r.machine:7.2%} {r.perfect:7.2%} {r.kept:5.1%} "
            f"{r.usd:8.2f} {r.saved:7.2f} {r.saved_se:5.2f} {r.train_s:8.1f} {r.score_s:7.1f}",
            flush=True,
        )


def write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


if __name__ == "__main__":
    main()
