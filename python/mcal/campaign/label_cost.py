"""What all labels cost, as a function of how many the machine gives: pure numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..money import to_nano
from ..planning import label_cost_usd
from ..settings import Settings
from ..types import FloatArray

__all__ = ["LabelCost", "label_cost", "that_pay"]


@dataclass(frozen=True, eq=False)
class LabelCost:
    """Linear between machine labels ``n_machine``, (J,) rising from 0 to N: ``cost_usd``, (J,)."""

    n_machine: FloatArray
    cost_usd: FloatArray

    def of(self, n_machine: npt.ArrayLike) -> FloatArray:
        """Dollars of all labels, elementwise; below 0 and above N along the outer lines."""
        n = np.asarray(n_machine, dtype=np.float64)
        inner = np.searchsorted(self.n_machine[1:-1], n, side="right")
        slope = np.diff(self.cost_usd) / np.diff(self.n_machine)
        usd: FloatArray = self.cost_usd[inner] + slope[inner] * (n - self.n_machine[inner])
        return usd

    def with_fewer(self, cost_usd: FloatArray, n_fewer: FloatArray) -> FloatArray:
        """What labels that cost ``cost_usd`` come to with ``n_fewer`` of them by the machine.

        Elementwise; NaN stays. Where a machine label is dearer than a person's the machine need not
        give it, so that one fewer costs nothing.
        """
        least = LabelCost(self.n_machine, np.minimum.accumulate(self.cost_usd))
        n = np.interp(-cost_usd, -least.cost_usd, self.n_machine)
        more_usd: FloatArray = least.of(n - n_fewer) - least.of(n)
        return cost_usd + more_usd


def label_cost(n_pool: int, settings: Settings) -> LabelCost:
    """The function for a pool at the prices of ``settings``."""
    prices = settings.prices
    first, later = prices.people.first_usd, prices.people.later_usd
    people = np.array([n_pool, *(n for n, _ in reversed(later) if n < n_pool), 0])
    usd = np.array([label_cost_usd(int(n), first, later) for n in people])
    n_machine = (n_pool - people).astype(np.float64)
    return LabelCost(n_machine, usd + prices.machine_fee * n_machine)


def that_pay(n_machine: int, n_pool: int, settings: Settings) -> int:
    """``n_machine``, or 0 where all labels cost no less than people's alone; to the nano-dollar."""
    people = settings.prices.people
    fee_nano = to_nano("machine_fee", settings.prices.machine_fee) * n_machine
    with_machine_nano = people.total_nano(n_pool - n_machine) + fee_nano
    return n_machine if with_machine_nano < people.total_nano(n_pool) else 0
