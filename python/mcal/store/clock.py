"""The time, as the store writes it."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_now"]


def utc_now() -> str:
    """Now, as an ISO string in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
