"""Pools without items: what a model trained on n of them would say about all, in one draw.

An item has a hardness h, a share of the pool uniform in (0, 1), for good. A model trained on n
items is wrong about it with probability

    p(h, n) = E0 h^q(n),    q(n) = E0 / e(n) - 1,    so that a random item errs with e(n).

Errors gather at the hard end as e falls, and buying the items that a model is least sure of takes
the hard ones out of the pool (algorithm.md section 2). The deficit is v^q(n), where v is the
hardness as the model sees it, correlated with h by ``ranking``. Of what is not hardness - luck at
the label, error of the confidence - a share ``persistence`` is the item's own and met again at
every size, and the rest is drawn for each training. The realised curve scatters about e(n).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .curves import FAMILIES, Curve, Family

__all__ = ["Model", "RandomWorld", "SimulatedPool", "Source", "World"]

BoolArray = npt.NDArray[np.bool_]

CACHE_BYTES = 1 << 27


@dataclass(frozen=True, eq=False)
class Model:
    """What a trained model says about every item of its pool."""

    n_train: int
    deficit: FloatArray  # (N,) 1 - margin in [0, 1], small is confident
    wrong: BoolArray  # (N,) whether its label is not the person's
    train_s: float  # seconds of training and scoring


class SimulatedPool(Protocol):
    """One draw of a pool: the same models to whoever asks, whatever else is asked."""

    @property
    def n_pool(self) -> int: ...

    @property
    def n_classes(self) -> int: ...

    def model(self, n_train: int) -> Model:
        """The model trained on ``n_train`` >= 1 items."""
        ...


class Source(Protocol):
    """Where pools are drawn from: ``World``, ``RandomWorld`` or ``Replay``."""

    @property
    def name(self) -> str: ...

    def draw(self, seed: int) -> SimulatedPool:
        """The pool of one campaign."""
        ...

    def resized(self, n_pool: int) -> Source:
        """The same difficulty with so many items; learning curves stay where they are."""
        ...


@dataclass(frozen=True)
class World:
    """A pool described by a learning curve and a confidence profile.

    Parameters
    ----------
    name : str
    n_pool, n_classes : int
        N >= 1 and C >= 2.
    curve : Curve
        The error on random items.
    ranking : float
        Correlation of the hardness that a model sees with the true one, in [0, 1].
    persistence : float
        Share of luck and of confidence's error that is the item's own, in [0, 1].
    curve_noise : float
        Standard deviation of log e between trainings, >= 0.
    train_fixed_s, train_s_per_item : float
        Seconds of one training with its scoring: a + b n, both >= 0.

    Raises
    ------
    ValueError
        A value is out of range.
    """

    name: str
    n_pool: int
    n_classes: int
    curve: Curve
    ranking: float = 0.6
    persistence: float = 0.5
    curve_noise: float = 0.03
    train_fixed_s: float = 0.0
    train_s_per_item: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("n_pool", 1), ("n_classes", 2)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name}: expected an integer >= {least}, found {value!r}")
        for name, most in (
            ("ranking", 1.0),
            ("persistence", 1.0),
            ("curve_noise", 1.0),
            ("train_fixed_s", np.inf),
            ("train_s_per_item", np.inf),
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0.0 <= value <= most and value < np.inf):
                raise ValueError(f"{name}: expected a number in [0, {most}], found {value!r}")
        self.error(1)  # a plateau must begin below chance

    def error(self, n_train: float) -> float:
        """e(n), the expected error on random items."""
        return self.curve.error(n_train, 1.0 - 1.0 / self.n_classes)

    def draw(self, seed: int) -> SimulatedPool:
        """The pool of one campaign."""
        return _Drawn(self, seed)

    def resized(self, n_pool: int) -> World:
        """The same curve for fewer or more items."""
        return replace(self, n_pool=n_pool)


@dataclass(frozen=True)
class RandomWorld:
    """Another data set at every draw, with a true curve of one family.

    Difficulty spreads from easier than Fashion-MNIST to harder than CIFAR-10: the error of ten
    classes is 20 to 60 % at 1 % of the pool (of other numbers, the same share of chance) and falls
    by a power of 0.25 to 0.8 at first. Ranges of the other numbers are those of ``world``.
    """

    name: str
    family: Family
    n_pool: int = 20_000
    n_classes: int = 10

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family: expected {', '.join(FAMILIES)}, found {self.family!r}")

    def draw(self, seed: int) -> SimulatedPool:
        """The pool of one campaign, with a curve of its own."""
        return self.world(seed).draw(seed)

    def world(self, seed: int) -> World:
        """The world of that pool."""
        rng = np.random.default_rng([seed, *b"world"])
        first, last = 0.01 * self.n_pool, 0.16 * self.n_pool
        at_first, gamma = rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.8)
        at_first *= (1.0 - 1.0 / self.n_classes) / 0.9
        at_last = at_first * (first / last) ** gamma
        rate, floor = rng.uniform(0.05, 0.3), rng.uniform(0.1, 0.45)
        curve = Curve(
            self.family,
            ((first, at_first), (last, at_last)),
            k=last / rate if self.family == "truncated" else np.inf,
            floor=floor * at_last if self.family == "floor" else 0.0,
        )
        return World(
            self.name,
            self.n_pool,
            self.n_classes,
            curve,
            ranking=rng.uniform(0.3, 0.7),
            persistence=rng.uniform(0.3, 0.7),
            train_fixed_s=rng.uniform(0.0, 120.0),
            train_s_per_item=10 ** rng.uniform(-2.0, 0.0),
        )

    def resized(self, n_pool: int) -> RandomWorld:
        """The same shares of more or fewer items."""
        return replace(self, n_pool=n_pool)


class _Drawn:
    """A world's items."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        rng = np.random.default_rng([seed, *b"items"])
        n = world.n_pool
        self._hardness = rng.standard_normal(n)
        self._hardness_share = _share_of(self._hardness)
        keep = np.sqrt(world.persistence)
        self._luck = keep * rng.standard_normal(n)
        self._doubt = keep * rng.standard_normal(n)
        self._models: OrderedDict[int, Model] = OrderedDict()

    @property
    def n_pool(self) -> int:
        return self.world.n_pool

    @property
    def n_classes(self) -> int:
        return self.world.n_classes

    def model(self, n_train: int) -> Model:
        if n_train in self._models:
            self._models.move_to_end(n_train)
            return self._models[n_train]
        made = self._made(n_train)
        self._models[n_train] = made
        if len(self._models) > max(2, CACHE_BYTES // (9 * self.n_pool)):
            self._models.popitem(last=False)
        return made

    def _made(self, n_train: int) -> Model:
        world = self.world
        rng = np.random.default_rng([self.seed, n_train, *b"model"])
        chance = 1.0 - 1.0 / world.n_classes
        scatter = np.exp(world.curve_noise * rng.standard_normal())
        error = min(world.error(n_train) * float(scatter), 0.999 * chance)
        q = chance / error - 1.0
        fresh = np.sqrt(1.0 - world.persistence)
        luck = _share_of(self._luck + fresh * rng.standard_normal(world.n_pool))
        doubt = self._doubt + fresh * rng.standard_normal(world.n_pool)
        seen = world.ranking * self._hardness + np.sqrt(1.0 - world.ranking**2) * doubt
        return Model(
            n_train,
            _share_of(seen) ** q,
            luck < chance * self._hardness_share**q,
            world.train_fixed_s + world.train_s_per_item * n_train,
        )


_GRID = np.linspace(-6.0, 6.0, 4001)
_SHARE = np.array([NormalDist().cdf(z) for z in _GRID])


def _share_of(normal: FloatArray) -> FloatArray:
    """Standard normal values to shares in (0, 1)."""
    place = (np.clip(normal, -5.99, 5.99) + 6.0) * ((_GRID.size - 1) / 12.0)
    left = place.astype(np.int64)
    part = place - left
    share: FloatArray = _SHARE[left] * (1.0 - part) + _SHARE[left + 1] * part
    return share
