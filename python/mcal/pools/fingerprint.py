"""Is this the pool that the campaign began with? One sha256 that says so in every process.

It covers the shape, the dtype, the classes, every name and, for files, every size. Of the content
it covers everything up to 256 MiB of array, or 4,096 files of 64 MiB together, and beyond that a
fixed, evenly spaced sample with the first and the last item, so that millions take seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.types import IndexArray

_FULL_ARRAY_BYTES = 1 << 28
_FULL_FILES = 4096
_FULL_FILES_BYTES = 1 << 26
_SAMPLED_ROWS = 4096
_SAMPLED_FILES = 1024
_CHUNK_BYTES = 1 << 23


def array_fingerprint(
    array: npt.NDArray[Any], classes: tuple[str, ...], names: Sequence[str] | None
) -> str:
    """Hexadecimal sha256 of an array of items, row by row; the same for a map of the same file."""
    digest = hashlib.sha256(_header("array", array.shape, array.dtype.str, classes))
    digest.update(_names_digest(names or ()))
    n_pool = len(array)
    if array.nbytes <= _FULL_ARRAY_BYTES:
        step = max(1, _CHUNK_BYTES // max(1, array.nbytes // max(1, n_pool)))
        for start in range(0, n_pool, step):
            digest.update(np.ascontiguousarray(array[start : start + step]).data)
    else:
        for index in _evenly_spaced(n_pool, _SAMPLED_ROWS):
            digest.update(np.ascontiguousarray(array[index]).data)
    return digest.hexdigest()


def files_fingerprint(
    root: Path,
    names: Sequence[str],
    sizes: IndexArray,
    classes: tuple[str, ...],
    shape: tuple[int, ...],
) -> str:
    """Hexadecimal sha256 of the files ``names`` under ``root``; where ``root`` lies is left out."""
    digest = hashlib.sha256(_header("files", shape, "|u1", classes))
    digest.update(_names_digest(names))
    digest.update(sizes.astype("<i8").data)
    small = len(names) <= _FULL_FILES and np.maximum(sizes, 0).sum() <= _FULL_FILES_BYTES
    for index in _evenly_spaced(len(names), len(names) if small else _SAMPLED_FILES):
        digest.update(_content_digest(root / names[index]))
    return digest.hexdigest()


def _header(kind: str, shape: tuple[int, ...], dtype: str, classes: tuple[str, ...]) -> bytes:
    return json.dumps([kind, shape, dtype, classes]).encode()


def _names_digest(names: Sequence[str]) -> bytes:
    return hashlib.sha256(b"\0".join(map(os.fsencode, names))).digest()


def _content_digest(path: Path) -> bytes:
    """Of an unreadable file: the digest of nothing; its name and size still count."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return hashlib.sha256().digest()


def _evenly_spaced(n_pool: int, n_sampled: int) -> list[int]:
    count = min(n_pool, n_sampled)
    return [position * (n_pool - 1) // max(1, count - 1) for position in range(count)]
