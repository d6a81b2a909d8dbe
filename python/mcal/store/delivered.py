"""What a campaign has delivered so far: one row per item of the pool, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.types import FloatArray, Purpose, Source

from .store import Store

__all__ = ["NO_ROUND", "Delivered", "read_delivered"]

NO_ROUND = -1
"""The round of an item that nobody has labelled yet."""

_NONE = -1  # code of an empty cell
_SOURCES = tuple(str(source) for source in Source)


@dataclass(frozen=True, eq=False)
class Delivered:
    """Rows by ascending index. A code of -1 and a NaN are empty cells."""

    classes: tuple[str, ...]
    sources: tuple[str, ...]
    models: tuple[str, ...]
    label_codes: npt.NDArray[np.int32]  # (N,) into classes; -1 also where no class fits
    source_codes: npt.NDArray[np.int8]  # (N,) into sources; -1: nobody has labelled it yet
    confidence: FloatArray  # (N,) of the machine in [0, 1], NaN of people
    rounds: npt.NDArray[np.int32]  # (N,) or NO_ROUND
    price_usd: FloatArray  # (N,) what each label cost
    model_codes: npt.NDArray[np.int8]  # (N,) into models; -1 of people

    def __len__(self) -> int:
        return len(self.label_codes)

    def source_code(self, source: Source) -> int:
        """What ``source_codes`` holds for a source."""
        return self.sources.index(str(source))


def read_delivered(store: Store) -> Delivered:
    """Read a finished or running campaign at one moment; about 30 bytes an item."""
    with store.transaction():
        batches, people, machine = store.batches(), store.labels(), store.machine_labels()
    n_pool = store.campaign.n_pool
    found = Delivered(
        classes=store.campaign.classes,
        sources=_SOURCES,
        models=() if machine is None else (machine.classifier,),
        label_codes=np.full(n_pool, _NONE, np.int32),
        source_codes=np.full(n_pool, _NONE, np.int8),
        confidence=np.full(n_pool, np.nan),
        rounds=np.full(n_pool, NO_ROUND, np.int32),
        price_usd=np.full(n_pool, np.nan),
        model_codes=np.full(n_pool, _NONE, np.int8),
    )
    is_audit = np.array([batch.purpose == Purpose.AUDIT for batch in batches], dtype=bool)
    codes = np.where(
        is_audit, found.source_code(Source.AUDIT), found.source_code(Source.HUMAN)
    ).astype(np.int8)
    found.label_codes[people.indices] = people.labels  # NO_LABEL is an empty cell too
    found.source_codes[people.indices] = codes[people.batches]
    found.rounds[people.indices] = _by_batch([b.round for b in batches], people.batches)
    found.price_usd[people.indices] = people.price_usd
    if machine is not None:
        found.label_codes[machine.indices] = machine.labels
        found.source_codes[machine.indices] = found.source_code(Source.MACHINE)
        found.confidence[machine.indices] = machine.confidence
        found.rounds[machine.indices] = machine.round
        found.price_usd[machine.indices] = machine.fee_usd_each
        found.model_codes[machine.indices] = 0
    return found


def _by_batch(values: list[int], positions: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.asarray(values)[positions] if values else np.empty(0)
