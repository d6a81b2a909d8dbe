"""Runs that rank a pool by one model: what Figures 5 and 6 compare metrics on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mcal.classifiers import open_classifier
from mcal.pools import open_pool
from mcal.selection import uncertainty
from mcal.settings import ClassifierSettings
from mcal.types import derive_seed

from .datasets import DataSet
from .runs import Deadline, Found, Say

__all__ = ["METRICS", "RankingRun"]

METRICS = ("margin", "entropy", "least_confidence", "k_center")
ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class RankingRun:
    """One model, trained on ``n_train`` random items, asked about all others."""

    data: DataSet
    n_items: int
    candidate: ClassifierSettings
    n_train: int
    seed: int

    kind: ClassVar[str] = "ranking"
    sources: ClassVar[tuple[str, ...]] = (
        *("types", "settings", "selection", "pools", "classifiers", "cuda"),
        *("paper/datasets", "paper/rankings"),
    )

    def parameters(self) -> dict[str, Any]:
        return {
            "data": self.data.key,
            "fingerprint": self.data.fingerprint,
            "n_items": self.n_items,
            "classifier": self.candidate.model_dump(mode="json", exclude_defaults=True),
            "n_train": self.n_train,
            "seed": self.seed,
        }

    def compute(self, place: Path, deadline: Deadline, say: Say) -> Found:
        """Train once and score; nothing is worth keeping on the way."""
        classes = None if self.data.is_tree else self.data.classes
        pool = open_pool(self.data.pool(self.n_items), classes)
        truth = self.data.truth(self.n_items, random_labels=False)
        random = np.random.default_rng(derive_seed(self.seed, 0, "ranking"))
        order = random.permutation(self.n_items)
        train, left = np.sort(order[: self.n_train]), np.sort(order[self.n_train :])
        model = open_classifier(self.candidate, pool, seed=self.seed).train(
            pool, train, truth[train], seed=self.seed, progress=say
        )
        scores = model.score(pool, left, embeddings=True)
        centers = model.score(pool, train, embeddings=True)
        said = uncertainty(np.asarray(scores.logits))
        wrong = said.label != truth[left]
        arrays = {
            "margin": said.deficit,
            "entropy": said.entropy,
            "least_confidence": said.least_confidence,
            "k_center": _distance(np.asarray(scores.embeddings), np.asarray(centers.embeddings)),
            "wrong": wrong,
        }
        values = {"n_train": self.n_train, "error": float(wrong.mean())}
        return Found(values, f"error {wrong.mean():.2%} on what was left", arrays)

    def __str__(self) -> str:
        return (
            f"ranking {self.data.key} N={self.n_items:,} {self.candidate.architecture}/"
            f"{self.candidate.recipe} |B|={self.n_train:,} seed {self.seed}"
        )


def _distance(
    items: npt.NDArray[np.float32], centers: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(K,) squared distance to the nearest center: what k-center buys the largest of."""
    lengths = np.square(centers).sum(axis=1)
    found = np.empty(len(items), np.float32)
    for begin in range(0, len(items), ROWS_AT_ONCE):
        rows = items[begin : begin + ROWS_AT_ONCE]
        nearest = (lengths - 2.0 * rows @ centers.T).min(axis=1)
        found[begin : begin + ROWS_AT_ONCE] = nearest + np.square(rows).sum(axis=1)
    return np.maximum(found, 0.0)
