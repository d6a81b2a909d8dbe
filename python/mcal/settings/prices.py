"""What things cost."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from ..prices import LabelPrices, item_prices
from .base import Dollars, Model, Number, Whole

__all__ = ["PriceSettings", "PriceTier"]

Price = Annotated[Number, Field(ge=1e-9, allow_inf_nan=False)]


class PriceTier(Model):
    """What one judgement costs once so many have been bought."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    n_from: Annotated[Whole, Field(ge=0, alias="from")]
    """Judgements bought before in this campaign; written ``from`` in files."""
    price: Price
    """Dollars for one judgement."""


class PriceSettings(Model):
    """What things cost, in dollars, and how fast people are."""

    price_per_label: Price = 0.04
    """Dollars for one person's judgement of one item; with ``tiers``, that of the first."""
    tiers: tuple[PriceTier, ...] = ()
    """Volume prices: judgement ``from`` of the campaign and later cost ``price`` dollars each,
    those before it what they cost. ``from`` counts judgements, not items, and rises from 0."""
    judgements_per_item: Annotated[Whole, Field(ge=1)] = 1
    """People who judge an item before its one answer comes back; each judgement is paid."""
    min_batch: Annotated[Whole, Field(ge=1)] = 1
    """Fewest items people take at a time: a smaller purchase grows to it where it can."""
    latency_hours: Annotated[Number, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    """Hours from sending a batch to its first answers; for dates only."""
    items_per_hour: Annotated[Number, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Items, not judgements, that people answer in an hour; for dates only."""
    machine_fee: Dollars = 0.0
    """Dollars for each label that the machine gives."""
    gpu_usd_per_hour: Dollars = 3.0
    """Dollars for an hour of training or scoring, on whatever device it runs."""
    fixed_cost_per_training: Dollars = 0.0
    """Dollars for each training of each candidate, beside its hours."""

    _n_known: int = PrivateAttr(default=0)

    @cached_property
    def people(self) -> LabelPrices:
        """Prices of people's labels, item by item: known ones come first, and cost nothing."""
        tiers = [(tier.n_from, tier.price) for tier in self.tiers]
        prices = item_prices(tiers or [(0, self.price_per_label)], self.judgements_per_item)
        return prices.after_free(self._n_known)

    @property
    def judgement(self) -> LabelPrices:
        """Prices of single judgements, one after the other."""
        tiers = [(tier.n_from, tier.price) for tier in self.tiers]
        return item_prices(tiers or [(0, self.price_per_label)], 1)

    def scaled(self, factor: float) -> PriceSettings:
        """The same with every price of people's ``factor`` times as high."""
        tiers = tuple(tier.model_copy(update={"price": tier.price * factor}) for tier in self.tiers)
        return self._with(self._n_known, price_per_label=self.price_per_label * factor, tiers=tiers)

    def knowing(self, n_known: int) -> PriceSettings:
        """The same in a campaign that begins with ``n_known`` labels."""
        return self._with(n_known)

    def _with(self, n_known: int, **values: Any) -> PriceSettings:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        prices = type(self).model_construct(**{**fields, **values})
        prices._n_known = n_known
        return prices

    @model_validator(mode="before")
    @classmethod
    def _first_price(cls, values: Any) -> Any:
        """``price_per_label`` follows from tiers, so that there is one first price."""
        if not isinstance(values, dict) or "price_per_label" in values:
            return values
        match values.get("tiers"):
            case [{"price": price}, *_] | [PriceTier(price=price), *_]:
                return {**values, "price_per_label": price}
        return values

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        if not self.tiers:
            return self
        starts = [tier.n_from for tier in self.tiers]
        if starts[0] != 0 or any(later <= start for start, later in pairwise(starts)):
            raise ValueError(f"tiers: expected from = 0, then rising, found {starts}")
        if self.price_per_label != self.tiers[0].price:
            raise ValueError(
                f"price_per_label: expected none beside tiers, or the first tier's "
                f"{self.tiers[0].price:g}, found {self.price_per_label:g}"
            )
        return self
