"""What a campaign will cost and when it will be done, before it begins and on the way."""

from __future__ import annotations

from .quotes import Quote, quote
from .rows import COLUMNS, quote_rows, quote_title

__all__ = ["COLUMNS", "Quote", "quote", "quote_rows", "quote_title"]
