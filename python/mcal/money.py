"""Dollars outside, whole nano-dollars inside: sums are exact in any order.

A price is rounded to the nano-dollar once, half to even, before anything is multiplied or summed.
"""

from __future__ import annotations

from decimal import Decimal

__all__ = ["NANO_PER_USD", "add_usd", "to_nano", "to_usd"]

NANO_PER_USD = 1_000_000_000

_LARGEST_USD = 1e9  # sums stay far inside SQLite's 64 bits


def to_nano(name: str, usd: float) -> int:
    """Dollars as whole nano-dollars; ``ValueError`` for less than 0, too much, or no number."""
    usd = float(usd)
    if not 0.0 <= usd <= _LARGEST_USD:
        raise ValueError(f"{name}: expected dollars in [0, {_LARGEST_USD:g}], found {usd}")
    return int(Decimal(repr(usd)).scaleb(9).to_integral_value())


def to_usd(nano: int) -> float:
    """The nearest float."""
    return nano / NANO_PER_USD


def add_usd(*amounts: float) -> float:
    """The sum, exact to the nano-dollar: 0.1 + 0.2 is 0.3."""
    return to_usd(sum(to_nano("amounts", usd) for usd in amounts))
