"""An annotator that knows the truth: for evaluation and demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.types import NO_LABEL, Answers, Batch, IndexArray, derive_seed


class OracleAnnotator:
    """Answers every batch at once from known labels.

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
        self._answers = _with_noise(labels.astype(np.int64), n_classes, noise_rate, seed)

    def submit(self, batch: Batch) -> str:
        """Nothing to order; the ticket is the batch's id."""
        if batch.classes != self._classes:
            raise ValueError(f"batch: expected classes {self._classes}, found {batch.classes}")
        indices = batch.indices
        if indices.size and not (indices.min() >= 0 and indices.max() < len(self._answers)):
            raise ValueError(
                f"batch: expected 0 <= index < {len(self._answers)}, the labels known, "
                f"found {indices.min()} to {indices.max()}"
            )
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """All labels of the batch."""
        return Answers(batch.indices.copy(), self._answers[batch.indices], complete=True)


def _with_noise(labels: IndexArray, n_classes: int, noise_rate: float, seed: int) -> IndexArray:
    # Two streams, drawn in item order: the i-th value of each does not depend on how many follow.
    chance = np.random.default_rng(derive_seed(seed, 0, "oracle: whether")).random(len(labels))
    shift = np.random.default_rng(derive_seed(seed, 0, "oracle: which")).random(len(labels))
    other = (labels + 1 + np.floor(shift * (n_classes - 1)).astype(np.int64)) % n_classes
    return np.where((chance < noise_rate) & (labels != NO_LABEL), other, labels)
