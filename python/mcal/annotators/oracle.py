"""An annotator that knows the truth: for evaluation and demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.types import NO_LABEL, Answers, Batch, IndexArray, Judgements, derive_seed

from .judged import answers_of

_NONE = np.empty(0, np.int64)


class OracleAnnotator:
    """Answers every batch at once from known labels.

    Where several people are to judge an item they are "oracle-1", "oracle-2", ..., who err
    independently; people who judged an item before are passed over.

    Parameters
    ----------
    labels : (N,) integers
        Class numbers of the whole pool, or NO_LABEL; longer than the pool is allowed.
    classes : sequence of str
        Names, (C,).
    noise_rate : float
        Probability in [0, 1) that an answer is wrong: one of the other classes, each as likely.
        What is said about an item depends on ``seed`` and its index only, so it is the same in
        every batch, order and process. An answer NO_LABEL is never wrong.
    seed : int
        Of the noise, >= 0.

    Raises
    ------
    ValueError
        Labels that are no class numbers, or a noise rate outside [0, 1).
    """

    name = "oracle"

    def __init__(
        self,
        labels: npt.NDArray[Any],
        classes: Sequence[str],
        noise_rate: float = 0.0,
        seed: int = 0,
    ) -> None:
        n_classes = len(classes)
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"labels: expected integers of shape (N,), found {labels.dtype} {labels.shape}"
            )
        if labels.size and not (labels.min() >= NO_LABEL and labels.max() < n_classes):
            raise ValueError(
                f"labels: expected {NO_LABEL} <= label < {n_classes}, "
                f"found {labels.min()} to {labels.max()}"
            )
        if not 0.0 <= noise_rate < 1.0:
            raise ValueError(f"noise_rate: expected 0 <= rate < 1, found {noise_rate}")
        self._classes = tuple(classes)
        self._truth, self._noise_rate, self._seed = labels.astype(np.int64), noise_rate, seed
        self._said: list[IndexArray] = []

    def submit(self, batch: Batch) -> str:
        """Nothing to order; the ticket is the batch's id."""
        if batch.classes != self._classes:
            raise ValueError(f"batch: expected classes {self._classes}, found {batch.classes}")
        indices = batch.indices
        if indices.size and not (indices.min() >= 0 and indices.max() < len(self._truth)):
            raise ValueError(
                f"batch: expected 0 <= index < {len(self._truth)}, the labels known, "
                f"found {indices.min()} to {indices.max()}"
            )
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """All labels of the batch."""
        if batch.n_judgements == 1 and batch.before is None:
            return Answers(batch.indices.copy(), self._judge(0)[batch.indices], complete=True)
        before = batch.before or Judgements(_NONE, _NONE, ())
        asked = {*zip(before.indices.tolist(), before.people, strict=True)}
        rows = [
            (index, int(self._judge(judge)[index]), _person(judge))
            for index in batch.indices.tolist()
            for judge in islice(
                (judge for judge in count() if (index, _person(judge)) not in asked),
                batch.n_judgements,
            )
        ]
        indices, labels, people = zip(*rows, strict=True) if rows else ((), (), ())
        said = Judgements(np.array(indices, np.int64), np.array(labels, np.int64), people)
        return answers_of(batch, said)

    def _judge(self, judge: int) -> IndexArray:
        """What a judge, counted from 0, says about every item."""
        while len(self._said) <= judge:
            n_classes, number = len(self._classes), len(self._said)
            self._said.append(
                _with_noise(self._truth, n_classes, self._noise_rate, self._seed, number)
            )
        return self._said[judge]


def _person(judge: int) -> str:
    return f"oracle-{judge + 1}"


def _with_noise(
    labels: IndexArray, n_classes: int, noise_rate: float, seed: int, judge: int
) -> IndexArray:
    # Two streams, drawn in item order: the i-th value of each does not depend on how many follow.
    chance = np.random.default_rng(derive_seed(seed, judge, "oracle: whether")).random(len(labels))
    shift = np.random.default_rng(derive_seed(seed, judge, "oracle: which")).random(len(labels))
    other = (labels + 1 + np.floor(shift * (n_classes - 1)).astype(np.int64)) % n_classes
    return np.where((chance < noise_rate) & (labels != NO_LABEL), other, labels)
