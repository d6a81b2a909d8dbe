"""What people's labels cost, as a function of how many have been bought. Exact.

An item's label is ``judgements_per_item`` judgements; people see that many and one answer comes
back. The price of a judgement depends on how many the campaign has bought before it (volume
tiers: each tier's price holds for the judgements in it, not for those before). So the n-th item
bought has a price of its own, the same whoever labels it and whenever the answer comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .money import to_nano, to_usd

__all__ = ["LabelPrices", "item_prices"]


@dataclass(frozen=True)
class LabelPrices:
    """Prices of people's labels, an item each.

    Attributes
    ----------
    steps_nano : tuple of (int, int)
        Pairs (from, price): in the order of purchase, counted from 0, items ``from`` and later
        cost ``price`` nano-dollars each, up to the next pair. ``from`` rises from 0.
    """

    steps_nano: tuple[tuple[int, int], ...]

    @property
    def first_usd(self) -> float:
        """What the first item costs."""
        return to_usd(self.steps_nano[0][1])

    @property
    def later_usd(self) -> tuple[tuple[int, float], ...]:
        """Pairs (from, price in dollars) beyond the first: ``price_steps`` of ``search_plan``."""
        return tuple((start, to_usd(nano)) for start, nano in self.steps_nano[1:])

    def after_free(self, n_items: int) -> LabelPrices:
        """The same prices where ``n_items`` items come first that cost nothing."""
        if not n_items:
            return self
        later = ((start + n_items, nano) for start, nano in self.steps_nano)
        return LabelPrices(((0, 0), *later))

    def total_usd(self, n_items: int) -> float:
        """Dollars for the first ``n_items`` items, rounded once."""
        return to_usd(self.total_nano(n_items))

    def purchase(self, n_before: int, n_items: int) -> tuple[tuple[int, float], ...]:
        """Prices inside a purchase of ``n_items`` items after ``n_before``.

        Returns
        -------
        tuple of (int, float)
            Pairs (position, dollars): items of the purchase at ``position`` and later cost so
            much each, up to the next pair. The first position is 0.
        """
        ends = [start for start, _ in self.steps_nano[1:]] + [n_before + n_items]
        return tuple(
            (max(0, start - n_before), to_usd(nano))
            for (start, nano), end in zip(self.steps_nano, ends, strict=True)
            if end > n_before and start < n_before + n_items
        )

    def total_nano(self, n_items: int) -> int:
        """Nano-dollars for the first ``n_items`` items."""
        ends = [start for start, _ in self.steps_nano[1:]] + [n_items]
        return sum(
            nano * max(0, min(end, n_items) - start)
            for (start, nano), end in zip(self.steps_nano, ends, strict=True)
        )


def item_prices(tiers: Sequence[tuple[int, float]], judgements_per_item: int) -> LabelPrices:
    """Prices of items from the prices of judgements.

    Parameters
    ----------
    tiers : sequence of (int, float)
        Pairs (from, dollars): judgements ``from`` and later, counted from 0, cost so much each,
        rounded to the nano-dollar. ``from`` rises from 0.
    judgements_per_item : int
        >= 1.

    Returns
    -------
    LabelPrices
        An item whose judgements lie in two tiers costs some of each.
    """
    k = judgements_per_item
    judgements = LabelPrices(tuple((start, to_nano("price", usd)) for start, usd in tiers))
    starts = sorted({item for start, _ in tiers for item in (start // k, -(-start // k))})
    total = judgements.total_nano
    steps = [(i, total(k * (i + 1)) - total(k * i)) for i in starts]
    changes = [after for before, after in pairwise(steps) if before[1] != after[1]]
    return LabelPrices((steps[0], *changes))
