"""The whole pool as delivered: one row per item, in columns that are cut into pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.store import Store
from mcal.types import FloatArray, Purpose, Source

__all__ = ["COLUMNS", "Columns", "Rows", "read_rows"]

COLUMNS = ("index", "item", "label", "source", "confidence", "round", "price_usd", "model")

_PIECE = 65_536  # rows made into Python objects at a time
_NONE = -1  # code of an empty cell
_SOURCES = tuple(str(source) for source in Source)


@dataclass(frozen=True, eq=False)
class Columns:
    """Consecutive rows. A code of -1 and a NaN are empty cells."""

    first: int  # index of the first row
    items: Sequence[str]  # (K,)
    labels: npt.NDArray[np.int32]  # (K,) into Rows.classes
    sources: npt.NDArray[np.int8]  # (K,) into Rows.sources
    confidence: FloatArray  # (K,)
    rounds: npt.NDArray[np.int32]  # (K,) or -1
    price_usd: FloatArray  # (K,)
    models: npt.NDArray[np.int8]  # (K,) into Rows.models

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Rows:
    """Everything that an export writes; item names are asked for piece by piece."""

    classes: tuple[str, ...]
    sources: tuple[str, ...]
    models: tuple[str, ...]
    whole: Columns
    created_at: str
    """When the campaign began: ISO 8601."""
    item_name: Callable[[int], str]

    def pieces(self) -> Iterator[Columns]:
        """The rows in order, a bounded number at a time."""
        for first in range(0, len(self.whole), _PIECE):
            last = min(first + _PIECE, len(self.whole))
            piece = slice(first, last)
            yield Columns(
                first=first,
                items=[_writable(self.item_name(index)) for index in range(first, last)],
                labels=self.whole.labels[piece],
                sources=self.whole.sources[piece],
                confidence=self.whole.confidence[piece],
                rounds=self.whole.rounds[piece],
                price_usd=self.whole.price_usd[piece],
                models=self.whole.models[piece],
            )

    def tuples(self, columns: Columns) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of ``COLUMNS``; None is an empty cell."""
        return zip(
            range(columns.first, columns.first + len(columns)),
            columns.items,
            _named(columns.labels, self.classes),
            _named(columns.sources, self.sources),
            _numbers(columns.confidence),
            [None if round_ == _NONE else round_ for round_ in columns.rounds.tolist()],
            _numbers(columns.price_usd),
            _named(columns.models, self.models),
            strict=True,
        )


def read_rows(store: Store, item_name: Callable[[int], str]) -> Rows:
    """Read what a campaign has delivered so far, at one moment; about 30 bytes an item."""
    n_pool = store.campaign.n_pool
    rows = Columns(
        first=0,
        items=(),
        labels=np.full(n_pool, _NONE, np.int32),
        sources=np.full(n_pool, _NONE, np.int8),
        confidence=np.full(n_pool, np.nan),
        rounds=np.full(n_pool, _NONE, np.int32),
        price_usd=np.full(n_pool, np.nan),
        models=np.full(n_pool, _NONE, np.int8),
    )
    with store.transaction():
        batches, people, machine = store.batches(), store.labels(), store.machine_labels()
    is_audit = np.array([batch.purpose == Purpose.AUDIT for batch in batches], dtype=bool)
    codes = np.where(is_audit, _source(Source.AUDIT), _source(Source.HUMAN))
    rows.labels[people.indices] = people.labels  # NO_LABEL is an empty cell too
    rows.sources[people.indices] = codes[people.batches]
    rows.rounds[people.indices] = _by_batch([b.round for b in batches], people.batches)
    rows.price_usd[people.indices] = people.price_usd
    if machine is not None:
        rows.labels[machine.indices] = machine.labels
        rows.sources[machine.indices] = _source(Source.MACHINE)
        rows.confidence[machine.indices] = machine.confidence
        rows.rounds[machine.indices] = machine.round
        rows.price_usd[machine.indices] = machine.fee_usd_each
        rows.models[machine.indices] = 0
    return Rows(
        classes=store.campaign.classes,
        sources=_SOURCES,
        models=() if machine is None else (machine.classifier,),
        whole=rows,
        created_at=store.campaign.created_at,
        item_name=item_name,
    )


def _source(source: Source) -> int:
    return _SOURCES.index(str(source))


def _by_batch(values: list[Any], positions: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.asarray(values)[positions] if values else np.empty(0)


def _named(codes: npt.NDArray[Any], names: tuple[str, ...]) -> list[str | None]:
    with_none = (*names, None)  # -1 reads the last
    return [with_none[code] for code in codes.tolist()]


def _numbers(values: FloatArray) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _writable(name: str) -> str:
    """File names that are not UTF-8 reach Python as lone surrogates; they are written as \\udc.."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")
