"""Checks that need no device, in the words of the compiled core."""

from __future__ import annotations

from operator import index
from typing import Any

__all__ = ["as_integer"]


def as_integer(value: Any, name: str) -> int:
    """``value`` if it is an integer; 2.0 is none."""
    try:
        return index(value)
    except TypeError:
        raise ValueError(f"{name}: expected an integer, found {value!r}") from None
