"""Learning curves whose truth is known, and test items that follow them.

An item stands at rank u of the model's own ranking and is wrong with probability 2 e(n) u, so
that the top theta errs with e(n) theta. Ranks and luck are half the item's and half the model's
own, drawn afresh at each training size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from mcal.bootstrap import MeasuredRound
from mcal.types import FloatArray

N_CLASSES = 10
CHANCE = 0.9
FAMILIES = ("power", "truncated", "floor", "plateau")
N_BINS = 20

Curve = Callable[[FloatArray], FloatArray]


def random_curve(family: str, rng: np.random.Generator, first: float, last: float) -> Curve:
    """e(n), 25 to 50 % at the first training size; what is relative is so to the last."""
    at_first = rng.uniform(0.25, 0.5)
    gamma = rng.uniform(0.25, 0.8)
    rate = rng.uniform(0.05, 0.3)  # n_max / k
    floor = rng.uniform(0.1, 0.45)  # share of the error at n_max
    steep = rng.uniform(0.5, 1.2)
    if family == "plateau":
        odds = at_first / (CHANCE - at_first)
        return lambda n: CHANCE / (1.0 + (n / first) ** steep / odds)
    shapes: dict[str, Curve] = {
        "power": lambda x: x**-gamma,
        "truncated": lambda x: x**-gamma * np.exp(-rate * x),
        "floor": lambda x: (1.0 - floor) * x**-gamma + floor,
    }
    shape = shapes[family]
    scale = at_first / float(shape(np.array(first / last)))
    return lambda n: ((scale * shape(n / last)) ** -8.0 + CHANCE**-8.0) ** -0.125


def measured_rounds(
    curve: Curve, sizes: Sequence[int], n_test: int, rng: np.random.Generator
) -> list[MeasuredRound]:
    """Rounds whose U has 1,000 items in every bin."""
    place, trait = rng.standard_normal((2, n_test))
    edges = np.arange(N_BINS + 1) * 1000
    rounds = []
    for n in sizes:
        rank = special.ndtr(0.9 * place + np.sqrt(0.19) * rng.standard_normal(n_test))
        luck = special.ndtr((trait + rng.standard_normal(n_test)) / np.sqrt(2.0))
        wrong = luck < 2.0 * float(curve(np.array(float(n)))) * rank
        cells = 2 * (rank * N_BINS).astype(np.int32) + wrong
        rounds.append(MeasuredRound(int(n), edges, cells.astype(np.int32)))
    return rounds
