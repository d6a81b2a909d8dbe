"""CSV and JSON lines, by the standard library."""

from __future__ import annotations

import csv
import io
import json
from functools import lru_cache
from json.encoder import encode_basestring
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
    for piece in rows.pieces():
        file.write("".join(_object(*row) for row in rows.tuples(piece)).encode("utf-8"))


def _object(
    index: int,
    item: str,
    label: str | None,
    source: str | None,
    confidence: float | None,
    round_: int | None,
    price_usd: float | None,
    model: str | None,
) -> str:
    # Spelled out, because a million dictionaries through an encoder take two and a half times as
    # long. Names, rounds and prices are few and repeat; items and confidences do not.
    return (
        f'{{"index": {index}, "item": {encode_basestring(item)}, "label": {_json(label)}, '
        f'"source": {_json(source)}, '
        f'"confidence": {"null" if confidence is None else repr(confidence)}, '
        f'"round": {_json(round_)}, "price_usd": {_json(price_usd)}, "model": {_json(model)}}}\n'
    )


@lru_cache(maxsize=100_000, typed=True)
def _json(cell: str | float | None) -> str:
    return json.dumps(cell, ensure_ascii=False)
