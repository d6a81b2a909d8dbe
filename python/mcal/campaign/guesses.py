"""What a model says, as people are shown it. Pure."""

from __future__ import annotations

import numpy as np

from ..store import Ranking
from ..types import NO_LABEL, Guesses, IndexArray
from .scoring import ItemScores

__all__ = ["guesses_of"]


def guesses_of(wanted: IndexArray, said: ItemScores | Ranking, model: str) -> Guesses | None:
    """What ``model`` says about the items at ``wanted``; None where it says nothing of any.

    Parameters
    ----------
    wanted : (K,) int64
    said : ItemScores or Ranking
        Items in any order; of those it lacks there is no guess.
    model : str
        Its name, in words.
    """
    by_item = np.argsort(said.indices, kind="stable")
    places = np.searchsorted(said.indices, wanted, sorter=by_item)
    known = np.flatnonzero(places < by_item.size)
    rows = by_item[places[known]]
    same = said.indices[rows] == wanted[known]
    known, rows = known[same], rows[same]
    if not known.size:
        return None
    labels = np.full(wanted.size, NO_LABEL, np.int64)
    confidence = np.zeros(wanted.size)
    labels[known] = said.labels[rows]
    confidence[known] = np.clip(1.0 - said.deficit[rows], 0.0, 1.0)
    return Guesses(labels, confidence, model)
