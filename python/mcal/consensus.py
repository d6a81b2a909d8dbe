"""From what single people said to one label an item, and how far people differ: pure numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .types import NO_LABEL, FloatArray, IndexArray, Judgements

__all__ = [
    "Consensus",
    "Disagreement",
    "counted",
    "disagreement",
    "exact_interval",
    "majority",
    "needs_third",
    "select",
]


@dataclass(frozen=True, eq=False)
class Consensus:
    """One label an item."""

    indices: IndexArray  # (K,) rising
    labels: IndexArray  # (K,) class numbers, or NO_LABEL
    agreement: FloatArray  # (K,) share of the item's judgements that say the same, in (0, 1]


@dataclass(frozen=True)
class Disagreement:
    """How often two people differ on an item."""

    n_items: int  # judged by two people or more
    n_differing: int  # of these, where the first two differ
    low: float  # the probability that two people differ is between these
    high: float
    confidence: float  # with this probability

    @property
    def share(self) -> float:
        """Where the first two people differ, of all items judged twice; NaN without such items."""
        return self.n_differing / self.n_items if self.n_items else float("nan")


def counted(judgements: Judgements, n_judgements: int) -> Judgements:
    """The judgements that count: of each item the first of each person, and no more than ordered.

    Their order is kept.
    """
    persons: dict[int, set[str]] = {}
    kept = np.zeros(judgements.indices.size, dtype=bool)
    rows = zip(judgements.indices.tolist(), judgements.people, strict=True)
    for position, (index, person) in enumerate(rows):
        heard = persons.setdefault(index, set())
        if person not in heard and len(heard) < n_judgements:
            heard.add(person)
            kept[position] = True
    return select(judgements, kept)


def majority(judgements: Judgements, n_classes: int) -> Consensus:
    """The label that most people gave to each item.

    Parameters
    ----------
    judgements : Judgements
        (J,) all of them count; "no class fits" is an answer like any other.
    n_classes : int
        C.

    Returns
    -------
    Consensus
        Of every item judged. Where several labels have most votes, the one of them that was said
        first, in the order given: no class is preferred to another.

    Raises
    ------
    ValueError
        A label that is no class number and not ``NO_LABEL``.

    Notes
    -----
    With k people who err independently at rate p, in one and the same other class at worst, a
    majority of three errs at 3 p^2 - 2 p^3: 7.7 % for 17 %. Cost: O(J log J).
    """
    labels = judgements.labels
    if labels.size and not (labels.min() >= NO_LABEL and labels.max() < n_classes):
        raise ValueError(
            f"labels: expected {NO_LABEL} <= label < {n_classes}, "
            f"found {labels.min()} to {labels.max()}"
        )
    items, row, n_each = np.unique(judgements.indices, return_inverse=True, return_counts=True)
    said, first, votes = np.unique(
        np.stack([row, labels]), axis=1, return_index=True, return_counts=True
    )
    order = np.lexsort((first, -votes, said[0]))
    best = order[np.searchsorted(said[0][order], np.arange(items.size))]
    return Consensus(items, said[1][best], votes[best] / n_each)


def needs_third(judgements: Judgements) -> IndexArray:
    """Items, rising, on which the first two people differ; those judged once are not among them."""
    items, first, second = _first_pairs(judgements)
    differing: IndexArray = items[first != second]
    return differing


def disagreement(judgements: Judgements, confidence: float = 0.95) -> Disagreement:
    """How often two people differ on an item.

    Of each item the first two judgements are one pair. Further ones are left out: an item's pairs
    are not independent, and a third that was only asked for where two differed says nothing of the
    others.

    Parameters
    ----------
    judgements : Judgements
        Each person once an item; items judged once are left out. For the interval to speak of the
        pool the items must be drawn from it at random, whatever people said.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    Disagreement
        The interval is exact (Clopper and Pearson 1934), a half of the risk on either side, and 0
        to 1 without items.

    Notes
    -----
    What it bounds: if one of two people is right wherever they agree, the mean error of a single
    judgement is at least half the disagreement and at most all of it, for a pair that differs has
    one or two wrong ones. What it cannot see: errors that people share. Two people who make the
    same mistake agree.
    """
    items, first, second = _first_pairs(judgements)
    n_differing = int(np.count_nonzero(first != second))
    low, high = exact_interval(n_differing, items.size, confidence)
    return Disagreement(items.size, n_differing, low, high, confidence)


def exact_interval(n_found: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of Clopper and Pearson for a share of which ``n_found`` in ``n`` were found.

    Returns its two ends, 0 to 1 for n = 0. Cost: O(n), found by halving.

    Raises
    ------
    ValueError
        On counts that do not fit together or a confidence outside (0, 1).
    """
    if not 0 <= n_found <= n:
        raise ValueError(f"n_found: expected 0 <= n_found <= {n}, found {n_found}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected 0 < confidence < 1, found {confidence}")
    side = (1.0 - confidence) / 2.0
    high = _upper(n_found, n, side)
    return 1.0 - _upper(n - n_found, n, side), high


def select(judgements: Judgements, kept: npt.NDArray[np.bool_]) -> Judgements:
    """Those of the judgements that are marked, in their order."""
    people = zip(judgements.people, kept.tolist(), strict=True)
    return Judgements(
        judgements.indices[kept],
        judgements.labels[kept],
        tuple(person for person, keep in people if keep),
    )


def _first_pairs(judgements: Judgements) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Items judged twice, rising, with the first and the second label."""
    order = np.argsort(judgements.indices, kind="stable")
    items, first, n_each = np.unique(
        judgements.indices[order], return_index=True, return_counts=True
    )
    labels, twice = judgements.labels[order], n_each >= 2
    start = first[twice]
    return items[twice], labels[start], labels[start + 1]


def _upper(n_found: int, n: int, risk: float) -> float:
    """The share at which ``n_found`` or fewer of ``n`` have a probability of ``risk``."""
    if n_found == n:
        return 1.0
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    found = np.arange(n_found + 1)
    log_ways = log_factorial[n] - log_factorial[found] - log_factorial[n - found]
    low, high = n_found / n, 1.0
    for _ in range(60):
        share = (low + high) / 2.0
        if not low < share < high:
            break
        tail = np.exp(log_ways + found * np.log(share) + (n - found) * np.log1p(-share)).sum()
        low, high = (share, high) if tail > risk else (low, share)
    return high
