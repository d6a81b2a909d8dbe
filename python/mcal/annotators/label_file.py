"""Labels of a whole pool from one file: the truth for the oracle and for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL, IndexArray

from .class_names import ClassNames
from .sheet import read_sheet


def read_label_file(path: Path, classes: Sequence[str]) -> IndexArray:
    """Class numbers (N,) of items 0 to N - 1, NO_LABEL where none fits.

    Parameters
    ----------
    path : Path
        ``.npy`` with (N,) class numbers, or CSV with a column ``label`` of class names and, unless
        the rows are in pool order, a column ``index``.
    classes : sequence of str
        Names, (C,).

    Raises
    ------
    AnnotatorError
        The file cannot be read, a label is no class, or an item has none or two.
    """
    if path.suffix == ".npy":
        return _from_npy(path, len(classes))
    rows = read_sheet(path, ("label",))
    names = ClassNames(classes)
    labels: dict[int, int] = {}
    for position, row in enumerate(rows):
        place = f"{path.name}, line {row.line}"
        cell = row.cells.get("index", str(position))
        if not cell.isdecimal():
            raise AnnotatorError(f"{place}: expected an index, found '{cell}'")
        label = names.find(row.cells["label"])
        if label is None:
            raise AnnotatorError(f"{place}: {names.why_not(row.cells['label'])}")
        if int(cell) in labels:
            raise AnnotatorError(f"{place}: index {cell} is there twice")
        labels[int(cell)] = label
    missing = next((index for index in range(len(labels)) if index not in labels), None)
    if missing is not None or not labels:
        raise AnnotatorError(f"{path.name}: item {missing or 0} has no label")
    return np.array([labels[index] for index in range(len(labels))], np.int64)


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
