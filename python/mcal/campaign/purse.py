"""What a budget still pays for, in whole nano-dollars: pure numbers.

``Purse.labels_nano`` is the one place that says what people's next labels cost a budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from ..money import to_nano, to_usd
from ..prices import LabelPrices
from ..settings import Settings

__all__ = [
    "Purse",
    "first_training_usd",
    "least_audit",
    "least_budget_usd",
    "most_labels_of_budget",
]

SAFETY = 1.5
"""Seconds of a training may come to so many times their forecast before money runs short."""

FIRST_TRAINING_S = 600.0
"""Seconds that a budget pays for the first training of a candidate, at least: none is measured."""

LEAST_AUDIT = 60
"""Labels kept back to check the machine with: none wrong among so many proves at most 5 %."""


@dataclass(frozen=True)
class Purse:
    """Money left, and what things cost."""

    budget_nano: int
    other_nano: int  # spent on anything but people's labels
    n_bought: int  # people's labels ordered, told or not: each is paid
    people: LabelPrices
    fee_nano: int

    @classmethod
    def of(cls, settings: Settings, other_nano: int = 0, n_bought: int = 0) -> Self:
        """A budget of which so much is gone. ``settings`` must have one."""
        assert settings.budget_usd is not None
        return cls(
            to_nano("budget_usd", settings.budget_usd),
            other_nano,
            n_bought,
            settings.prices.people,
            to_nano("machine_fee", settings.prices.machine_fee),
        )

    @property
    def spent_nano(self) -> int:
        """What is gone once all that is ordered has been paid."""
        return self.people.total_nano(self.n_bought) + self.other_nano

    @property
    def left_nano(self) -> int:
        """Negative where a training has cost more than was kept back for it."""
        return self.budget_nano - self.spent_nano

    @property
    def left_usd(self) -> float:
        """The same in dollars."""
        return to_usd(self.left_nano)

    def without(self, usd: float, n_labels: int = 0) -> Self:
        """What is left after paying so much, and for so many labels."""
        other_nano = self.other_nano + to_nano("usd", usd)
        return replace(self, other_nano=other_nano, n_bought=self.n_bought + n_labels)

    def labels_nano(self, n_labels: int) -> int:
        """What people's next ``n_labels`` labels cost."""
        total_nano = self.people.total_nano
        return total_nano(self.n_bought + n_labels) - total_nano(self.n_bought)

    def end_nano(self, n_people: int, n_items: int) -> int:
        """What it costs that people label ``n_people`` of the last items, the machine the others.

        With a fee for every label of the machine.
        """
        return self.labels_nano(n_people) + self.fee_nano * (n_items - n_people)

    def most_people(self, n_items: int) -> int:
        """How many of the last ``n_items`` people may label when the machine labels the others.

        -1 where the money pays for no such end.
        """
        return _largest(n_items, lambda n: self.end_nano(n, n_items) <= self.left_nano)

    def most_labels(self, n_items: int, n_broken: int, n_audit: int, kept_usd: float) -> int:
        """The largest batch out of ``n_items`` after which ``kept_usd`` and an end are still paid.

        In that end people label the broken items and ``n_audit`` others, or as many as there are.
        -1 where not even no batch leaves that.
        """
        kept_nano = to_nano("kept_usd", kept_usd)

        def is_paid(n: int) -> bool:
            n_people = n + n_broken + min(n_audit, n_items - n)
            return self.end_nano(n_people, n_items + n_broken) + kept_nano <= self.left_nano

        return _largest(n_items, is_paid)


def most_labels_of_budget(settings: Settings) -> int | None:
    """People's labels that the whole budget buys beside the known ones; None without a budget."""
    if settings.budget_usd is None:
        return None
    purse = Purse.of(settings)
    cheapest_nano = min(nano for _, nano in purse.people.steps_nano if nano)
    n_most = settings.n_known + purse.left_nano // cheapest_nano
    n_paid = _largest(n_most, lambda n: purse.labels_nano(n) <= purse.left_nano)
    return max(0, n_paid - settings.n_known)


def least_audit(settings: Settings) -> int:
    """Labels kept back for the audit, when there is one."""
    return max(LEAST_AUDIT, settings.prices.min_batch) if settings.is_audited else 0


def first_training_usd(n_candidates: int, settings: Settings) -> float:
    """What a budget keeps back for the first training of so many candidates, fixed costs too."""
    prices = settings.prices
    each_usd = FIRST_TRAINING_S / 3600.0 * prices.gpu_usd_per_hour + prices.fixed_cost_per_training
    return n_candidates * each_usd


def least_budget_usd(
    n_first: Callable[[Settings], int],
    *,
    n_pool: int,
    n_broken: int,
    n_candidates: int,
    settings: Settings,
) -> float:
    """The smallest budget that a campaign can begin with.

    It pays for the first labels, one training of every candidate of ``FIRST_TRAINING_S`` seconds,
    the least audit, the broken items, which people label, and the machine's fee for all others; or
    for people alone, where that is cheaper.

    Parameters
    ----------
    n_first : callable
        Settings with a budget to |T| + |B0|: both shrink with the budget.
    n_pool, n_broken, n_candidates : int
        Of the unreadable items those whose label is not known.
    settings : Settings
    """
    purse = Purse.of(settings)
    human_only_nano = purse.labels_nano(n_pool)
    training_nano = to_nano("training", first_training_usd(n_candidates, settings))
    least_nano, before = 0, -1
    n_audit = least_audit(settings)
    while least_nano != before and least_nano < human_only_nano:
        before = least_nano
        asked = settings.model_copy(update={"budget_usd": to_usd(least_nano)})
        n_people = min(n_pool, settings.n_known + n_first(asked) + n_audit + n_broken)
        least_nano = training_nano + purse.end_nano(n_people, n_pool)
    return to_usd(min(least_nano, human_only_nano))


def _largest(n_items: int, holds: Callable[[int], bool]) -> int:
    """The largest n in 0..n_items for which ``holds``, where that turns false once; -1 for none.

    All items for people are looked at by themselves: they need no machine and no fee. Whatever the
    prices, what comes back holds.
    """
    if holds(n_items):
        return n_items
    low, high = -1, n_items
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
