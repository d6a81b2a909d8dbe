"""The rule of the paper's released code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...campaign.decide import Verdict
from ...selection import smallest_k
from ...settings import Settings
from ..books import Books, Outcome, Owner
from ..worlds import SimulatedPool
from .steering import steer

__all__ = ["Released"]


@dataclass(frozen=True)
class Released:
    """Steers as the paper, but machine-labels the largest theta with errors(S) / |S| <= eps.

    Theta is one of 0.05, 0.10, ..., 1, and its error is read off T by rank (algorithm.md,
    sections 1 and 5). The released code measures with the true labels of the unlabelled pool,
    which nobody has; that, and its other traps (section 7), are left out. The outcome is held to
    the target that was asked for, as every policy's.
    """

    name: str = "released"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``."""
        own = settings.model_copy(update={"preset": "paper", "target": "machine"})
        books = Books(pool, own, seed)
        steering = steer(books)
        if steering.verdict is not Verdict.PEOPLE and books.model is not None:
            left, profile = books.left(), steering.profiles[-1]
            kept = np.flatnonzero(profile.error <= settings.target_error)
            theta = float(profile.thetas[kept[-1]]) if kept.size else 0.0
            deficit = books.model.deficit[left]
            books.give(Owner.MACHINE, left[smallest_k(deficit, int(theta * left.size))])
        books.settings = settings
        return books.close(tuple(steering.forecasts))
