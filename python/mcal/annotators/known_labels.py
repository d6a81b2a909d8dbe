"""Labels of some items from one file: what people have said before a campaign."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mcal.errors import AnnotatorError
from mcal.manifest import read_augmented_manifest
from mcal.types import NO_LABEL, IndexArray, Source

from .class_names import ClassNames
from .parquet_rows import each_parquet_row, parquet_files
from .sheet import each_row, safe_cell

_PEOPLE = (Source.HUMAN, Source.AUDIT)
_KEYS = ("item", "index")  # what says which item a row is about: the first that a file has
_TWO_ITEMS = -1
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """People's labels of some items, and what else was in the file that they came from."""

    indices: IndexArray  # (K,) rising
    labels: IndexArray  # (K,) class numbers, or NO_LABEL
    file: Path | None = None
    sha256: str | None = None
    n_machine: int = 0  # labels of a machine: not taken
    n_elsewhere: int = 0  # people's labels of items that the pool does not have
    n_blank: int = 0  # rows without a label

    def words(self) -> str:
        """What was taken and what was left, for people."""
        left = (
            (self.n_machine, "that a machine gave"),
            (self.n_elsewhere, "of items that are not in the pool"),
            (self.n_blank, "not given yet"),
        )
        told = ", ".join(f"{n:,} {what}" for n, what in left if n)
        source = "" if self.file is None else f", from {self.file.name}"
        return f"{self.indices.size:,} labels are known{source}" + (
            f"; not taken: {told}" if told else ""
        )


class _Row(NamedTuple):
    """One row of any of the formats."""

    place: str  # for messages: file and line
    item: str  # its name, or an index
    label: str  # "" where there is none
    source: str | None  # None in a file that has no such column


def digest_of(path: Path) -> str:
    """SHA-256 of the bytes of a file, or of those of a data set's folder, in hexadecimal."""
    digest = hashlib.sha256()
    try:
        for part in parquet_files(path):
            with part.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    digest.update(piece)
        return digest.hexdigest()
    except OSError as error:
        raise AnnotatorError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_known_labels(
    path: Path, classes: Sequence[str], item_names: Callable[[], Sequence[str]]
) -> KnownLabels:
    """People's labels in a file, by the names of their items.

    Parameters
    ----------
    path : Path
        What ``mcal export`` writes: CSV, JSON lines (``.jsonl``), ``.parquet`` (needs pyarrow), an
        augmented manifest (``.manifest``, ``.jsonl``) or the folder for Hugging Face; or any CSV
        with the columns ``item`` and ``label``. Where a file has no ``item``, ``index`` says which.
        A manifest goes by the longest end of ``source-ref`` that names an item.
    classes : sequence of str
        Names, (C,).
    item_names : callable
        Gives the names of all items, (N,).

    Returns
    -------
    KnownLabels
        Rows with a ``source`` count when that is human or audit; where a file has no such column
        all do. A person's row without a label then says that no class fits, as it does in an
        export; without the column it says nothing.

    Raises
    ------
    AnnotatorError
        The file cannot be read; a row that counts has a label that is no class, or a name that two
        items share; two rows differ about an item; no row is about an item of the pool. The
        sentence names file and line.
    MissingExtraError
        pyarrow is not installed.
    """
    digest = digest_of(path)
    names = item_names()
    find = _finder(names)
    words = ClassNames(classes)
    known_words: dict[str, int] = {"": NO_LABEL}
    found: dict[int, tuple[int, str]] = {}
    n_machine = n_elsewhere = n_blank = 0
    by_index, rows = _rows(path)
    for row in rows:
        if row.source == Source.MACHINE:
            n_machine += 1
            continue
        if not row.label and not row.source:
            n_blank += 1
            continue
        if row.source is not None and row.source not in _PEOPLE:
            said = f"'{row.source}'" if row.source else "none"
            raise AnnotatorError(
                f"{row.place}: expected source human, audit or machine, found {said}"
            )
        index = _at(row.item, len(names)) if by_index else find(row.item)
        if index is None:
            n_elsewhere += 1
            continue
        if index == _TWO_ITEMS:
            raise AnnotatorError(f"{row.place}: two items of the pool may be called '{row.item}'")
        label = known_words.get(row.label)
        if label is None:
            label = words.find(row.label)
            if label is None:
                raise AnnotatorError(f"{row.place}: {words.why_not(row.label)}")
            known_words[row.label] = label
        first, place = found.setdefault(index, (label, row.place))
        if first != label:
            raise AnnotatorError(
                f"{row.place}: item '{names[index]}' has another label than in {place}"
            )
    if not found:
        left = n_machine + n_elsewhere + n_blank
        raise AnnotatorError(
            f"{path}: expected people's labels of items of the pool, found none in {left:,} rows "
            f"({n_machine:,} of a machine, {n_elsewhere:,} of items that are not in the pool, "
            f"{n_blank:,} without a label)"
        )
    indices = np.sort(np.fromiter(found, np.int64, len(found)))
    labels = np.array([found[index][0] for index in indices.tolist()], np.int64)
    return KnownLabels(indices, labels, path, digest, n_machine, n_elsewhere, n_blank)


