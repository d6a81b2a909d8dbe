"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["partial_name", "whole_file"]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the name ``path``, and its predecessor's place, at the end.

    Who may read the predecessor may read the new one, and nobody else; a link stays one, and the
    file it leads to is written. When the file is there it is also on the disk. What a killed
    process has left is called ``.NAME.PID.partial``. OSError when it cannot be written, or is
    there and no file.
    """
    path = Path(os.path.realpath(path))
    mode, partial = _mode_of(path), partial_name(path)

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else mode)

    try:
        with open(partial, "wb", opener=opener) as file:
            if mode is not None:
                partial.chmod(mode)  # what the umask took
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def partial_name(path: Path, what: str = "partial") -> Path:
    """What a file or folder is called, beside its place, while it is made."""
    return path.with_name(f".{path.name}.{os.getpid()}.{what}")


def _mode_of(path: Path) -> int | None:
    """A file's permissions; None where there is none yet."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "expected a file, found a device or a pipe", str(path))
    return stat.S_IMODE(mode)
