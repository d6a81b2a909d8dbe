"""Automated labelling as SageMaker Ground Truth does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...selection import largest_k
from ...settings import Settings
from ...types import FloatArray
from ..books import Books, Outcome, Owner
from ..worlds import BoolArray, SimulatedPool

__all__ = ["GroundTruth"]

VALIDATION_SHARE = 0.1
BATCH = 1_000


@dataclass(frozen=True)
class GroundTruth:
    """Machine-labels as it goes: in every round what is surer than a threshold.

    People label 10 % of the pool for validation and 1,000 random items to begin with. After each
    training the threshold is the largest confidence rank at which errors / items is within the
    target on the validation set; what is surer is machine-labelled for good, and the 1,000 least
    sure of the others go to people and into training. ``fee_share`` is what a machine label costs,
    as a share of a person's: AWS charges its fee for both, and half is about what it comes to.
    """

    name: str = "ground-truth"
    fee_share: float = 0.5

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``."""
        fee_usd = self.fee_share * settings.prices.people.total_usd(pool.n_pool) / pool.n_pool
        prices = settings.prices.model_copy(update={"machine_fee": fee_usd})
        books = Books(pool, settings.model_copy(update={"prices": prices}), seed)
        validation = books.draw(Owner.TEST, max(1, round(VALIDATION_SHARE * pool.n_pool)))
        books.draw(Owner.TRAIN, BATCH)
        wrong = np.zeros(pool.n_pool, dtype=bool)
        while (left := books.left()).size:
            model = books.train()
            limit = _threshold(
                model.deficit[validation], model.wrong[validation], settings.target_error
            )
            sure = left[model.deficit[left] <= limit]
            books.give(Owner.MACHINE, sure)
            wrong[sure] = model.wrong[sure]
            if (left := books.left()).size:
                n_buy = min(BATCH, left.size)
                books.give(Owner.TRAIN, left[largest_k(model.deficit[left], n_buy)])
        return books.close(wrong=wrong)


def _threshold(deficit: FloatArray, wrong: BoolArray, target_error: float) -> float:
    """The largest deficit down to which validation errs within the target; -1 if none."""
    order = np.argsort(deficit, kind="stable")
    ends = np.append(np.diff(deficit[order]) > 0.0, True)  # equal deficits stand or fall together
    rate = np.cumsum(wrong[order]) / np.arange(1, order.size + 1)
    kept = np.flatnonzero(ends & (rate <= target_error))
    return float(deficit[order[kept[-1]]]) if kept.size else -1.0
