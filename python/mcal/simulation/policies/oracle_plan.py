"""The best of a few plans in hindsight: what regret is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...campaign.label_cost import label_cost
from ...certificate import allowed_errors
from ...selection import largest_k
from ...settings import Settings
from ...types import IndexArray
from ..books import Books, Outcome, Owner
from ..worlds import Model, SimulatedPool
from .naive import DELTAS

__all__ = ["OraclePlan"]

FIRST_SHARE = 0.01
GROWTH = (1.25, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class OraclePlan:
    """The best |B| in hindsight with a perfect cut, and neither a test set nor an audit.

    |B| grows from 1 % of the pool by a fixed share of it or by a fixed factor; every size on
    every such way is tried, with all trainings on the way paid for, and the machine labels that
    number of the surest items, of those that the target truly allows, at which all labels cost
    least. People alone are tried too. No bound: another way to buy, batches of two sizes say, may
    cost less.
    """

    name: str = "oracle-plan"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``."""
        best = Books(pool, settings, seed).close()
        first = max(1, round(FIRST_SHARE * pool.n_pool))
        ways = [(max(1, round(delta * pool.n_pool)), 1.0) for delta in DELTAS]
        ways += [(0, factor) for factor in GROWTH]
        for step, factor in ways:
            books = Books(pool, settings, seed)
            books.draw(Owner.TRAIN, first)
            while (left := books.left()).size:
                model = books.train()
                ended = books.copy()
                ended.give(Owner.MACHINE, _perfect(model, left, settings, pool.n_pool))
                outcome = ended.close()
                if outcome.total_usd < best.total_usd:
                    best = outcome
                n_train = model.n_train
                n_buy = min(left.size, max(step, round((factor - 1.0) * n_train), 1))
                least_usd = settings.prices.people.total_usd(n_train + n_buy)
                if least_usd + books.spent_on_training_usd() >= best.total_usd:
                    break
                books.give(Owner.TRAIN, left[largest_k(model.deficit[left], n_buy)])
        return best


def _perfect(model: Model, left: IndexArray, settings: Settings, n_pool: int) -> IndexArray:
    """Of the stretches of the surest items that keep the target the one that costs least."""
    ranked = left[np.argsort(model.deficit[left], kind="stable")]
    errors = np.cumsum(model.wrong[ranked])
    if settings.target == "set":
        kept = errors <= allowed_errors(n_pool, settings.target_error)
    else:
        kept = errors <= settings.target_error * np.arange(1, ranked.size + 1)
    counts = np.append(0, np.flatnonzero(kept) + 1)
    count = counts[np.argmin(label_cost(n_pool, settings).of(counts))]
    chosen: IndexArray = ranked[:count]
    return chosen