def _finder(names: Sequence[str]) -> Callable[[str], int | None]:
    """From what a file may call an item to its index; ``_TWO_ITEMS`` where that means two."""
    indices: dict[str, int] = {}
    for index, name in enumerate(names):
        # Cells are trimmed, disguised where they look like formulas, and written as UTF-8.
        text = name.encode("utf-8", "backslashreplace").decode()
        for key in {name, text, text.strip(), safe_cell(text), safe_cell(text).strip()}:
            if indices.setdefault(key, index) != index:
                indices[key] = _TWO_ITEMS

    def find(item: str) -> int | None:
        index = indices.get(item)
        rest = item
        while index is None and "/" in rest and item.startswith(_ADDRESSES):
            rest = rest.partition("/")[2]
            index = indices.get(rest)
        return index

    return find


_ADDRESSES = ("s3://", "https://", "http://", "file://", "gs://")


def _at(item: str, n_pool: int) -> int | None:
    return int(item) if item.isdecimal() and int(item) < n_pool else None


def _rows(path: Path) -> tuple[bool, Iterator[_Row]]:
    """Whether rows say an index instead of a name, and the rows."""
    if path.suffix == ".manifest":
        return False, _of_manifest(path)
    if path.suffix == ".parquet" or path.is_dir():
        return _keyed(path, each_parquet_row(path, (*_KEYS, "label", "source")), "row")
    if path.suffix == ".jsonl":
        documents = _of_json_lines(path)
        first = next(documents, None)
        if first is not None and "source-ref" in first[1]:
            return False, _of_manifest(path)
        return _keyed(path, _of_json_lines(path), "line")
    sheet = ((row.line, row.cells) for row in each_row(path, ("label",)))
    return _keyed(path, sheet, "line")


def _keyed(
    path: Path, rows: Iterator[tuple[int, Mapping[str, Any]]], what: str
) -> tuple[bool, Iterator[_Row]]:
    """Rows of columns; all have those of the first."""
    first = next(rows, None)
    if first is None:
        raise AnnotatorError(f"{path}: expected labels, found no rows")
    columns = first[1]
    key = next((key for key in _KEYS if key in columns), None)
    if key is None or "label" not in columns:
        raise AnnotatorError(
            f"{path}: expected the columns 'item' (or 'index') and 'label', "
            f"found {', '.join(columns)}"
        )
    has_source = "source" in columns

    def each() -> Iterator[_Row]:
        yield read(first)
        yield from map(read, rows)

    def read(row: tuple[int, Mapping[str, Any]]) -> _Row:
        number, cells = row
        place = f"{path.name}, {what} {number}"
        item = _text(cells.get(key))
        if not item:
            raise AnnotatorError(f"{place}: expected the item under '{key}', found none")
        source = _text(cells.get("source")) if has_source else None
        return _Row(place, item, _text(cells.get("label")), source)

    return key == "index", each()


def _text(cell: object) -> str:
    return "" if cell is None or cell != cell else str(cell)


def _of_json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except ValueError as error:
            raise AnnotatorError(
                f"{path.name}, line {number}: no whole JSON object; was the file cut off?"
            ) from error
        if not isinstance(document, dict):
            raise AnnotatorError(f"{path.name}, line {number}: expected a JSON object")
        yield number, document


def _of_manifest(path: Path) -> Iterator[_Row]:
    lines, problems = read_augmented_manifest(_lines(path), place=path.name)
    if problems:
        raise AnnotatorError(problems[0].rstrip("."))
    for number, line in lines.items():
        is_machine = line.class_name is not None and line.is_human is False
        yield _Row(
            f"{path.name}, line {number}",
            line.source_ref,
            line.class_name or "",
            str(Source.MACHINE) if is_machine else None,
        )


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from file
    except (OSError, ValueError) as error:
        raise AnnotatorError(f"{path}: cannot be read as UTF-8 text: {error}") from error
