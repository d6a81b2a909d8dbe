"""Labels of a whole pool from one file: the truth for the oracle and for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from mcal.errors import AnnotatorError
from mcal.manifest import ManifestLine, read_augmented_manifest
from mcal.types import NO_LABEL, IndexArray

from .class_names import ClassNames
from .sheet import Row, read_sheet, safe_cell


class LabelFile(NamedTuple):
    """What a file of labels says, and how its rows were taken to items."""

    labels: IndexArray  # (N,) class numbers, NO_LABEL where none fits
    matched_by: Literal["index", "item", "position"]


def read_label_file(
    path: Path, classes: Sequence[str], item_names: Callable[[], Sequence[str]]
) -> LabelFile:
    """Labels of items 0 to N - 1, each row taken by its ``index``, else by its ``item``.

    Parameters
    ----------
    path : Path
        CSV with a column ``label`` of class names and a column ``index`` or ``item``; a CSV with
        no other column than ``label``, and ``.npy`` with (N,) class numbers, are in pool order.
        An augmented manifest of SageMaker (``.manifest``, ``.jsonl``) goes by ``mcal-index`` where
        all its lines have one, else by the longest end of ``source-ref`` that names an item.
    classes : sequence of str
        Names, (C,).
    item_names : callable
        Gives the names of all items, (N,); called only for a file that goes by ``item``.

    Raises
    ------
    AnnotatorError
        The file cannot be read, a label is no class, a row's item is not known, an item has no
        row or two, or nothing says which item a row is about.
    """
    if path.suffix == ".npy":
        return LabelFile(_from_npy(path, len(classes)), "position")
    if path.suffix in (".manifest", ".jsonl"):
        return _from_manifest(path, ClassNames(classes), item_names)
    rows = read_sheet(path, ("label",))
    columns = list(rows[0].cells) if rows else ["label"]
    words = ClassNames(classes)
    if "index" in columns:
        return LabelFile(_by_index(path, rows, words), "index")
    if "item" in columns:
        return LabelFile(_by_item(path, rows, words, item_names()), "item")
    if columns != ["label"]:
        raise AnnotatorError(
            f"{path.name}: expected a column 'index' or 'item' that says which item a row is "
            f"about, or no other column than 'label', found {', '.join(columns)}"
        )
    if not rows:
        raise AnnotatorError(f"{path.name}: expected a label for each item, found no rows")
    return LabelFile(np.array([_label(path, row, words) for row in rows], np.int64), "position")


def _by_index(path: Path, rows: Sequence[Row], words: ClassNames) -> IndexArray:
    labels: dict[int, int] = {}
    for row in rows:
        cell = row.cells["index"]
        if not cell.isdecimal():
            raise AnnotatorError(f"{_place(path, row)}: expected an index, found '{cell}'")
        if int(cell) in labels:
            raise AnnotatorError(f"{_place(path, row)}: index {cell} is there twice")
        labels[int(cell)] = _label(path, row, words)
    missing = next((index for index in range(len(labels)) if index not in labels), None)
    if missing is not None:
        raise AnnotatorError(f"{path.name}: item {missing} has no label")
    return np.array([labels[index] for index in range(len(labels))], np.int64)


def _by_item(
    path: Path, rows: Sequence[Row], words: ClassNames, names: Sequence[str]
) -> IndexArray:
    # Cells are trimmed, and those that look like formulas are disguised in the sheets people got.
    indices = {key: i for i, name in enumerate(names) for key in (name.strip(), safe_cell(name))}
    labels: dict[int, int] = {}
    for row in rows:
        index = indices.get(row.cells["item"])
        if index is None:
            raise AnnotatorError(
                f"{_place(path, row)}: no item of the pool is called '{row.cells['item']}'"
            )
        if index in labels:
            raise AnnotatorError(f"{_place(path, row)}: item '{names[index]}' is there twice")
        labels[index] = _label(path, row, words)
    missing = [name for index, name in enumerate(names) if index not in labels]
    if missing:
        raise AnnotatorError(
            f"{path.name}: expected a label for each of {len(names):,} items, found none for "
            f"{len(missing):,} of them, '{missing[0]}' among them"
        )
    return np.array([labels[index] for index in range(len(names))], np.int64)


def _from_manifest(
    path: Path, words: ClassNames, item_names: Callable[[], Sequence[str]]
) -> LabelFile:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise AnnotatorError(f"{path}: cannot be read as a manifest: {error}") from error
    lines, problems = read_augmented_manifest(text.split("\n"), place=path.name)
    if problems:
        raise AnnotatorError(problems[0].rstrip("."))
    by_index = all(line.index is not None for line in lines.values())
    names = [] if by_index else list(item_names())
    known = {name: index for index, name in enumerate(names)}
    labels: dict[int, int] = {}
    for number, line in lines.items():
        place = f"{path.name}, line {number}"
        index = line.index if by_index else _named_by(line, known)
        if index is None:
            raise AnnotatorError(f"{place}: no item of the pool is called '{line.source_ref}'")
        if index in labels:
            raise AnnotatorError(f"{place}: item '{line.source_ref}' is there twice")
        label = words.find(line.class_name or "")
        if label is None:
            raise AnnotatorError(f"{place}: {words.why_not(line.class_name or '')}")
        labels[index] = label
    n_items = len(names) or len(labels)
    missing = next((index for index in range(n_items) if index not in labels), None)
    if missing is not None or not labels:
        raise AnnotatorError(f"{path.name}: item {missing or 0} has no label")
    whole = np.array([labels[index] for index in range(n_items)], np.int64)
    return LabelFile(whole, "index" if by_index else "item")


def _named_by(line: ManifestLine, known: dict[str, int]) -> int | None:
    rest = line.source_ref
    while rest not in known:
        _, slash, rest = rest.partition("/")
        if not slash:
            return None
    return known[rest]


def _label(path: Path, row: Row, words: ClassNames) -> int:
    label = words.find(row.cells["label"])
    if label is None:
        raise AnnotatorError(f"{_place(path, row)}: {words.why_not(row.cells['label'])}")
    return label


def _place(path: Path, row: Row) -> str:
    return f"{path.name}, line {row.line}"


def _from_npy(path: Path, n_classes: int) -> IndexArray:
    try:
        labels = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AnnotatorError(f"{path}: cannot be read as a .npy file: {error}") from error
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not labels.size:
        raise AnnotatorError(
            f"{path}: expected integers of shape (N,), found {labels.dtype} {labels.shape}"
        )
    if labels.min() < NO_LABEL or labels.max() >= n_classes:
        raise AnnotatorError(
            f"{path}: expected {NO_LABEL} <= label < {n_classes}, "
            f"found {labels.min()} to {labels.max()}"
        )
    return np.asarray(labels, np.int64)
