"""A quote in rows: what mcal costs beside people alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .quotes import Quote

__all__ = ["COLUMNS", "quote_rows", "quote_title"]

COLUMNS = ("mcal", "people alone")


def quote_title(quote: Quote) -> str:
    """What is quoted."""
    return f"Quote for {quote.n_pool:,} items in {quote.n_classes} classes"


def quote_rows(quote: Quote) -> Iterator[tuple[str, str, str]]:
    """A name and an entry for each of ``COLUMNS``; what is not known is left out."""
    yield "expected total", f"${quote.total_usd:,.2f}", f"${quote.human_only_usd:,.2f}"
    low, high = quote.interval_usd or (0.0, 0.0)
    if low != high:  # equal once nothing is left to forecast
        yield "with 90 % between", f"${low:,.2f} and ${high:,.2f}", ""
    if quote.spent_usd:
        yield "spent so far", f"${quote.spent_usd:,.2f}", ""
    yield "people's labels", f"{quote.n_human:,}", f"{quote.n_pool:,}"
    if quote.pays_probability is not None:
        yield "cheaper than people alone", f"{quote.pays_probability:.0%} likely", ""
    if quote.hours is not None:
        yield "people's time, days", _days(quote.hours), _days(quote.human_only_hours)
    if quote.complete_at is not None:
        yield "labels complete", quote.complete_at[:16].replace("T", " ") + " UTC", ""


def _days(hours: float | None) -> str:
    return "-" if hours is None else f"{hours / 24.0:,.1f}"
