"""What each recipe makes of Fashion-MNIST's labels, and how fast, beside a plain loop.

    python benchmarks/bench_classifier.py --data /usr/share/datasets/fashion-mnist
    python benchmarks/bench_classifier.py --data ... --n-pool 4000 --n-train 200 --recipes fast semi

For each recipe and number of random training items: accuracy on all others, the largest share of
the pool that can be machine-labelled in order of margin with errors of at most ``--target`` of the
pool (the cut chosen with the truth in hand), wall seconds of training and scoring, and images that
went through the network in a second, every view and every distorted copy counted. Means over
``--seeds``.

``plain`` is what a user would write: the same network, steps and batches as the recipe before it,
a ``DataLoader`` of normalised float32 images, no augmentation, no recording, no bfloat16. On a GPU
``busy`` is the share of the seconds of a training in which a kernel ran, as CUPTI saw it in another
training of the same kind.
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

    def __init__(self, items: npt.NDArray[np.uint8], n_classes: int) -> None:
        self.items = items
        self.n_pool = len(items)
        self.classes = tuple(map(str, range(n_classes)))
        self.fingerprint = f"fashion-mnist-{self.n_pool}"

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


def machine_share(
    logits: npt.NDArray[np.float32], wrong: npt.NDArray[np.bool_], n: int, target: float = 0.05
) -> float:
    top = np.sort(logits.astype(np.float64), axis=1)
    p = np.exp(top - top[:, -1:])
    p /= p.sum(axis=1, keepdims=True)
    order = np.argsort(p[:, :-1].sum(axis=1) + p[:, -2], kind="stable")
    return float(np.searchsorted(np.cumsum(wrong[order]), target * n, side="right") / n)


class PlainModel:
    """The network of a recipe, trained and scored by the loop that every tutorial has."""

    def __init__(self, like: Any, pool: ArrayPool) -> None:
        import torch

        from mcal.classifiers.architectures import build_network

        self._torch, self._recipe, self._device = torch, like.recipe, like.device
        shape = pool.items.shape[1:]
        self._network = build_network(like.architecture, shape, len(pool.classes)).to(like.device)
        self._mean, self._std = float(pool.items.mean()), float(pool.items.std())

    def _loader(self, items: Any, labels: Any, size: int, shuffle: bool) -> Any:
        torch = self._torch
        images = (torch.from_numpy(items).float() - self._mean) / self._std
        both = torch.utils.data.TensorDataset(
            images.permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
        )
        return torch.utils.data.DataLoader(both, batch_size=size, shuffle=shuffle)

    def train(self, items: Any, labels: Any) -> None:
        torch, recipe = self._torch, self._recipe
        steps = recipe.step_count(len(items), len(items))
        optimizer = torch.optim.SGD(
            self._network.parameters(), 0.1, momentum=0.9, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.peak_rate, steps)
        loader = self._loader(items, labels, recipe.batch_size, shuffle=True)
        self._network.train()
        done = 0
        while done < steps:
            for images, targets in loader:
                logits = self._network(images.to(self._device))
                loss = torch.nn.functional.cross_entropy(logits, targets.to(self._device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                done += 1
                if done == steps:
                    break
        if self._device.startswith("cuda"):
            torch.cuda.synchronize()

    def score(self, items: Any) -> npt.NDArray[np.float32]:
        self._network.eval()
        loader = self._loader(items, np.zeros(len(items), np.int64), 500, shuffle=False)
        with self._torch.no_grad():
            found = [self._network(images.to(self._device)).cpu() for images, _ in loader]
        logits: npt.NDArray[np.float32] = self._torch.cat(found).numpy()
        return logits


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def busy_share(train: Callable[[], Any]) -> float:
    """Seconds of kernels, one at a time, to seconds of training."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        _, wall_s = timed(train)
    return float(sum(e.self_device_time_total for e in seen.key_averages()) / 1e6 / wall_s)


