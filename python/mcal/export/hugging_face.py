"""A folder that Hugging Face's ``datasets`` loads; written by pyarrow alone."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from mcal.errors import MissingExtraError
from mcal.store import CampaignSummary

from .card import TYPES, data_set_card, features_json
from .items import Items
from .rows import COLUMNS, Columns, Rows
from .whole import NewFolder

__all__ = ["write_hugging_face"]

_GROUP_BYTES = 32_000_000  # of images held in memory, and read at once by who takes one of them
_SHARD_BYTES = 400_000_000
_PIECE = 4_096


def write_hugging_face(
    rows: Rows, items: Items, folder: NewFolder, summary: CampaignSummary, mcal_version: str
) -> None:
    """``data/train-*.parquet`` and a card, ``README.md``.

    Images lie in the files as bytes: the pool's own files untouched, or PNGs; null where an item
    cannot be read. ``label`` is a class number and null where there is none.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error

    with_images = items.have_pictures
    classes = rows.delivered.classes
    fields = [pa.field("label", pa.int64())]
    fields += [pa.field(name, getattr(pa, kind)()) for name, kind in TYPES.items()]
    compression = dict.fromkeys(COLUMNS, "zstd")
    if with_images:
        fields.insert(0, pa.field("image", pa.struct([("bytes", pa.binary()), ("path", "string")])))
        compression |= {"image.bytes": "none", "image.path": "zstd"}  # they are compressed already
    metadata = {"huggingface": features_json(classes, with_images=with_images)}
    schema = pa.schema(fields, metadata=metadata)

    def table(piece: Columns, images: list[bytes | None]) -> Any:
        columns = dict(zip(COLUMNS, zip(*rows.tuples(piece), strict=True), strict=True))
        labels = piece.labels.astype(np.int64)
        arrays = [pa.array(labels, mask=labels < 0)]
        arrays += [pa.array(columns[name], type=schema.field(name).type) for name in TYPES]
        if with_images:
            data = pa.array(images, type=pa.binary())
            names = pa.array(piece.items, type=pa.string())
            unreadable = pa.array([image is None for image in images])
            parts = pa.StructArray.from_arrays([data, names], ["bytes", "path"], mask=unreadable)
            arrays.insert(0, parts)
        return pa.Table.from_arrays(arrays, schema=schema)

    (folder.path / "data").mkdir()
    digest = hashlib.sha256()
    n_shards = n_bytes = 0
    with ExitStack() as shard:
        writer = None
        for piece, images in _groups(rows, items):
            if writer is None or n_bytes >= _SHARD_BYTES:
                shard.close()
                file = _Hashed(folder.path / "data" / str(n_shards), digest)
                shard.callback(file.close)
                writer = shard.enter_context(
                    pq.ParquetWriter(
                        file, schema, compression=compression, use_dictionary=["source", "model"]
                    )
                )
                n_shards, n_bytes = n_shards + 1, 0
            writer.write_table(table(piece, images), row_group_size=len(piece))
            n_bytes += sum(len(image) for image in images if image is not None)
    for number in range(n_shards):
        named = folder.put(f"data/train-{number:05d}-of-{n_shards:05d}.parquet")
        (folder.path / "data" / str(number)).rename(named)
    card = data_set_card(
        summary,
        classes,
        with_images=with_images,
        mcal_version=mcal_version,
        digest=digest.hexdigest(),
    )
    folder.put("README.md").write_text(card, encoding="utf-8", newline="\n")


class _Hashed(io.FileIO):
    """A new file, hashed as it is written: it may be too large to be read again."""

    def __init__(self, path: Path, digest: hashlib._Hash) -> None:
        super().__init__(path, "xb")
        self._digest = digest

    def write(self, data: Any) -> int:
        whole = memoryview(data).cast("B")
        begin = 0
        while begin < len(whole):  # a system may take less than it is given
            begin += super().write(whole[begin:])
        self._digest.update(whole)
        return begin


def _groups(rows: Rows, items: Items) -> Iterator[tuple[Columns, list[bytes | None]]]:
    """Rows with their images, cut where these become too many bytes; none for other pools."""
    if not items.have_pictures:
        for piece in rows.pieces():
            yield piece, []
        return
    for piece in rows.pieces(_PIECE):
        begin, images, n_bytes = 0, list[bytes | None](), 0
        for position in range(len(piece)):
            image = items.image(piece.first + position)
            images.append(image)
            n_bytes += len(image or b"")
            if n_bytes >= _GROUP_BYTES:
                yield piece.part(begin, position + 1), images
                begin, images, n_bytes = position + 1, [], 0
        if images:
            yield piece.part(begin, len(piece)), images
