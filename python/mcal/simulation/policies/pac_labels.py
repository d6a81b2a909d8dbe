"""PAC Labels in the place of mcal's audit (Candès, Ilyas, Zrnic 2025)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...campaign.decide import Verdict
from ...certificate import allowed_errors
from ...settings import Settings
from ..books import Books, Outcome, Owner
from ..worlds import SimulatedPool
from .steering import steer

__all__ = ["PacLabels"]


@dataclass(frozen=True)
class PacLabels:
    """mcal up to its last training, then PAC Labels with that model.

    People label ``n_sample`` items drawn uniformly from all that is left, with replacement; the
    machine labels what is surer than the first of their errors at which the upper confidence
    bound (Clopper and Pearson's) of errors / items left exceeds what the target allows.
    """

    name: str = "pac-labels"
    n_sample: int = 1_000

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``; only for target "set"."""
        books = Books(pool, settings, seed)
        steering = steer(books)
        model, left = books.model, books.left()
        if steering.verdict is not Verdict.PEOPLE and model is not None and left.size:
            allowed = allowed_errors(pool.n_pool, settings.target_error) / left.size
            rng = np.random.default_rng(books.seed_for("pac"))
            sample = left[rng.integers(0, left.size, min(self.n_sample, left.size))]
            risk = 1.0 - settings.certificate.confidence
            tolerated = _tolerated(sample.size, allowed, risk)
            errors = np.sort(model.deficit[sample[model.wrong[sample]]])
            limit = math.inf
            if tolerated < errors.size:
                limit = float(errors[tolerated]) if tolerated >= 0 else -math.inf
            books.give(Owner.AUDIT, np.unique(sample))
            rest = books.left()
            books.give(Owner.MACHINE, rest[model.deficit[rest] < limit])
        return books.close(tuple(steering.forecasts))


def _tolerated(n: int, rate: float, risk: float) -> int:
    """The most errors among n draws whose upper confidence bound is within ``rate``; -1: none.

    That is the largest x with P(Binomial(n, rate) <= x) <= risk.
    """
    if rate >= 1.0:
        return n
    below, x = 0.0, -1
    while x < n:
        log_choose = math.lgamma(n + 1) - math.lgamma(x + 2) - math.lgamma(n - x)
        below += math.exp(log_choose + (x + 1) * math.log(rate) + (n - x - 1) * math.log1p(-rate))
        if below > risk:
            break
        x += 1
    return x
