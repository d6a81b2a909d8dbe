"""Shares as people read them, in per cent: rounded as usual, or never past a bound."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

__all__ = ["percent", "percent_at_least", "percent_at_most"]


def percent(share: float | None) -> str:
    """A share to two places; a dash when it is not known."""
    return "-" if share is None else _shown(share, ROUND_HALF_EVEN)


def percent_at_most(share: float) -> str:
    """An upper bound, rounded up: what is shown is promised too."""
    return _shown(share, ROUND_CEILING)


def percent_at_least(share: float) -> str:
    """A lower bound, rounded down."""
    return _shown(share, ROUND_FLOOR)


def _shown(share: float, rounding: str) -> str:
    # By its shortest decimal, as it would be typed: 0.07 is 7 %, although the float is above it.
    exact = Decimal(repr(float(share)))
    return f"{exact.quantize(Decimal('0.0001'), rounding).scaleb(2):.2f}%"
