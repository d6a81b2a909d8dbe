"""Rows of Parquet files: a table of ours or of anybody, and the data sets of Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mcal.errors import AnnotatorError, MissingExtraError

__all__ = ["each_parquet_row", "parquet_files"]


def parquet_files(path: Path) -> list[Path]:
    """The file, or those of an exported data set's folder, in its order."""
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("data/*.parquet"))
    if not files:
        raise AnnotatorError(
            f"{path}: cannot be read: expected a file, or a folder with data/*.parquet"
        )
    return files


def each_parquet_row(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Row numbers from 1, through all files of ``path``, and those of the columns that are there.

    A ``label`` that ``datasets`` calls a class is a number in the file: its name comes back.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error
    number = 0
    for part in parquet_files(path):
        try:
            with pq.ParquetFile(part) as file:
                there = [name for name in columns if name in file.schema.names]
                name_of = _class_names(part, file.schema_arrow.metadata or {})
                for piece in file.iter_batches(columns=there):
                    for row in piece.to_pylist():
                        number += 1
                        if name_of is not None:
                            row["label"] = name_of(number, row.get("label"))
                        yield number, row
        except (OSError, pa.ArrowException) as error:
            raise AnnotatorError(f"{part}: cannot be read as Parquet: {error}") from error


def _class_names(
    path: Path, metadata: Mapping[bytes, bytes]
) -> Callable[[int, int | None], str | None] | None:
    """From a row's number and label to the name of its class; None where labels are no numbers."""
    try:
        known = json.loads(metadata.get(b"huggingface", b"{}"))
        label = known.get("info", {}).get("features", {}).get("label", {})
        if label.get("_type") != "ClassLabel":
            return None
        names = [str(name) for name in label["names"]]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise AnnotatorError(
            f"{path}: cannot be read: the names of its classes are not what `datasets` writes"
        ) from error

    def name_of(number: int, label: int | None) -> str | None:
        if label is None or label == -1:  # of `datasets`: not known
            return None
        if not 0 <= label < len(names):
            raise AnnotatorError(
                f"{path.name}, row {number}: expected a class number below {len(names)}, "
                f"found {label}"
            )
        return names[label]

    return name_of
