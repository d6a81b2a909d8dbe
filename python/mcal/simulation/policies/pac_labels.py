"""PAC Labels in the place of mcal's audit (Candès, Ilyas, Zrnic 2025)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...campaign.audit import n_test_of
from ...campaign.decide import Verdict
from ...certificate import allowed_errors
from ...certificate.curve import as_curve
from ...profiles import Profile
from ...settings import Settings
from ..books import Books, Outcome, Owner
from ..worlds import SimulatedPool
from .steering import last_model, steer

__all__ = ["PacLabels"]

SIZES = (50, 100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)
"""Numbers of items that may be drawn."""


@dataclass(frozen=True)
class PacLabels:
    """mcal up to its last training, then PAC Labels with that model.

    People label items drawn uniformly from all that is left, with replacement; the machine labels
    what is surer than the first of their errors at which the upper confidence bound (Clopper and
    Pearson's) of errors / items left exceeds what the target allows. The paper leaves the number
    of items open: here it is the one of ``SIZES`` for which people are expected to label the
    fewest on the error curve that mcal's audit is planned on.
    """

    name: str = "pac-labels"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``. Raises ValueError for the target "machine", which it cannot promise."""
        if settings.target != "set":
            raise ValueError(f"target: expected 'set' for {self.name}, found {settings.target!r}")
        books = Books(pool, settings, seed)
        steering = steer(books)
        left = books.left()
        if steering.verdict is not Verdict.PEOPLE and left.size:
            model = last_model(steering)
            allowed = allowed_errors(pool.n_pool, settings.target_error) / left.size
            rng = np.random.default_rng(books.seed_for("pac"))
            risk = 1.0 - settings.certificate.confidence
            n = _n_sample(steering.profiles[-1], left.size, allowed, risk)
            sample = left[rng.integers(0, left.size, n)]
            tolerated = _tolerated(sample.size, allowed, risk)
            errors = np.sort(model.deficit[sample[model.wrong[sample]]])
            limit = math.inf
            if tolerated < errors.size:
                limit = float(errors[tolerated]) if tolerated >= 0 else -math.inf
            books.give(Owner.AUDIT, np.unique(sample))
            rest = books.left()
            books.give(Owner.MACHINE, rest[model.deficit[rest] < limit])
        return books.close(tuple(steering.forecasts))


def _n_sample(profile: Profile, n_left: int, rate: float, risk: float) -> int:
    """The size of ``SIZES`` for which people are expected to label the fewest items."""
    curve = as_curve(profile.bin_edges, profile.bin_error).smoothed(n_test_of(profile))

    def n_machine(n: int) -> float:
        """The cut is where the (x + 1)-th error of the sample is expected; sampled above, people's.

        A hundred equally likely places of it: the one in the middle ignores that the ranking ends.
        """
        x = _tolerated(n, rate, risk)
        if x < 0:
            return 0.0
        errors = np.random.default_rng(0).gamma(x + 1.0, size=100) * n_left / n
        cut = float(np.interp(errors, curve.errors, curve.edges).mean())
        return cut * (1.0 - 1.0 / n_left) ** n

    return max((n for n in SIZES if n <= n_left), key=n_machine, default=n_left)


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
