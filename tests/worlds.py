"""Three synthetic worlds for whole campaigns: pools, classifiers and annotators without any work.

An item has a difficulty u, uniform in (0, 1). A classifier trained on n items is wrong about it
with probability

    p(u, n) = E0 u**q(n),   q(n) = E0 / e(n) - 1,   so that a random item errs with e(n),

where e(n) = alpha n**-gamma exp(-n / k), soft-capped at the chance error E0 = 1 - 1/C. Errors
gather at the difficult end as e falls. The confidence follows the difficulty that the model sees,
which is correlated with u (``ranking``) and drawn afresh for every training size; whether an item
is wrong is half a trait of the item and half of the model. What a model says depends on the
world's seed and its number of training items only, so every process sees the same. Training takes
no time: charge for it by ``fixed_cost_per_training``.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mcal.types import (
    Answers,
    Batch,
    FloatArray,
    IndexArray,
    Pool,
    Progress,
    Scores,
    no_progress,
)

__all__ = ["EASY", "HOPELESS", "MEDIUM", "WORLDS", "World", "WorldModel"]


@dataclass(frozen=True)
class World:
    name: str
    n_pool: int
    n_classes: int
    law: tuple[float, float, float]  # alpha, gamma, k
    ranking: float  # correlation of seen and true difficulty, as normal scores
    fixed_cost_per_training: float  # dollars, for PriceSettings
    seed: int = 0

    def error(self, n_train: float) -> float:
        """e(n): the expected error rate on random items."""
        chance = 1.0 - 1.0 / self.n_classes
        alpha, gamma, k = self.law
        free = alpha * n_train**-gamma * np.exp(-n_train / k)
        return float((free**-8.0 + chance**-8.0) ** -0.125)

    @cached_property
    def truth(self) -> IndexArray:
        """(N,) class numbers."""
        return self._random("truth").integers(0, self.n_classes, self.n_pool)

    @cached_property
    def difficulty(self) -> FloatArray:
        """(N,) u as a normal score."""
        return self._random("difficulty").standard_normal(self.n_pool)

    @cached_property
    def pool(self) -> WorldPool:
        return WorldPool(self)

    @property
    def classifier(self) -> WorldClassifier:
        return WorldClassifier(self)

    @property
    def annotator(self) -> WorldAnnotator:
        return WorldAnnotator(self)

    def _random(self, purpose: str, n_train: int = 0) -> np.random.Generator:
        return np.random.default_rng([self.seed, n_train, *purpose.encode()])


class WorldPool:
    """Items are rows of noise: only their index means something."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.n_pool = world.n_pool
        self.classes = tuple(f"class {c}" for c in range(world.n_classes))
        self.kind = "embeddings"
        self.fingerprint = f"{world.name}:{world.n_pool}:{world.seed}"

    @cached_property
    def _features(self) -> npt.NDArray[np.float32]:
        return self.world._random("features").standard_normal((self.n_pool, 2), np.float32)

    def read(self, indices: IndexArray) -> npt.NDArray[np.float32]:
        return self._features[indices]

    def item_name(self, index: int) -> str:
        return f"item {index}"

    def broken(self) -> dict[int, str]:
        return {}


@dataclass(frozen=True)
class WorldModel:
    world: World
    n_train: int

    @cached_property
    def _predictions(self) -> tuple[IndexArray, FloatArray]:
        """(N,) predicted classes and (N,) margins' log odds."""
        w = self.world
        random = w._random("model", self.n_train)
        chance = 1.0 - 1.0 / w.n_classes
        q = chance / w.error(self.n_train) - 1.0
        item = w._random("trait").standard_normal(w.n_pool)
        luck = _uniform((item + random.standard_normal(w.n_pool)) / np.sqrt(2.0))
        wrong = luck < chance * _uniform(w.difficulty) ** q
        other = (w.truth + random.integers(1, w.n_classes, w.n_pool)) % w.n_classes
        noise = random.standard_normal(w.n_pool)
        seen = _uniform(w.ranking * w.difficulty + np.sqrt(1.0 - w.ranking**2) * noise)
        doubt = seen**q
        return np.where(wrong, other, w.truth), np.log((2.0 - doubt) / doubt)

    def score(
        self,
        pool: Pool,
        indices: IndexArray,
        *,
        embeddings: bool = False,
        on_device: bool = False,
        progress: Progress = no_progress,
    ) -> Scores:
        predicted, log_odds = self._predictions
        logits = np.full((len(indices), self.world.n_classes), -8.0, dtype=np.float32)
        rows = np.arange(len(indices))
        logits[rows, (predicted[indices] + 1) % self.world.n_classes] = 0.0
        logits[rows, predicted[indices]] = log_odds[indices]
        return Scores(logits, pool.read(indices) if embeddings else None)

    def save(self, path: Path) -> None:
        unfinished = path.with_name(path.name + ".part")
        unfinished.write_text(json.dumps({"world": self.world.name, "n_train": self.n_train}))
        os.replace(unfinished, path)


class WorldClassifier:
    device = "cpu"

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = f"world-{world.name}/instant"

    def train(
        self,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> WorldModel:
        assert len(np.unique(indices)) == len(indices) == len(labels) > 0
        progress(1.0, "trained")
        return WorldModel(self.world, len(indices))

    def load(self, path: Path, pool: Pool) -> WorldModel:
        saved = json.loads(path.read_text())
        assert saved["world"] == self.world.name
        return WorldModel(self.world, saved["n_train"])


class WorldAnnotator:
    """Answers everything at once, and rightly."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = "truth"

    def submit(self, batch: Batch) -> str:
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        assert ticket == batch.batch_id
        return Answers(batch.indices, self.world.truth[batch.indices], complete=True)


_GRID = np.linspace(-6.0, 6.0, 4001)
_SHARE = np.array([NormalDist().cdf(z) for z in _GRID])


def _uniform(normal: FloatArray) -> FloatArray:
    """Normal scores to shares in (0, 1)."""
    share: FloatArray = np.interp(normal, _GRID, _SHARE)
    return share


def _law(n_pool: int, *points: tuple[float, float]) -> tuple[float, float, float]:
    """alpha, gamma, k through two points (share of the pool, error); hardly truncated."""
    (share_a, error_a), (share_b, error_b) = points
    gamma = float(np.log(error_a / error_b) / np.log(share_b / share_a))
    return error_a * (share_a * n_pool) ** gamma, gamma, 10.0 * n_pool


EASY = World(
    name="easy",
    n_pool=30_000,
    n_classes=10,
    law=_law(30_000, (0.01, 0.17), (0.06, 0.10)),
    ranking=0.7,
    fixed_cost_per_training=0.5,
)
"""Like Fashion-MNIST."""

MEDIUM = World(
    name="medium",
    n_pool=30_000,
    n_classes=10,
    law=_law(30_000, (0.01, 0.60), (0.25, 0.12)),
    ranking=0.35,
    fixed_cost_per_training=2.0,
)
"""Like CIFAR-10."""

HOPELESS = World(
    name="hopeless",
    n_pool=20_000,
    n_classes=100,
    law=_law(20_000, (0.01, 1.05), (0.25, 0.90)),  # before the cap
    ranking=0.2,
    fixed_cost_per_training=15.0,
)
"""Like ImageNet: never useful beyond the 5 % that Eq. 2 lets anything label, however wrong."""

WORLDS = (EASY, MEDIUM, HOPELESS)
