"""The first batch, chosen before there is a model that could doubt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np
import numpy.typing as npt

from ..errors import SettingsError
from ..selection import k_center, typical
from ..settings import Settings
from ..types import Classifier, IndexArray, Pool, Progress, SeesUnlabelled

__all__ = ["check_first", "choose_first", "who_sees"]

_MOST_ITEMS = 100_000  # looked at, a random sample of larger pools
_ROWS_AT_ONCE = 4096


def who_sees(classifiers: Iterable[Classifier]) -> Classifier | None:
    """The first candidate that has features of items without labels."""
    for each in classifiers:
        if isinstance(each, SeesUnlabelled) and each.sees_unlabelled:
            return cast(Classifier, each)
    return None


def check_first(settings: Settings, pool: Pool, classifiers: Iterable[Classifier]) -> None:
    """Raise ``SettingsError`` where a first batch is to be chosen and nothing says by what."""
    how = settings.plan.first
    if how != "random" and pool.kind != "embeddings" and who_sees(classifiers) is None:
        raise SettingsError(
            f"plan.first: {how!r} needs features of items without labels: a pool of embeddings, or "
            "a candidate, of one member and ranked by margin, with recipe = 'self' or 'embedding'"
        )


def choose_first(
    pool: Pool,
    candidates: IndexArray,
    n_first: int,
    *,
    how: str,
    by: Classifier | None,
    seed: int,
    progress: Progress,
) -> IndexArray:
    """Indices of the ``n_first`` items of ``candidates`` to begin with.

    Parameters
    ----------
    pool : Pool
    candidates : (K,) int64, K >= n_first
        Items that may be bought.
    how : {"typical", "k_center"}
    by : Classifier or None
        Whose features say what is near; None: the pool's own vectors.
    seed : int
        Of the sample of a large pool, and of the choice among equals.
    progress : callable
        Hears of features and clusters as they come; what it raises ends the work. "k_center" says
        nothing while it chooses.
    """
    order = np.random.default_rng(seed).permutation(candidates)
    seen = order[: max(n_first, _MOST_ITEMS)]
    if by is None:
        x = np.array(pool.read(seen), dtype=np.float32)
    else:
        x = np.array(cast(SeesUnlabelled, by).features(pool, seen, progress=progress), np.float32)
    _standardise(x)
    progress(0.0, f"{seen.size:,} items are to be chosen from")
    if how == "typical":
        return seen[typical(x, n_first, seed=seed, progress=progress)]
    length = np.linalg.norm(x, axis=1, keepdims=True)  # directions: the farthest are no outliers
    return seen[k_center(x / np.where(length > 0.0, length, np.float32(1.0)), n_first).positions]


def _standardise(x: npt.NDArray[np.float32]) -> None:
    """In place: mean 0 and standard deviation 1 in each column; 0 in one without any spread."""
    blocks = [x[start : start + _ROWS_AT_ONCE] for start in range(0, len(x), _ROWS_AT_ONCE)]
    mean = x.mean(axis=0, dtype=np.float64)
    squares, largest = np.zeros_like(mean), np.zeros_like(mean)
    for block in blocks:
        squares += np.square(block - mean).sum(axis=0)
        largest = np.maximum(largest, np.abs(block).max(axis=0))
    std = np.sqrt(squares / len(x))
    std[std <= 1e-6 * largest] = 1.0
    for block in blocks:
        block[:] = (block - mean) / std
