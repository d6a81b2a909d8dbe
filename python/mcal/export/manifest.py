"""An augmented manifest, as SageMaker reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from mcal.manifest import ManifestLine, none_of_these, write_augmented_manifest
from mcal.types import Source

from .rows import Rows

__all__ = ["write_manifest"]


def write_manifest(rows: Rows, file: BinaryIO) -> None:
    """UTF-8, one object per line; an item without a label yet has only its address and index."""
    for line in write_augmented_manifest(_lines(rows)):
        file.write(line.encode("utf-8"))


def _lines(rows: Rows) -> Iterator[ManifestLine]:
    classes = rows.delivered.classes
    categories = (*classes, none_of_these(classes))
    machine = rows.delivered.source_code(Source.MACHINE)
    for piece in rows.pieces():
        columns = zip(
            piece.items,
            piece.labels.tolist(),
            piece.sources.tolist(),
            piece.confidence.tolist(),
            strict=True,
        )
        for index, (item, label, source, margin) in enumerate(columns, start=piece.first):
            if source < 0:
                yield ManifestLine(item, index)
                continue
            label %= len(categories)  # no class fits: -1, the last category
            yield ManifestLine(
                source_ref=item,
                index=index,
                class_name=categories[label],
                label=label,
                confidence=margin if source == machine else 0.0,
                is_human=source != machine,
                created=rows.created_at,
                job="mcal",
            )
