"""What the chapters of ``Store`` share: the connection, and how facts are written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.errors import StoreError
from mcal.types import IndexArray

from .clock import utc_now
from .database import Database

__all__ = ["Facts", "as_integers", "as_new_items", "check_range", "to_json"]


class Facts:
    """Reads and appends facts. The chapters derive from it, ``Store`` from the chapters."""

    _db: Database
    _n_pool: int
    _n_classes: int

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group several calls: all of them are recorded, or none.

        May be nested: an inner group that fails is taken back alone, if its error is caught. In a
        store opened for reading it is one moment's view of a campaign that somebody else works on.
        """
        with self._db.transaction():
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._db.read_only:
            raise StoreError(f"{self._db.name}: opened for reading, found an attempt to write")
        with self._db.transaction():
            yield

    def _spend(
        self,
        kind: str,
        nano: int,
        *,
        batch: int | None = None,
        n_labels: int | None = None,
        run: int | None = None,
    ) -> int:
        return self._db.execute(
            "INSERT INTO spend (kind, amount_nano, batch, n_labels, run, spent_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (kind, nano, batch, n_labels, run, utc_now()),
        )


def as_integers(name: str, values: npt.ArrayLike) -> IndexArray:
    """One-dimensional integers as int64, or ``ValueError``."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, found shape {array.shape}")
    if array.size == 0:
        return np.empty(0, np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: expected integers, found {array.dtype}")
    if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name}: expected integers of 64 bits with sign, found {array.max()}")
    return array.astype(np.int64)


def as_new_items(indices: npt.ArrayLike, n_pool: int) -> IndexArray:
    """Indices of the pool that all differ, or ``ValueError``."""
    array = as_integers("indices", indices)
    check_range("indices", array, 0, n_pool)
    sorted_ = np.sort(array)
    repeated = sorted_[1:][sorted_[1:] == sorted_[:-1]]
    if repeated.size:
        raise ValueError(f"indices: expected items that differ, found {repeated[0]} twice")
    return array


def check_range(name: str, values: IndexArray, low: int, end: int) -> None:
    """``ValueError`` for a value outside ``range(low, end)``."""
    outside = values[(values < low) | (values >= end)]
    if outside.size:
        raise ValueError(f"{name}: expected {low} <= value < {end}, found {outside[0]}")


def to_json(name: str, payload: Mapping[str, Any]) -> str:
    """Compact JSON; arrays become lists, and numbers that are none (NaN, inf) become null."""
    try:
        return json.dumps(
            _plain(payload), ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except TypeError as error:
        raise ValueError(f"{name}: expected what JSON can hold, {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(child) for child in value]
    return value
