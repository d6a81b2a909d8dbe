"""The consensus of Dawid and Skene: people who are often wrong count for less."""

from __future__ import annotations

import warnings

import numpy as np

from mcal.consensus import Consensus
from mcal.errors import MissingExtraError
from mcal.types import Judgements

try:
    import pandas
    from crowdkit.aggregation import DawidSkene
except ImportError as error:
    raise MissingExtraError("crowd-kit", "crowd") from error

__all__ = ["dawid_skene"]

N_ITERATIONS = 100


def dawid_skene(judgements: Judgements, n_classes: int) -> Consensus:
    """The most probable label of each item, people's confusions estimated from all of them.

    Parameters
    ----------
    judgements : Judgements
        (J,) all of them count; "no class fits" is an answer like any other. A few dozen for each
        person at least, or their confusions are guesses.
    n_classes : int
        C; not needed.

    Returns
    -------
    Consensus
        Of every item judged.

    Notes
    -----
    Dawid and Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm
    (1979), by crowd-kit, which begins with the majority and is deterministic. A label depends on
    all judgements given.
    """
    items, row, n_each = np.unique(judgements.indices, return_inverse=True, return_counts=True)
    if not items.size:
        return Consensus(items, judgements.labels[:0], np.empty(0))
    table = pandas.DataFrame(
        {"task": judgements.indices, "worker": judgements.people, "label": judgements.labels}
    )
    with warnings.catch_warnings():  # crowd-kit calls pandas as pandas 4 will not have it
        warnings.simplefilter("ignore", DeprecationWarning)
        found = DawidSkene(n_iter=N_ITERATIONS).fit_predict(table)
    labels = found.loc[items].to_numpy(np.int64)
    votes = np.bincount(row, judgements.labels == labels[row], minlength=items.size)
    return Consensus(items, labels, votes / n_each)
