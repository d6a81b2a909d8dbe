"""Checks that every pool makes of what its caller hands in."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index as as_int
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.types import IndexArray


def checked_classes(classes: Iterable[str]) -> tuple[str, ...]:
    """``classes`` as a tuple.

    ValueError unless they are two or more different names, not empty, that UTF-8 can hold.
    """
    names = tuple(classes)
    if isinstance(classes, str) or not all(
        isinstance(name, str) and name.strip() for name in names
    ):
        raise ValueError(f"classes: expected non-empty names, found {classes!r}")
    if no_text := [name for name in names if not is_text(name)]:
        raise ValueError(f"classes: expected text that UTF-8 can hold, found {no_text[0]!r}")
    if len(names) < 2:
        raise ValueError(f"classes: expected at least 2, found {len(names)}")
    if len(set(names)) != len(names):
        raise ValueError("classes: expected names that differ, found a repeated one")
    return names


def is_text(name: str) -> bool:
    """Whether UTF-8 can hold a name: a file's may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def checked_indices(indices: npt.NDArray[Any], n_pool: int) -> IndexArray:
    """``indices`` as (K,) int64; ValueError unless they are integers in [0, n_pool)."""
    array = np.asarray(indices)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise ValueError(
            f"indices: expected integers of shape (K,), found {array.dtype} of shape {array.shape}"
        )
    if array.size and (array.min() < 0 or array.max() >= n_pool):
        raise ValueError(
            f"indices: expected 0 <= index < {n_pool}, found {array.min()} to {array.max()}"
        )
    return array.astype(np.int64, copy=False)


def checked_index(index: int, n_pool: int) -> int:
    """``index``; ValueError unless it is in [0, n_pool)."""
    number = as_int(index)
    if not 0 <= number < n_pool:
        raise ValueError(f"index: expected 0 <= index < {n_pool}, found {number}")
    return number
