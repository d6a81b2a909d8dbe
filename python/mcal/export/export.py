"""Write the labelled pool to a file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from mcal.errors import ExportError
from mcal.store import Store

from .manifest import write_manifest
from .parquet import write_parquet
from .rows import read_rows
from .text import write_csv, write_jsonl

__all__ = ["ExportFormat", "export"]

ExportFormat = Literal["csv", "parquet", "jsonl", "manifest"]

_WRITERS = {
    "csv": write_csv,
    "parquet": write_parquet,
    "jsonl": write_jsonl,
    "manifest": write_manifest,
}


def export(
    store: Store,
    path: Path,
    format: ExportFormat = "csv",
    *,
    item_name: Callable[[int], str],
) -> None:
    """Write one row per item of the pool, by ascending index; the same store gives the same bytes.

    Columns: ``index``; ``item``; ``label``, the name of its class; ``source``, human, audit or
    machine; ``confidence``, the machine's margin in [0, 1], empty for people; ``round``;
    ``price_usd``, what this label cost; ``model``, the classifier that gave it, empty for people.
    An item without a label yet has only ``index`` and ``item``; one that no class fits has no
    ``label``.

    Text is written as it is. A CSV file for programs must read back what was put in, so a name
    that begins with ``=``, ``+``, ``-`` or ``@`` is not disguised: import such a file into a
    spreadsheet as text if strangers named the items.

    Parameters
    ----------
    store : Store
        Of a finished campaign or a running one; read at one moment.
    path : Path
        The file; replaced when it exists, and only once everything is written.
    format : "csv", "parquet", "jsonl" or "manifest"
        Parquet needs the extra ``mcal[parquet]``. A manifest is SageMaker's augmented one: it has
        no rounds, prices and models, and "none of these" as a class of its own.
    item_name : callable
        Gives the name for an index: ``pool.item_name``; for a manifest its ``source-ref``.

    Raises
    ------
    ExportError
        The file cannot be written.
    MissingExtraError
        pyarrow is not installed.
    """
    if format not in _WRITERS:
        raise ValueError(f"format: expected one of {get_args(ExportFormat)}, found {format!r}")
    rows = read_rows(store, item_name)
    with _whole_file(path) as file:
        _WRITERS[format](rows, file)


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error
