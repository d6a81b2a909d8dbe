"""Active learning with batches of one size (paper, section 5.1 and table 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...selection import largest_k
from ...settings import Settings
from ..books import Books, Outcome, Owner
from ..worlds import SimulatedPool

__all__ = ["DELTAS", "NaiveAl", "OracleAl"]

DELTAS = (0.01, 0.02, 0.05, 0.10, 0.20)
TEST_SHARE = 0.05


@dataclass(frozen=True)
class NaiveAl:
    """Buys ``delta`` of the pool by margin and trains again, until the machine may label the rest.

    That is when the error measured on T, 5 % of the pool, times all that is left, is within the
    target. The first batch is random and of the same size.
    """

    delta: float

    @property
    def name(self) -> str:
        return f"naive-al-{round(100 * self.delta)}"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``."""
        books = Books(pool, settings, seed)
        batch = max(1, round(self.delta * pool.n_pool))
        test = books.draw(Owner.TEST, max(1, round(TEST_SHARE * pool.n_pool)))
        books.draw(Owner.TRAIN, batch)
        while (left := books.left()).size:
            model = books.train()
            expected = float(np.mean(model.wrong[test])) * left.size
            out_of = pool.n_pool if settings.target == "set" else left.size
            if expected <= settings.target_error * out_of:
                books.give(Owner.MACHINE, left)
                break
            n_buy = min(batch, left.size)
            books.give(Owner.TRAIN, left[largest_k(model.deficit[left], n_buy)])
        return books.close()


@dataclass(frozen=True)
class OracleAl:
    """The cheapest of the naive campaigns, known beforehand: nobody can do this.

    It is chosen on dollars alone, and may be one that broke the target (``Outcome.promise_kept``).
    """

    name: str = "oracle-al"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool`` with the delta that turned out best."""
        outcomes = (NaiveAl(delta).run(pool, settings, seed) for delta in DELTAS)
        return min(outcomes, key=lambda outcome: outcome.total_usd)
