"""Labels by CSV: a file goes out, people fill it in, in parts and copies as they like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mcal.errors import AnnotatorError
from mcal.types import Answers, Batch

from .class_names import ClassNames, as_number, folded
from .sheet import Row, read_sheet, safe_cell, write_sheet, write_whole

_COLUMNS = ("index", "item", "label")
_BATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_PROBLEMS = 100

_README = """\
How to label
============

1. Every CSV file in the folder "todo" is a batch of items to label.
2. Write a class into the column "label" of each row. Leave the columns "index" and "item" alone.
   The order of the rows does not matter.
3. Save the file where it is, or save it, or parts of it, into the folder "done" under a name that
   begins with the name of the batch: several people can share a batch. Keep the CSV format.
4. A row without a label means "not yet". Where none of the classes fits, write: {no_label}

The classes:

{classes}
"""


class FilesAnnotator:
    """Orders labels by writing ``todo/<batch_id>.csv`` and reads whatever has been filled in.

    Files named ``<batch_id>*.csv`` in ``todo`` and ``done`` are read; each row is taken by its
    index, and only if its item is the one ordered under that index, so rows never land on another
    item whatever is sorted, cut or copied. Where two rows differ about an item neither is taken;
    the rest is, and each problem is one sentence with file and line; rows that repeat a label are
    counted once, with one sentence for each file. Nothing that people have
    written is ever changed or deleted.

    Parameters
    ----------
    folder : Path
        Made when missing. ``.orders`` in it remembers what was ordered. Two campaigns may share a
        folder as long as their batch ids differ; a clash raises AnnotatorError.
    """

    name = "files"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._todo = folder / "todo"
        self._done = folder / "done"
        self._orders = folder / ".orders"

    def sheet(self, batch_id: str) -> Path:
        """Where people find the sheet of a batch, or one of its parts once it has been moved."""
        ordered = self._todo / f"{batch_id}.csv"
        return ordered if ordered.exists() else next(iter(self._files_of(batch_id)[0]), ordered)

    def to_do(self, missing: Mapping[str, int]) -> list[str]:
        """Which sheets wait."""
        return [
            "write a class into each row of",
            *(
                f"  {self.sheet(batch_id)}  (rows without a label: {n_missing:,})"
                for batch_id, n_missing in missing.items()
            ),
        ]

    def submit(self, batch: Batch) -> str:
        """Write the sheet, unless this batch was ordered before; the ticket is the batch's id.

        Raises
        ------
        ValueError
            The id cannot be the name of a file.
        AnnotatorError
            The folder cannot be written, or another batch was ordered under this id.
        """
        if not _BATCH_ID.fullmatch(batch.batch_id):
            raise ValueError(
                "batch_id: expected letters, digits, dots, dashes and underscores, "
                f"found {batch.batch_id!r}"
            )
        try:
            for folder in (self._todo, self._done, self._orders):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AnnotatorError(f"{self._folder}: cannot be made: {error}") from error
        names = ClassNames(batch.classes)
        rows = [
            (str(index), safe_cell(item), "")
            for index, item in zip(batch.indices.tolist(), batch.item_names, strict=True)
        ]
        order = self._orders / f"{batch.batch_id}.csv"
        if not order.exists():
            write_sheet(order, _COLUMNS, rows)
        elif not _same_order(read_sheet(order, _COLUMNS), rows):
            raise AnnotatorError(
                f"{self._folder}: another batch was ordered as {batch.batch_id}; "
                "give each campaign a folder of its own"
            )
        if not self._files_of(batch.batch_id)[0]:
            listed = "\n".join(f"    {name}" for name in batch.classes)
            readme = _README.format(no_label=names.no_label, classes=listed)
            write_whole(self._folder / "README.txt", readme.encode())
            write_sheet(self._todo / order.name, _COLUMNS, rows)
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """The labels found so far, in the batch's order; complete when no item lacks one.

        Raises
        ------
        AnnotatorError
            The batch was never ordered here, or its folder is gone.
        """
        if ticket != batch.batch_id or not (self._orders / f"{ticket}.csv").exists():
            raise AnnotatorError(f"{self._folder}: knows no order {ticket}; was it moved?")
        files, problems = self._files_of(batch.batch_id)
        reading = _Reading(batch, problems=problems)
        for file in files:
            reading.add(file)
        return reading.answers()

    def _files_of(self, batch_id: str) -> tuple[list[Path], list[str]]:
        """Files that belong to a batch, and sentences about files that nobody will read.

        A file belongs to the batch with the longest id that its name begins with: ``b-10.csv`` is
        not a part of ``b-1``.
        """
        ordered = [file.stem for file in self._orders.glob("*.csv")]
        mine: list[Path] = []
        problems: list[str] = []
        for file in sorted([*self._todo.glob("*"), *self._done.glob("*")]):
            place = f"{file.parent.name}/{file.name}"
            if file.name.startswith((".", "~")) or not file.is_file():
                continue
            owner = max(
                (name for name in ordered if file.name.startswith(name)), key=len, default=""
            )
            if file.suffix.lower() != ".csv":
                if owner in ("", batch_id):
                    problems.append(f"{place}: not read: save it as CSV.")
            elif owner == batch_id:
                mine.append(file)
            elif not owner:
                problems.append(f"{place}: not read: let its name begin with the batch's.")
        return mine, problems


@dataclass
class _Reading:
    """What the files of one batch say, gathered row by row."""

    batch: Batch
    problems: list[str]
    said: dict[int, dict[int, str]] = field(default_factory=dict)  # index -> label -> where

    def __post_init__(self) -> None:
        self._names = ClassNames(self.batch.classes)
        indices = self.batch.indices.tolist()
        self._items = dict(zip(indices, self.batch.item_names, strict=True))

    def add(self, file: Path) -> None:
        folder, name = file.parent.name, file.name
        try:
            rows = read_sheet(file, _COLUMNS)
        except AnnotatorError as error:
            self.problems.append(f"{folder}/{error}.")
            return
        n_repeated = sum(
            self._add_row(row, f"{folder}/{name}, line {row.line}")
            for row in rows
            if row.cells["label"]
        )
        if n_repeated:
            self.problems.append(
                f"{folder}/{name}: labels that another row gives as well: {n_repeated:,}; "
                "counted once."
            )

    def _add_row(self, row: Row, place: str) -> bool:
        """Whether the row says once more what is known."""
        number = as_number(row.cells["index"])
        index = int(number) if number is not None and number.is_integer() else None
        if index is None or index not in self._items:
            self.problems.append(
                f"{place}: no item of batch {self.batch.batch_id} has index "
                f"'{row.cells['index']}'; not taken."
            )
        elif not _same_cell(row.cells["item"], self._items[index]):
            self.problems.append(
                f"{place}: index {index} is item '{self._items[index]}', "
                f"not '{row.cells['item']}'; not taken."
            )
        elif (label := self._names.find(row.cells["label"])) is None:
            self.problems.append(f"{place}: {self._names.why_not(row.cells['label'])}; not taken.")
        else:
            found = self.said.setdefault(index, {})
            is_repeated = label in found
            found.setdefault(label, place)
            return is_repeated
        return False

    def answers(self) -> Answers:
        agreed: dict[int, int] = {}
        for index in self.batch.indices.tolist():
            match list(self.said.get(index, {}).items()):
                case []:
                    pass
                case [(label, _)]:
                    agreed[index] = label
                case [(first, here), (second, there), *_]:
                    self.problems.append(
                        f"{there}: '{self._word(second)}' for item '{self._items[index]}', "
                        f"but '{self._word(first)}' in {here}; neither taken."
                    )
        n_left_out = len(self.problems) - _MOST_PROBLEMS
        if n_left_out > 0:
            self.problems[_MOST_PROBLEMS:] = [f"{n_left_out:,} more problems of this kind."]
        return Answers(
            indices=np.fromiter(agreed.keys(), np.int64, len(agreed)),
            labels=np.fromiter(agreed.values(), np.int64, len(agreed)),
            complete=len(agreed) == len(self._items),
            problems=tuple(self.problems),
        )

    def _word(self, label: int) -> str:
        return self._names.no_label if label < 0 else self._names.classes[label]


def _same_order(found: list[Row], rows: list[tuple[str, str, str]]) -> bool:
    return len(found) == len(rows) and all(
        row.cells["index"] == index and _same_cell(row.cells["item"], item)
        for row, (index, item, _) in zip(found, rows, strict=True)
    )


def _same_cell(found: str, item: str) -> bool:
    """Whether a cell still names the item, after what spreadsheets do to cells."""
    if found == item or folded(found) in (folded(item), folded(safe_cell(item))):
        return True
    number = as_number(found)
    return number is not None and number == as_number(item)
