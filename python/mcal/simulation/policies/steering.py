"""mcal's own way to the last training: its decision functions, on simulated models.

``_decide`` is the only place that calls them; what it returns follows ``campaign.Steps``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...bootstrap import MeasuredRound, measure_round
from ...campaign.decide import Decision, Verdict, decide
from ...campaign.estimate import Estimates, estimate_plan, n_test_items
from ...campaign.folding import LEAST_SAVING, folding_saves_usd
from ...campaign.label_cost import that_pay
from ...campaign.sizes import first_batch_size, most_next
from ...planning import Plan
from ...profiles import Profile, estimate_profile, largest_cut
from ...selection import largest_k
from ...types import IndexArray
from ..books import Books, Forecast, Owner
from ..worlds import Model

__all__ = ["Steering", "last_model", "machine_cut", "steer"]

CANDIDATE = "simulated"


@dataclass
class Steering:
    """What the rounds so far have taught, and how they ended."""

    books: Books
    test: IndexArray
    like_pool: npt.NDArray[np.bool_]  # test items that no purchase would have taken
    profiles: list[Profile] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    measured: list[MeasuredRound] = field(default_factory=list)
    forecasts: list[Forecast] = field(default_factory=list)
    latest: Estimates | None = None
    verdict: Verdict = Verdict.BUY


def steer(books: Books) -> Steering:
    """Buy T and B0, then train and buy until the library's rules say that it is enough."""
    n_pool, settings = books.pool.n_pool, books.settings
    test = books.draw(Owner.TEST, n_test_items(n_pool, settings))
    books.draw(Owner.TRAIN, first_batch_size(n_pool, settings))
    steering = Steering(books, test, np.ones(test.size, dtype=bool))
    while True:
        left = books.left()
        if not left.size:
            steering.verdict = Verdict.PEOPLE
            return steering
        model = books.train()
        _measure(steering, model, left)
        decision = _decide(steering, left.size)
        steering.verdict = decision.verdict
        if decision.verdict is not Verdict.BUY:
            return steering
        bought = left[largest_k(model.deficit[left], decision.n_buy)]
        steering.like_pool &= ~(model.deficit[test] > model.deficit[bought].min())
        books.give(Owner.TRAIN, bought)


def last_model(steering: Steering) -> Model:
    """The model in hand, or that of B and T where it is forecast to pay: as ``Models.folded``."""
    books, found, held = steering.books, steering.latest, steering.books.model
    assert held is not None  # some training led here
    settings, n_train = books.settings, books.n_train[-1]
    if not settings.plan.fold_test or found is None:
        return held
    saves_usd = folding_saves_usd(
        found.fits,
        steering.profiles[-1],
        n_train,
        steering.test.size,
        n_pool=books.pool.n_pool,
        settings=settings,
    )
    saves_usd -= found.training.of(n_train + steering.test.size, steering.test.size)
    people_usd = settings.prices.people.total_usd(books.pool.n_pool)
    if saves_usd < LEAST_SAVING * people_usd:
        return held
    return books.train(n_more=steering.test.size)


def machine_cut(steering: Steering) -> tuple[int, float]:
    """How many items the model in hand may label by the point estimate: as ``Endings.cut``."""
    n_pool, settings = steering.books.pool.n_pool, steering.books.settings
    count, error = largest_cut(
        steering.profiles[-1],
        n_pool=n_pool,
        target_error=settings.target_error,
        target=settings.target,
        safety=0.0 if settings.preset == "paper" else settings.plan.safety,
    )
    return (count, error) if that_pay(count, n_pool, settings) else (0, 0.0)


def _measure(steering: Steering, model: Model, left: IndexArray) -> None:
    matched = steering.books.settings.preset != "paper"
    test, counted = steering.test, np.ones(steering.test.size, dtype=bool)
    if matched and steering.like_pool.any():
        counted = steering.like_pool.copy()
    deficit, wrong = model.deficit[test], model.wrong[test]
    profile = estimate_profile(
        deficit[counted], wrong[counted], model.deficit[left], matched=matched
    )
    steering.profiles.append(profile)
    steering.measured.append(
        measure_round(
            deficit,
            wrong,
            model.deficit[left],
            n_train=model.n_train,
            counted=counted,
            matched=matched,
        )
    )


def _decide(steering: Steering, n_left: int) -> Decision:
    books = steering.books
    n_pool, settings = books.pool.n_pool, books.settings
    found = estimate_plan(
        steering.profiles,
        books.n_train,
        books.cost_usd,
        n_pool=n_pool,
        n_withheld=steering.test.size,
        n_classes=books.pool.n_classes,
        settings=settings,
        cells=steering.measured,
        seed=books.seed_for("replicas"),
    )
    steering.latest = found
    steering.plans.append(found.plan)
    steering.forecasts.append(_forecast(books, found))
    n_train = books.n_train[-1]
    n_new = most_next(n_pool, n_train, n_left, settings)
    return decide(
        {CANDIDATE: steering.plans},
        n_pool=n_pool,
        n_train=n_train,
        n_left=n_left,
        n_machine_now={CANDIDATE: machine_cut(steering)[0]},
        training_spent_usd=books.spent_on_training_usd(),
        next_training_usd={CANDIDATE: found.training.of(n_train + n_new, n_new)},
        settings=settings,
        outlooks={CANDIDATE: found.outlook},
    )


def _forecast(books: Books, found: Estimates) -> Forecast:
    spent_usd, n_train = books.spent_on_training_usd(), books.n_train[-1]
    low_usd, high_usd = float("nan"), float("nan")
    if found.outlook is not None:
        low_usd, high_usd = found.outlook.predicted_interval(
            0.9, found.plan.human_only_cost_usd, spent_usd
        )
    return Forecast(n_train, found.plan.total_cost_usd + spent_usd, low_usd, high_usd)
