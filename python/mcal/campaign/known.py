"""Labels that a campaign begins with: where they come from, and how they are recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotators import KnownLabels, read_known_labels
from ..settings import Settings
from ..store import KNOWN, Store
from ..types import NO_LABEL, IndexArray, Pool, Purpose

__all__ = ["KnownPairs", "known_labels", "known_to_train", "record_known", "recorded_known"]

KnownPairs = tuple[npt.ArrayLike, npt.ArrayLike]
"""Indices and labels, (K,) each."""


def known_labels(given: KnownPairs | None, pool: Pool, settings: Settings) -> KnownLabels:
    """The labels given, or those in the file that the settings name, or none.

    Raises
    ------
    ValueError
        Both are there; or an index or label is out of range, or an item is given two labels.
    AnnotatorError
        The file does not make sense; see ``read_known_labels``.
    """
    file = settings.labels.known
    if given is None and file is not None:
        return read_known_labels(
            file, pool.classes, lambda: [pool.item_name(index) for index in range(pool.n_pool)]
        )
    if given is None:
        return KnownLabels(np.empty(0, np.int64), np.empty(0, np.int64))
    if file is not None:
        raise ValueError(f"known: expected none beside settings.labels.known = {file}, found some")
    indices, labels = (_whole_numbers(values) for values in given)
    if indices.shape != labels.shape:
        raise ValueError(f"known: expected a label for each index, found {labels.size:,}")
    for name, values, low, end in (
        ("index", indices, 0, pool.n_pool),
        ("label", labels, NO_LABEL, len(pool.classes)),
    ):
        outside = values[(values < low) | (values >= end)]
        if outside.size:
            raise ValueError(f"known: expected {low} <= {name} < {end}, found {outside[0]}")
    items, first = np.unique(indices, return_index=True)
    differing = indices[labels[first][np.searchsorted(items, indices)] != labels]
    if differing.size:
        raise ValueError(f"known: expected one label an item, found two for {differing[0]}")
    return KnownLabels(items, labels[first])


def known_to_train(known: KnownLabels, pool: Pool) -> npt.NDArray[np.bool_]:
    """(K,) which labels a model can be trained on: of a class, and of an item it can read."""
    broken = np.fromiter(pool.broken(), dtype=np.int64)
    usable: npt.NDArray[np.bool_] = (known.labels != NO_LABEL) & ~np.isin(known.indices, broken)
    return usable


def record_known(store: Store, known: KnownLabels, usable: npt.NDArray[np.bool_]) -> None:
    """Record labels as bought, for nothing, and told; ``usable`` ones in B, the others beside it.

    Nobody is asked for them afterwards, because an item is in one batch only.
    """
    if not known.indices.size:
        return
    words = known.words()
    for purpose, chosen in ((Purpose.TRAIN, usable), (Purpose.REST, ~usable)):
        if not chosen.any():
            continue
        batch = store.add_batch(
            purpose=purpose,
            round=0,
            indices=known.indices[chosen],
            selection=KNOWN,
            engine="none",
            price_per_label=0.0,
            reason=words,
        )
        store.tell(batch.batch_id, known.indices[chosen], known.labels[chosen])
    store.add_action(
        round=0,
        name=KNOWN,
        reason=words,
        details={
            "n_known": known.indices.size,
            "n_machine": known.n_machine,
            "n_elsewhere": known.n_elsewhere,
            "n_blank": known.n_blank,
            "sha256": known.sha256,
        },
    )


def recorded_known(store: Store) -> Mapping[str, Any] | None:
    """The details of what ``record_known`` recorded; None where nothing was known."""
    return next((act.details for act in store.actions() if act.name == KNOWN), None)


def _whole_numbers(values: npt.ArrayLike) -> IndexArray:
    array = np.asarray(values)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(
            f"known: expected one dimension of integers, found {array.dtype} {array.shape}"
        )
    return array.astype(np.int64)
