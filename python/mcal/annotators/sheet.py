"""CSV as people and their spreadsheets write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mcal.errors import AnnotatorError
from mcal.whole_file import whole_file

# A spreadsheet runs a cell that begins so as a formula: a file name must not become a command.
_FORMULA_STARTS = frozenset("=+-@＝＋－＠|%")


@dataclass(frozen=True)
class Row:
    """One line of a sheet, by column."""

    line: int  # where it begins, counted from 1
    cells: dict[str, str]  # trimmed


def safe_cell(text: str) -> str:
    """``text`` as one cell that no spreadsheet takes for a formula, in text that UTF-8 can hold."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"'{text}" if text.strip()[:1] in _FORMULA_STARTS and text.strip() else text


def write_sheet(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write ``path`` whole or not at all, with the mark by which Excel knows UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode("utf-8-sig"))


def write_whole(path: Path, data: bytes) -> None:
    """Write ``path`` so that a crash leaves the old file or the new one, never a part."""
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise AnnotatorError(f"{path}: cannot be written: {error}") from error


def read_sheet(path: Path, needed: tuple[str, ...]) -> list[Row]:
    """The lines of a CSV file that are not empty; ``each_row`` says what is understood."""
    return list(each_row(path, needed))


def each_row(path: Path, needed: tuple[str, ...]) -> Iterator[Row]:
    """The lines of a CSV file that are not empty, one after the other.

    Understood are commas, semicolons and tabs (whichever gives the columns needed), UTF-8 with or
    without its mark, UTF-16 with one, otherwise Windows-1252, every kind of line end, Excel's
    ``sep=;`` line, and column names in any case and order.

    Raises
    ------
    AnnotatorError
        One sentence: the file cannot be read, or a needed column is missing or there twice.
    """
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise AnnotatorError(f"{path.name}: cannot be read now: {error.strerror}") from error
    lines = io.StringIO(text, newline="")
    n_skipped, header = 0, ""
    for header in lines:
        n_skipped += 1
        if header.strip() and not header.lower().startswith("sep="):
            break
    delimiter = max(",;\t", key=lambda mark: len(set(needed) & set(_columns(header, mark))))
    columns = _columns(header, delimiter)
    for name in needed:
        if columns.count(name) != 1:
            found = "missing" if name not in columns else "there twice"
            raise AnnotatorError(
                f"{path.name}: column '{name}' is {found}: expected {', '.join(needed)}, "
                f"found {', '.join(filter(None, columns)) or 'nothing'}"
            )
    reader = csv.reader(lines, delimiter=delimiter)
    line = n_skipped + 1
    try:
        for cells in reader:
            trimmed = [cell.strip() for cell in cells]
            if any(trimmed):
                trimmed += [""] * (len(columns) - len(trimmed))
                yield Row(line, dict(zip(columns, trimmed, strict=False)))
            line = n_skipped + reader.line_num + 1
    except csv.Error as error:
        raise AnnotatorError(f"{path.name}, line {line}: {error}") from error


def _columns(header: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([header], delimiter=delimiter), [])
    return [cell.strip().casefold() for cell in cells]


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
