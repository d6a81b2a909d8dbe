"""Scores of a model reduced, block by block, to what ranking and choosing need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..cuda import open_array, why_no_device
from ..selection import k_center, largest_k, uncertainty
from ..types import FloatArray, IndexArray, Pool, Progress, TrainedModel

__all__ = ["ItemScores", "choose_batch", "choose_engine", "score_items", "would_be_bought"]

LOGITS_AT_ONCE = 1 << 25  # values; bounds the memory of a score matrix with many classes


@dataclass(frozen=True)
class ItemScores:
    """What one model says about some items, row for row."""

    indices: IndexArray  # (K,) rising
    labels: IndexArray  # (K,) the model's class
    deficit: FloatArray  # (K,) 1 - margin, or the model's own doubt; small is sure
    informativeness: FloatArray  # (K,) large is bought first; empty for k_center and random
    engine: Literal["cpu", "cuda"] = "cpu"  # where selection runs, with what the model says
    ranked_by: Literal["margin", "doubt"] = "margin"  # what ``deficit`` is

    def of(self, indices: IndexArray) -> ItemScores:
        """What it says about those of ``indices`` that it knows."""
        rows = np.isin(self.indices, indices)
        return replace(
            self,
            indices=self.indices[rows],
            labels=self.labels[rows],
            deficit=self.deficit[rows],
            informativeness=self.informativeness[rows if self.informativeness.size else []],
        )


def choose_engine(device: str) -> tuple[Literal["cpu", "cuda"], str]:
    """Where to select for a model on ``device``, and why.

    On a GPU scores stay there if they can be worked on there; only K indices come back.
    """
    if not device.startswith("cuda"):
        return "cpu", f"the model is on {device}"
    reason = why_no_device()
    if reason is not None:
        return "cpu", reason
    return "cuda", f"the model is on {device}"


def score_items(
    model: TrainedModel,
    pool: Pool,
    indices: IndexArray,
    *,
    selection: str,
    engine: Literal["cpu", "cuda"],
    progress: Progress,
) -> ItemScores:
    """Score items and rank them by ``selection``; in ``deficit`` what L ranks by.

    That is the margin, or the doubt of a model that states one; ``selection`` goes by its
    probabilities in any case. Raises ``ValueError`` for doubts that are none.
    """
    n_classes = len(pool.classes)
    block = max(1, LOGITS_AT_ONCE // n_classes)
    labels = np.empty(indices.size, np.int64)
    deficit = np.empty(indices.size, np.float64)
    informativeness = np.empty(indices.size if selection in _UNCERTAIN else 0, np.float64)
    ranked_by: Literal["margin", "doubt"] = "margin"
    for begin in range(0, indices.size, block):
        rows = slice(begin, min(begin + block, indices.size))
        share, span = rows.start / indices.size, (rows.stop - rows.start) / indices.size

        def report(done: float, words: str, share: float = share, span: float = span) -> None:
            progress(share + span * done, words)

        scores = model.score(pool, indices[rows], on_device=engine == "cuda", progress=report)
        found = uncertainty(scores.logits)
        labels[rows] = open_array(found.label, "label").on_host()
        if scores.doubt is None:
            deficit[rows] = open_array(found.deficit, "deficit").on_host()
        else:
            deficit[rows], ranked_by = _checked(scores.doubt, labels[rows].shape), "doubt"
        if informativeness.size:
            name = _UNCERTAIN[selection]
            informativeness[rows] = open_array(getattr(found, name), name).on_host()
    return ItemScores(indices, labels, deficit, informativeness, engine, ranked_by)


def _checked(doubt: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    values = np.asarray(doubt, np.float64)
    if values.shape != shape or not np.all((values >= 0.0) & (values <= 1.0)):  # NaN is not
        raise ValueError(
            f"doubt: expected {shape} values in [0, 1], found shape {values.shape}"
            + (", NaN or values outside" if values.shape == shape else "")
        )
    return values


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
    on_device = scores.engine == "cuda"
    said = model.score(pool, both, embeddings=True, on_device=on_device, progress=progress)
    given = np.arange(candidates.size, both.size, dtype=np.int64)
    # What is too much for the device's memory is on the host, and streamed.
    assert said.embeddings is not None  # asked for
    picked = k_center(said.embeddings, n_buy, centers=given, engine=scores.engine).positions
    chosen: IndexArray = candidates[open_array(picked, "positions").on_host()]
    return chosen


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
