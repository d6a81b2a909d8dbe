import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from mcal.errors import PoolError
from mcal.pools.idx import read_idx

VALUES = np.arange(24, dtype=np.uint8)
GOOD = struct.pack(">HBB3I", 0, 8, 3, 2, 3, 4) + VALUES.tobytes()
ZIPPED = gzip.compress(GOOD, mtime=0)  # the same bytes, and so the same test names, every second


@pytest.mark.parametrize("zipped", [False, True])
def test_reads_what_the_format_says(tmp_path: Path, zipped: bool) -> None:
    file = tmp_path / "x-idx3-ubyte"
    file.write_bytes(ZIPPED if zipped else GOOD)
    assert np.array_equal(read_idx(file), VALUES.reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an IDX file of bytes.*found nothing"),
        (b"\x89PNG\r\n", "not an IDX file of bytes.*found 89 50 4e"),
        (struct.pack(">HBBI", 0, 13, 1, 1) + b"\0" * 4, "not an IDX file of bytes"),
        (struct.pack(">HBB", 0, 8, 0), "not an IDX file of bytes"),
        (GOOD[:10], "truncated: expected 3 dimensions"),
        (GOOD[:-1], r"truncated: expected 24 values for shape \(2, 3, 4\), found 23"),
        (GOOD + b"\0", "too long: expected 24 values"),
        (ZIPPED[:-9], "cannot be read"),
        (b"\x1f\x8b not gzip", "cannot be read"),
        (struct.pack(">HBB4I", 0, 8, 4, *[2**32 - 1] * 4), "truncated"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(PoolError, match=f"broken: {words}"):
        read_idx(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PoolError, match="cannot be read") as caught:
        read_idx(tmp_path / "nothing")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
