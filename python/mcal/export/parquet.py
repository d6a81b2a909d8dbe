"""Parquet, by pyarrow: strings that repeat are dictionary-encoded."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mcal.errors import MissingExtraError

from .rows import Columns, Rows

__all__ = ["write_parquet"]


def write_parquet(rows: Rows, file: BinaryIO) -> None:
    """``index`` int64, ``round`` int32, numbers float64, the rest strings; empty is null."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error

    names = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            pa.field("index", pa.int64(), nullable=False),
            pa.field("item", pa.string(), nullable=False),
            pa.field("label", names),
            pa.field("source", names),
            pa.field("confidence", pa.float64()),
            pa.field("round", pa.int32()),
            pa.field("price_usd", pa.float64()),
            pa.field("model", names),
        ]
    )

    def named(codes: npt.NDArray[Any], values: tuple[str, ...]) -> Any:
        positions = pa.array(codes, type=pa.int32(), mask=codes < 0)
        return pa.DictionaryArray.from_arrays(positions, pa.array(values, type=pa.string()))

    def numbers(values: npt.NDArray[np.float64]) -> Any:
        return pa.array(values, type=pa.float64(), mask=np.isnan(values))

    def record_batch(piece: Columns) -> Any:
        columns = [
            pa.array(np.arange(piece.first, piece.first + len(piece)), type=pa.int64()),
            pa.array(piece.items, type=pa.string()),
            named(piece.labels, rows.delivered.classes),
            named(piece.sources, rows.delivered.sources),
            numbers(piece.confidence),
            pa.array(piece.rounds, type=pa.int32(), mask=piece.rounds < 0),
            numbers(piece.price_usd),
            named(piece.models, rows.delivered.models),
        ]
        return pa.record_batch(columns, schema=schema)

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in rows.pieces():
            writer.write_batch(record_batch(piece))
