"""The books of one simulated campaign: who labels which item, and what everything costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from ..settings import Settings
from ..types import IndexArray, derive_seed
from .worlds import Model, SimulatedPool

__all__ = ["Books", "Forecast", "Outcome", "Owner"]


class Owner(IntEnum):
    """Who labels an item, and what for: T, B, A, R and S of algorithm.md section 1."""

    NOBODY = 0
    TEST = 1
    TRAIN = 2
    AUDIT = 3
    REST = 4
    MACHINE = 5


@dataclass(frozen=True)
class Forecast:
    """What a campaign expected after a round to have cost in the end, sunk cost included."""

    n_train: int
    total_usd: float
    low_usd: float  # the central 90 % interval
    high_usd: float

    def has_interval(self) -> bool:
        """Whether there were rounds enough for one."""
        return self.low_usd <= self.high_usd

    def holds(self, total_usd: float) -> bool:
        """Whether the interval holds ``total_usd``."""
        return self.low_usd <= total_usd <= self.high_usd


@dataclass(frozen=True)
class Outcome:
    """A finished campaign. ``n_test + n_train + n_audit + n_rest + n_machine = n_pool``."""

    n_pool: int
    n_test: int
    n_train: int
    n_audit: int
    n_rest: int
    n_machine: int
    n_errors: int  # wrong machine labels
    target_error: float
    target: str
    rounds: int  # trainings
    labels_usd: float
    fee_usd: float
    training_usd: float
    human_only_usd: float
    forecasts: tuple[Forecast, ...] = ()

    @property
    def total_usd(self) -> float:
        """People's labels, machine fee, training and scoring."""
        return self.labels_usd + self.fee_usd + self.training_usd

    @property
    def error(self) -> float:
        """What the target bounds: wrong machine labels / N, or for "machine" / machine labels."""
        out_of = self.n_pool if self.target == "set" else max(1, self.n_machine)
        return self.n_errors / out_of

    @property
    def promise_kept(self) -> bool:
        """Whether the error is within the target."""
        return self.error <= self.target_error

    def forecast_at(self, share: float) -> Forecast | None:
        """The forecast made when B first reached ``share`` of N; None where it never did."""
        return next((f for f in self.forecasts if f.n_train >= share * self.n_pool), None)


@dataclass
class Books:
    """A campaign under way. Everything random comes from ``seed``, the same for all policies."""

    pool: SimulatedPool
    settings: Settings
    seed: int
    owner: npt.NDArray[np.int8] = field(init=False)
    model: Model | None = field(init=False, default=None)
    n_train: list[int] = field(init=False, default_factory=list)  # of every training
    cost_usd: list[float] = field(init=False, default_factory=list)  # of every training

    def __post_init__(self) -> None:
        self.owner = np.zeros(self.pool.n_pool, np.int8)

    def copy(self) -> Self:
        """Books that go on apart."""
        twin = replace(self)
        twin.owner, twin.model = self.owner.copy(), self.model
        twin.n_train, twin.cost_usd = list(self.n_train), list(self.cost_usd)
        return twin

    def left(self) -> IndexArray:
        """Items that nobody has labelled, rising."""
        return np.flatnonzero(self.owner == Owner.NOBODY)

    def count(self, owner: Owner) -> int:
        """Items of one owner."""
        return int(np.count_nonzero(self.owner == owner))

    def give(self, owner: Owner, indices: IndexArray) -> None:
        """Label items that nobody has labelled yet."""
        assert not self.owner[indices].any()
        self.owner[indices] = owner

    def draw(self, owner: Owner, count: int) -> IndexArray:
        """Let people label ``count`` items drawn at random from what is left, or all of it."""
        rng = np.random.default_rng(self.seed_for(owner.name))
        drawn: IndexArray = rng.permutation(self.left())[:count]
        self.give(owner, drawn)
        return drawn

    def train(self, n_more: int = 0) -> Model:
        """Train on B, and ``n_more`` items, score, and pay for both."""
        model = self.pool.model(self.count(Owner.TRAIN) + n_more)
        prices = self.settings.prices
        self.n_train.append(model.n_train)
        self.cost_usd.append(
            model.train_s * prices.gpu_usd_per_hour / 3600.0 + prices.fixed_cost_per_training
        )
        self.model = model
        return model

    def seed_for(self, purpose: str) -> int:
        """A seed of its own for every use and round."""
        return derive_seed(self.seed, len(self.n_train), purpose)

    def spent_on_training_usd(self) -> float:
        """Training and scoring so far."""
        return sum(self.cost_usd)

    def close(
        self, forecasts: tuple[Forecast, ...] = (), *, wrong: npt.NDArray[np.bool_] | None = None
    ) -> Outcome:
        """Let people label what is left, and add up.

        ``wrong`` (N,) says which machine labels are; by default what the last model says.
        """
        self.give(Owner.REST, self.left())
        if wrong is None and self.model is not None:
            wrong = self.model.wrong
        machine = self.owner == Owner.MACHINE
        count = {owner: self.count(owner) for owner in Owner}
        prices, n_pool = self.settings.prices, self.pool.n_pool
        return Outcome(
            n_pool=n_pool,
            n_test=count[Owner.TEST],
            n_train=count[Owner.TRAIN],
            n_audit=count[Owner.AUDIT],
            n_rest=count[Owner.REST],
            n_machine=count[Owner.MACHINE],
            n_errors=0 if wrong is None else int(np.count_nonzero(machine & wrong)),
            target_error=self.settings.target_error,
            target=self.settings.target,
            rounds=len(self.n_train),
            labels_usd=prices.people.total_usd(n_pool - count[Owner.MACHINE]),
            fee_usd=prices.machine_fee * count[Owner.MACHINE],
            training_usd=self.spent_on_training_usd(),
            human_only_usd=prices.people.total_usd(n_pool),
            forecasts=forecasts,
        )
