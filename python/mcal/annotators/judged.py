"""From single judgements to answers, for every annotator that knows the people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcal.consensus import counted, majority, select
from mcal.types import Answers, Batch, Judgements

__all__ = ["answers_of", "finished"]


def answers_of(
    batch: Batch,
    judgements: Judgements,
    *,
    problems: Sequence[str] = (),
    wait_s: float | None = None,
) -> Answers:
    """What the judgements of a batch amount to.

    An item has its label, that of the majority, once ``batch.n_judgements`` different people have
    judged it. A person's second judgement of an item, and one beyond those ordered, do not count.

    Parameters
    ----------
    batch : Batch
    judgements : Judgements
        All of the batch so far, oldest first within an item.
    problems, wait_s
        As in ``Answers``.
    """
    counting = counted(judgements, batch.n_judgements)
    told = majority(finished(batch, counting), len(batch.classes))
    return Answers(
        indices=told.indices,
        labels=told.labels,
        complete=told.indices.size == batch.indices.size,
        problems=tuple(problems),
        judgements=counting,
        wait_s=wait_s,
    )


def finished(batch: Batch, judgements: Judgements) -> Judgements:
    """Of judgements that count those of items which have all that were ordered."""
    items, n_each = np.unique(judgements.indices, return_counts=True)
    whole = items[n_each >= batch.n_judgements]
    return select(judgements, np.isin(judgements.indices, whole))