def images_trained(recipe: Any, n_train: int, n_pool: int) -> int:
    """Images that go through the network in one training."""
    size = max(2, min(recipe.batch_size, n_train))
    size += 2 * min(recipe.n_unlabelled, n_pool)
    return int(recipe.step_count(n_train, n_pool) * size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--architecture", default="auto")
    parser.add_argument("--recipes", nargs="+", default=["fast", "semi"])
    parser.add_argument("--n-train", type=int, nargs="+", default=[700, 2000, 6000])
    parser.add_argument("--n-pool", type=int, default=70_000, help="images, drawn by chance")
    parser.add_argument("--target", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    images, labels = read_fashion_mnist(options.data)
    drawn = np.random.default_rng(0).permutation(len(images))[: options.n_pool]
    pool, labels = ArrayPool(images[drawn], 10), labels[drawn]
    import torch

    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(
        "recipe                 n_train  accuracy   share      +-  "
        "train s  images/s  score s  images/s   busy"
    )
    for name in options.recipes:
        settings = ClassifierSettings(
            architecture=options.architecture, recipe=name, epochs=options.epochs
        )
        classifier: Any = open_classifier(settings, pool)
        warm_up(options.architecture, name, pool, labels)
        plain_too = classifier.recipe.consistency is None
        for n in options.n_train:
            rows = []
            for seed in options.seeds:
                order = np.random.default_rng(seed).permutation(pool.n_pool)
                rows.append(measure(classifier, pool, labels, order, n, seed, options.target))
            busy = float("nan")
            if classifier.device.startswith("cuda"):
                bought = order[:n]
                busy = busy_share(
                    lambda b=bought, c=classifier: c.train(pool, b, labels[b], seed=0)
                )
            n_views = len(rows[0][-1]._views)
            trained = images_trained(classifier.recipe, n, pool.n_pool)
            show(classifier.name, n, rows, trained, (pool.n_pool - n) * n_views, busy)
            if plain_too:
                plain = [measure_plain(classifier, pool, labels, order, n, options.target)]
                show("  plain", n, plain, trained, pool.n_pool - n, float("nan"))


def warm_up(architecture: str, recipe: Any, pool: ArrayPool, labels: Any) -> None:
    """What libraries set up at their first calls is nobody's speed."""
    settings = ClassifierSettings(architecture=architecture, recipe=recipe, epochs=1)
    few = np.arange(64)
    model = open_classifier(settings, pool).train(pool, few, labels[:64], seed=0)
    model.score(pool, few)


def measure(
    classifier: Any, pool: ArrayPool, labels: Any, order: Any, n: int, seed: int, target: float
) -> tuple[Any, ...]:
    bought, rest = order[:n], order[n:]
    model, train_s = timed(lambda: classifier.train(pool, bought, labels[bought], seed=seed))
    scores, score_s = timed(lambda: model.score(pool, rest))
    wrong = scores.logits.argmax(axis=1) != labels[rest]
    share = machine_share(scores.logits, wrong, pool.n_pool, target)
    return 1 - wrong.mean(), share, train_s, score_s, model


def measure_plain(
    classifier: Any, pool: ArrayPool, labels: Any, order: Any, n: int, target: float
) -> tuple[Any, ...]:
    bought, rest = order[:n], order[n:]
    model = PlainModel(classifier, pool)
    _, train_s = timed(lambda: model.train(pool.items[bought], labels[bought]))
    logits, score_s = timed(lambda: model.score(pool.items[rest]))
    wrong = logits.argmax(axis=1) != labels[rest]
    return 1 - wrong.mean(), machine_share(logits, wrong, pool.n_pool, target), train_s, score_s


def show(
    name: str, n: int, rows: list[tuple[Any, ...]], trained: int, scored: int, busy: float
) -> None:
    found = np.array([row[:4] for row in rows], np.float64)
    accuracy, share, train_s, score_s = found.mean(axis=0)
    spread = found[:, 1].std() / len(found) ** 0.5
    print(
        f"{name:22s} {n:7d}  {accuracy:8.4f}  {share:6.4f}  {spread:6.4f}  {train_s:7.1f}  "
        f"{trained / train_s:8,.0f}  {score_s:7.1f}  {scored / score_s:8,.0f}  {busy:5.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
