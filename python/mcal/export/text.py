"""CSV and JSON lines, by the standard library."""

from __future__ import annotations

import csv
import io
import json
from typing import BinaryIO

from .rows import COLUMNS, Rows

__all__ = ["write_csv", "write_jsonl"]


def write_csv(rows: Rows, file: BinaryIO) -> None:
    """UTF-8, a header, ``\\n`` at the end of lines, quotes where needed; empty cells are empty."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for piece in rows.pieces():
            writer.writerows(rows.tuples(piece))
    finally:
        text.detach()  # flushes, and leaves the file to its owner


def write_jsonl(rows: Rows, file: BinaryIO) -> None:
    """UTF-8, one object per line, keys in the order of the columns; empty cells are null."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    for piece in rows.pieces():
        lines = (encode(dict(zip(COLUMNS, row, strict=True))) for row in rows.tuples(piece))
        file.write("".join(f"{line}\n" for line in lines).encode("utf-8"))
