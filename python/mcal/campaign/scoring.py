"""Scores of a model reduced, block by block, to what ranking and choosing need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..selection import k_center, largest_k, uncertainty
from ..types import FloatArray, IndexArray, Pool, Progress, TrainedModel

__all__ = ["ItemScores", "choose_batch", "score_items", "would_be_bought"]

LOGITS_AT_ONCE = 1 << 25  # values; bounds the memory of a score matrix with many classes


@dataclass(frozen=True)
class ItemScores:
    """What one model says about some items, row for row."""

    indices: IndexArray  # (K,) rising
    labels: IndexArray  # (K,) the model's class
    deficit: FloatArray  # (K,) 1 - margin, small is sure
    informativeness: FloatArray  # (K,) large is bought first; empty for k_center and random


def score_items(
    model: TrainedModel, pool: Pool, indices: IndexArray, *, selection: str, progress: Progress
) -> ItemScores:
    """Score items and rank them by ``selection``; every margin in ``deficit``."""
    n_classes = len(pool.classes)
    block = max(1, LOGITS_AT_ONCE // n_classes)
    labels = np.empty(indices.size, np.int64)
    deficit = np.empty(indices.size, np.float64)
    informativeness = np.empty(indices.size if selection in _UNCERTAIN else 0, np.float64)
    for begin in range(0, indices.size, block):
        rows = slice(begin, min(begin + block, indices.size))
        share, span = rows.start / indices.size, (rows.stop - rows.start) / indices.size

        def report(done: float, words: str, share: float = share, span: float = span) -> None:
            progress(share + span * done, words)

        scores = model.score(pool, indices[rows], progress=report)
        found = uncertainty(scores.logits)
        labels[rows] = found.label
        deficit[rows] = found.deficit
        if informativeness.size:
            informativeness[rows] = getattr(found, _UNCERTAIN[selection])
    return ItemScores(indices, labels, deficit, informativeness)


_UNCERTAIN = {
    "margin": "deficit",
    "entropy": "entropy",
    "least_confidence": "least_confidence",
}


def choose_batch(
    scores: ItemScores,
    positions: IndexArray,
    n_buy: int,
    *,
    selection: str,
    seed: int,
    model: TrainedModel,
    pool: Pool,
    centers: IndexArray,
    progress: Progress,
) -> IndexArray:
    """Indices of the ``n_buy`` items that M buys next, the first to buy first.

    Parameters
    ----------
    scores : ItemScores
    positions : (K,) int64
        Positions in ``scores`` of the items that may be bought.
    n_buy : int
        At most K.
    selection : str
        M of the settings. "k_center" reads the model's last-layer embeddings, with the items at
        ``centers`` (the training set) as given centers.
    seed : int
        For "random".
    """
    candidates = scores.indices[positions]
    if selection in _UNCERTAIN:
        return candidates[largest_k(scores.informativeness[positions], n_buy)]
    if selection == "random":
        return np.random.default_rng(seed).permutation(candidates)[:n_buy]
    both = np.concatenate([candidates, centers])
    embeddings = model.score(pool, both, embeddings=True, progress=progress).embeddings
    assert embeddings is not None  # asked for
    given = np.arange(candidates.size, both.size, dtype=np.int64)
    return candidates[k_center(embeddings, n_buy, centers=given).positions]


def would_be_bought(scores: ItemScores, bought: IndexArray, others: IndexArray) -> IndexArray:
    """Which of ``others`` the ranking that bought ``bought`` would have bought in their place.

    Those more informative than the least informative item bought; none where M does not rank
    (k_center, random). What is left of a random sample is then like what is left of the pool.
    """
    if not scores.informativeness.size:
        return others[:0]
    last = scores.informativeness[np.searchsorted(scores.indices, bought)].min()
    taken: IndexArray = others[
        scores.informativeness[np.searchsorted(scores.indices, others)] > last
    ]
    return taken
