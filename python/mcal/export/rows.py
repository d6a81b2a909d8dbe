"""The whole pool as delivered: one row per item, in columns that are cut into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.store import NO_ROUND, Delivered
from mcal.types import FloatArray, Progress, no_progress

__all__ = ["COLUMNS", "Columns", "Rows"]

COLUMNS = ("index", "item", "label", "source", "confidence", "round", "price_usd", "model")

_PIECE = 65_536  # rows made into Python objects at a time


@dataclass(frozen=True, eq=False)
class Columns:
    """Consecutive rows. A code of -1 and a NaN are empty cells."""

    first: int  # index of the first row
    items: Sequence[str]  # (K,)
    labels: npt.NDArray[np.int32]  # (K,) into Delivered.classes
    sources: npt.NDArray[np.int8]  # (K,) into Delivered.sources
    confidence: FloatArray  # (K,)
    rounds: npt.NDArray[np.int32]  # (K,) or -1
    price_usd: FloatArray  # (K,)
    models: npt.NDArray[np.int8]  # (K,) into Delivered.models

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, begin: int, end: int) -> Columns:
        """The rows at these positions."""
        piece = slice(begin, end)
        return Columns(
            first=self.first + begin,
            items=self.items[piece],
            labels=self.labels[piece],
            sources=self.sources[piece],
            confidence=self.confidence[piece],
            rounds=self.rounds[piece],
            price_usd=self.price_usd[piece],
            models=self.models[piece],
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """Everything that an export writes; item names are asked for piece by piece."""

    delivered: Delivered
    created_at: str
    """When the campaign began: ISO 8601."""
    item_name: Callable[[int], str]
    progress: Progress = no_progress

    def __len__(self) -> int:
        return len(self.delivered)

    def pieces(self, most: int | None = None) -> Iterator[Columns]:
        """The rows in order, a bounded number at a time."""
        whole, step = self.delivered, _PIECE if most is None else most
        for first in range(0, len(whole), step):
            last = min(first + step, len(whole))
            piece = slice(first, last)
            yield Columns(
                first=first,
                items=[_writable(self.item_name(index)) for index in range(first, last)],
                labels=whole.label_codes[piece],
                sources=whole.source_codes[piece],
                confidence=whole.confidence[piece],
                rounds=whole.rounds[piece],
                price_usd=whole.price_usd[piece],
                models=whole.model_codes[piece],
            )
            self.progress(last / len(whole), "writing")

    def tuples(self, columns: Columns) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of ``COLUMNS``; None is an empty cell."""
        return zip(
            range(columns.first, columns.first + len(columns)),
            columns.items,
            _named(columns.labels, self.delivered.classes),
            _named(columns.sources, self.delivered.sources),
            _numbers(columns.confidence),
            [None if round_ == NO_ROUND else round_ for round_ in columns.rounds.tolist()],
            _numbers(columns.price_usd),
            _named(columns.models, self.delivered.models),
            strict=True,
        )


def _named(codes: npt.NDArray[Any], names: tuple[str, ...]) -> list[str | None]:
    with_none = (*names, None)  # -1 reads the last
    return [with_none[code] for code in codes.tolist()]


def _numbers(values: FloatArray) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _writable(name: str) -> str:
    """File names that are not UTF-8 reach Python as lone surrogates; they are written as \\udc.."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")
