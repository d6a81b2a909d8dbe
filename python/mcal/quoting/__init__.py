"""What a campaign will cost and when it will be done, before it begins and on the way."""

from __future__ import annotations

from .quotes import Quote, quote

__all__ = ["Quote", "quote"]
