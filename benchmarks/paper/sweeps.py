"""Runs that are sweeps: active learning with batches of one size, every model recorded.

What is bought depends on neither price nor target, so one sweep to the smallest target of a
command serves all of its own: the rule that stops, and the bill, are those of
``mcal.simulation``'s ``NaiveAl`` on the recorded models.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from mcal.classifiers import open_classifier
from mcal.pools import open_pool
from mcal.profiles import DEFAULT_THETAS, estimate_profile
from mcal.selection import largest_k, uncertainty
from mcal.settings import ClassifierSettings, Settings
from mcal.simulation import Books, Outcome, Owner
from mcal.simulation.policies.naive import TEST_SHARE, NaiveAl
from mcal.simulation.worlds import Model
from mcal.types import FloatArray, IndexArray, Pool, TrainedModel, derive_seed, no_progress
from mcal.whole_file import whole_file

from .datasets import DataSet
from .runs import Deadline, Found, Record, Say

__all__ = ["Curves", "Sweep", "SweepRun", "open_sweep"]

SCORED_AT_ONCE = 1 << 14
Target = Literal["set", "machine"]


@dataclass(frozen=True, eq=False)
class Curves:
    """Errors among the surest theta, at every recorded size."""

    thetas: FloatArray  # (T,)
    n_train: IndexArray  # (R,)
    test_wrong: FloatArray  # (R, T) wrong items of T, by its own ranks, as the paper reads it
    test_n: FloatArray  # (R, T) items of T
    true_error: FloatArray  # (R, T) of what was left, by the truth

    def at(self, theta: float) -> int:
        """Position of the theta nearest to ``theta``."""
        return int(np.argmin(np.abs(self.thetas - theta)))


class NotTrainedError(Exception):
    """The recorded models end before the rule that stops was met."""


@dataclass
class Sweep:
    """Recorded models at rising |B|: a ``SimulatedPool`` whose every model is a real one."""

    n_pool: int
    n_classes: int
    delta: float
    seed: int
    n_train: list[int] = field(default_factory=list)
    seconds: list[tuple[float, float]] = field(default_factory=list)  # training, scoring
    deficit: list[npt.NDArray[np.float32]] = field(default_factory=list)  # (N,) each
    wrong: list[npt.NDArray[np.bool_]] = field(default_factory=list)  # (N,) each
    jobs: int = 1  # runs at a time that the seconds were measured among

    def model(self, n_train: int) -> Model:
        """The model that was trained on the first ``n_train`` items bought."""
        if n_train not in self.n_train:
            raise NotTrainedError
        at = self.n_train.index(n_train)
        deficit = self.deficit[at].astype(np.float64)
        return Model(n_train, deficit, self.wrong[at], self.billed_s(at))

    def billed_s(self, at: int) -> float:
        """Seconds of a training and of scoring T and what is left, which is what mcal scores.

        The sweep scores B too, for the record: its share of the time is not billed.
        """
        train_s, score_s = self.seconds[at]
        return train_s + score_s * (1.0 - self.n_train[at] / self.n_pool)

    def outcome(self, settings: Settings) -> Outcome:
        """The naive campaign with these prices and target: its bill, and what it gets wrong.

        Raises ``NotTrainedError`` where the sweep has not come so far.
        """
        return NaiveAl(self.delta).run(self, settings, self.seed)

    def reaches(self, target_error: float, target: Target) -> bool:
        """Whether the naive campaign has met its constraint, or bought everything."""
        try:
            self.outcome(Settings(target_error=target_error, target=target))
        except NotTrainedError:
            return False
        return True

    def walk(self) -> Iterator[Books]:
        """The books before each training, and once more after the last recorded purchase."""
        books = Books(self, Settings(), self.seed)
        batch = max(1, round(self.delta * self.n_pool))
        books.draw(Owner.TEST, max(1, round(TEST_SHARE * self.n_pool)))
        books.draw(Owner.TRAIN, batch)
        for _ in self.n_train:
            yield books
            model, left = books.train(), books.left()
            bought = largest_k(model.deficit[left], min(batch, left.size))
            books.give(Owner.TRAIN, left[bought])
        yield books

    def curves(self) -> Curves:
        """Errors at each theta, training by training, for those that had something to label."""
        sizes, wrong, n_test, error = [], [], [], []
        for step, books in zip(range(len(self.n_train)), self.walk(), strict=False):
            left, test = books.left(), np.flatnonzero(books.owner == Owner.TEST)
            if not left.size:
                break
            deficit, is_wrong = self.deficit[step].astype(np.float64), self.wrong[step]
            profile = estimate_profile(deficit[test], is_wrong[test], deficit[left], matched=False)
            sizes.append(self.n_train[step])
            wrong.append(profile.wrong)
            n_test.append(profile.n_effective)
            ranked = left[np.argsort(deficit[left], kind="stable")]
            counts = np.maximum(1, (DEFAULT_THETAS * left.size).astype(np.int64))
            error.append(np.cumsum(is_wrong[ranked])[counts - 1] / counts)
        return Curves(
            DEFAULT_THETAS, np.array(sizes), np.array(wrong), np.array(n_test), np.array(error)
        )

    def arrays(self) -> dict[str, Any]:
        """For a file; ``wrong`` as bits."""
        return {
            "n_train": np.array(self.n_train, np.int64),
            "seconds": np.array(self.seconds, np.float64).reshape(-1, 2),
            "deficit": np.array(self.deficit, np.float32).reshape(-1, self.n_pool),
            "wrong": np.packbits(np.array(self.wrong, bool).reshape(-1, self.n_pool), axis=1),
        }

    def fill(self, arrays: dict[str, Any]) -> Sweep:
        """Itself, with what ``arrays`` hold."""
        self.n_train = arrays["n_train"].tolist()
        self.seconds = [(train_s, score_s) for train_s, score_s in arrays["seconds"].tolist()]
        self.deficit = list(arrays["deficit"])
        self.wrong = [row[: self.n_pool].astype(bool) for row in np.unpackbits(arrays["wrong"], 1)]
        return self


@dataclass(frozen=True)
class SweepRun:
    """Active learning with one delta until the naive rule is met at ``until_error``."""

    data: DataSet
    n_items: int
    candidate: ClassifierSettings
    delta: float
    until_error: float
    seed: int
    target: Target = "set"

    kind: ClassVar[str] = "sweep"
    sources: ClassVar[tuple[str, ...]] = (
        *("types", "settings", "selection", "pools", "classifiers", "cuda", "profiles"),
        *("simulation/policies/naive", "simulation/books", "simulation/worlds"),
        *("paper/datasets", "paper/sweeps"),
    )

    def parameters(self) -> dict[str, Any]:
        return {
            "data": self.data.key,
            "fingerprint": self.data.fingerprint,
            "n_items": self.n_items,
            "classifier": self.candidate.model_dump(mode="json", exclude_defaults=True),
            "delta": self.delta,
            "until_error": self.until_error,
            "target": self.target,
            "seed": self.seed,
        }

    def empty(self) -> Sweep:
        return Sweep(self.n_items, len(self.data.classes), self.delta, self.seed)

    def compute(self, place: Path, deadline: Deadline, say: Say) -> Found | None:
        """Train, score and buy; what there is stays in ``place`` after every training."""
        sweep, kept = self.empty(), place / "so-far.npz"
        place.mkdir(parents=True, exist_ok=True)
        if kept.exists():
            with np.load(kept) as stored:
                sweep.fill(dict(stored))
        pool = open_pool(
            self.data.pool(self.n_items), None if self.data.is_tree else self.data.classes
        )
        truth = self.data.truth(self.n_items, random_labels=False)
        classifier = open_classifier(self.candidate, pool, seed=self.seed)
        while not sweep.reaches(self.until_error, self.target):
            if deadline.is_over:
                return None
            *_, books = sweep.walk()
            train = np.flatnonzero(books.owner == Owner.TRAIN)
            say(train.size / self.n_items, f"training on {train.size:,}")
            began = time.monotonic()
            seed = derive_seed(self.seed, len(sweep.n_train), f"train:{classifier.name}")
            model = classifier.train(pool, train, truth[train], seed=seed, progress=no_progress)
            trained = time.monotonic()
            labels, deficit = score_pool(model, pool)
            sweep.seconds.append((trained - began, time.monotonic() - trained))
            sweep.n_train.append(int(train.size))
            sweep.deficit.append(deficit)
            sweep.wrong.append(labels != truth)
            with whole_file(kept) as file:
                np.savez(file, **sweep.arrays())
        seconds = np.array(sweep.seconds).sum(axis=0)
        values = {
            "trainings": len(sweep.n_train),
            "n_train": sweep.n_train[-1],
            "train_s": float(seconds[0]),
            "score_s": float(seconds[1]),
        }
        words = f"{len(sweep.n_train)} trainings, |B| = {sweep.n_train[-1]:,}"
        return Found(values, words, sweep.arrays())

    def __str__(self) -> str:
        return (
            f"sweep {self.data.key} N={self.n_items:,} {self.candidate.architecture}/"
            f"{self.candidate.recipe} delta={self.delta:g} to {self.until_error:g} seed {self.seed}"
        )


def open_sweep(run: SweepRun, record: Record) -> Sweep:
    """The sweep that a record holds."""
    sweep = run.empty().fill(record.arrays)
    sweep.jobs = record.made["jobs"]
    return sweep


def score_pool(model: TrainedModel, pool: Pool) -> tuple[IndexArray, npt.NDArray[np.float32]]:
    """(N,) the model's classes and deficits."""
    labels: list[IndexArray] = []
    deficits: list[npt.NDArray[np.float32]] = []
    for begin in range(0, pool.n_pool, SCORED_AT_ONCE):
        indices = np.arange(begin, min(begin + SCORED_AT_ONCE, pool.n_pool))
        said = uncertainty(np.asarray(model.score(pool, indices).logits))
        labels.append(said.label)
        deficits.append(said.deficit.astype(np.float32))
    return np.concatenate(labels), np.concatenate(deficits)
