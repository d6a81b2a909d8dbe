"""The library's own campaign: plan, audit, certificate; and with the paper's rules, no audit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from ...campaign.audit import certify_drawn, plan_for
from ...campaign.decide import Verdict
from ...campaign.label_cost import that_pay
from ...certificate import audit_order, machine_positions
from ...selection import smallest_k
from ...settings import Settings
from ..books import Books, Outcome, Owner
from ..worlds import Model, SimulatedPool
from .steering import Steering, last_model, machine_cut, steer

__all__ = ["Mcal"]


@dataclass(frozen=True)
class Mcal:
    """``Campaign.run`` without a store: the same pure functions in the same order."""

    name: str = "mcal"
    preset: Literal["default", "paper"] = "default"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``."""
        books = Books(pool, settings.model_copy(update={"preset": self.preset}), seed)
        steering = steer(books)
        model = books.model
        if steering.verdict is not Verdict.PEOPLE and model is not None:
            if books.settings.is_audited:
                _label_certified(steering, last_model(steering))
            else:
                left, (count, _) = books.left(), machine_cut(steering)
                books.give(Owner.MACHINE, left[smallest_k(model.deficit[left], count)])
        return books.close(tuple(steering.forecasts))


def _label_certified(steering: Steering, model: Model) -> None:
    books, settings = steering.books, steering.books.settings
    profile, n_pool, left = steering.profiles[-1], books.pool.n_pool, books.left()
    ranked = left[audit_order(model.deficit[left], seed=books.seed_for("audit:order"))]
    plan = plan_for(profile, n_pool=n_pool, settings=settings)
    positions = plan.draw(books.seed_for("audit:draw"))
    certificate = certify_drawn(
        {"n_ranked": ranked.size, **asdict(plan)},
        positions,
        model.wrong[ranked[positions]],
        n_pool=n_pool,
        settings=settings,
    )
    books.give(Owner.AUDIT, ranked[positions])
    if that_pay(certificate.n_machine, n_pool, settings):
        books.give(Owner.MACHINE, np.sort(ranked[machine_positions(certificate.cut, positions)]))
