"""Reader of IDX files, the format of MNIST and its descendants."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcal.errors import PoolError

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array of bytes in an IDX file, gzipped or not (told by its first bytes).

    The format: two zero bytes, the type (8 = unsigned byte), the number of dimensions, each
    dimension as four bytes with the most significant first, then the values in C order.

    Raises
    ------
    PoolError
        The file is not there, is no IDX file of bytes, or is shorter or longer than it says.
    """
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP_MAGIC):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise PoolError(f"{path}: cannot be read: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTE or data[3] == 0:
        raise PoolError(
            f"{path}: not an IDX file of bytes: expected to begin with 00 00 08, "
            f"found {data[:3].hex(' ') or 'nothing'}"
        )
    n_dims = data[3]
    begin = 4 + 4 * n_dims
    if len(data) < begin:
        raise PoolError(f"{path}: truncated: expected {n_dims} dimensions, found the file's end")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", n_dims, offset=4))
    n_values = math.prod(shape)
    if len(data) - begin != n_values:
        verdict = "truncated" if len(data) - begin < n_values else "too long"
        raise PoolError(
            f"{path}: {verdict}: expected {n_values} values for shape {shape}, "
            f"found {len(data) - begin}"
        )
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape)
