"""A world small enough to label in a second: Gaussian blobs and a nearest-mean classifier."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mcal.annotators import OracleAnnotator
from mcal.errors import ClassifierError
from mcal.pools import EmbeddingPool
from mcal.types import Answers, Batch, IndexArray, Pool, Progress, Scores, no_progress


class NearestMean:
    """Class means of the training items; logits fall with the distance to them."""

    device = "cpu"

    def __init__(self, name: str = "nearest-mean/fake") -> None:
        self.name = name
        self.trainings: list[int] = []

    def train(
        self,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> NearestMeanModel:
        self.trainings.append(indices.size)
        x = pool.read(indices).astype(np.float64)
        means = np.zeros((len(pool.classes), x.shape[1]))
        for c in range(len(pool.classes)):
            if np.any(labels == c):
                means[c] = x[labels == c].mean(axis=0)
        progress(1.0, "trained")
        return NearestMeanModel(means)

    def load(self, path: Path, pool: Pool) -> NearestMeanModel:
        try:
            with path.open("rb") as file:
                return NearestMeanModel(np.load(file))
        except (ValueError, EOFError) as error:
            raise ClassifierError(f"{path}: {error}") from error


@dataclass
class NearestMeanModel:
    means: np.ndarray

    def score(
        self,
        pool: Pool,
        indices: IndexArray,
        *,
        embeddings: bool = False,
        on_device: bool = False,
        progress: Progress = no_progress,
    ) -> Scores:
        x = pool.read(indices).astype(np.float64)
        squared = ((x[:, None, :] - self.means[None]) ** 2).sum(axis=2)
        progress(1.0, "scored")
        return Scores((-squared).astype(np.float32), x.astype(np.float32) if embeddings else None)

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, self.means)
        part.replace(path)


@dataclass
class SlowAnnotator:
    """Answers like the oracle, but a part of a batch at every second collection."""

    truth: IndexArray
    per_visit: int
    name: str = "slow"
    submitted: list[str] = field(default_factory=list)
    visits: int = 0

    def submit(self, batch: Batch) -> str:
        self.submitted.append(batch.batch_id)
        return f"ticket of {batch.batch_id}"

    def collect(self, batch: Batch, ticket: str) -> Answers:
        assert ticket == f"ticket of {batch.batch_id}"
        self.visits += 1
        done = batch.indices[: self.per_visit * (self.visits // 2)]
        return Answers(done, self.truth[done], complete=done.size == batch.indices.size)


@dataclass
class Blobs:
    pool: EmbeddingPool
    truth: IndexArray

    def oracle(self) -> OracleAnnotator:
        return OracleAnnotator(self.truth, self.pool.classes)


def make_blobs(n_pool: int, spread: float, n_classes: int = 4, seed: int = 0) -> Blobs:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_classes, 6)) * 2
    truth = rng.integers(0, n_classes, n_pool)
    x = centers[truth] + spread * rng.normal(size=(n_pool, 6))
    return Blobs(
        EmbeddingPool(x.astype(np.float32), tuple(f"class {c}" for c in range(n_classes))), truth
    )
