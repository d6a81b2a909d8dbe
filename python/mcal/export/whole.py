"""Files and folders that appear whole under their name, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mcal.errors import ExportError

__all__ = ["LIST_NAME", "NewFolder", "whole_file", "whole_folder"]

LIST_NAME = ".mcal-export"
"""In an exported folder: the paths of all files that the export put there, one a line."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the name ``path``, and its predecessor's place, at the end.

    ExportError when it cannot be written. What a killed process has left is called
    ``.NAME.PID.partial``.
    """
    partial = _partial(path)
    with _told(path):
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


class NewFolder:
    """A folder that is being filled; notes what is put there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._list = (path / LIST_NAME).open("w", encoding="utf-8", newline="\n")

    def put(self, name: str) -> Path:
        """The place for a file that is about to be written there as ``name``, with ``/``."""
        self.note(name)
        return self.path / name

    def note(self, name: str) -> None:
        """Remember a file that was written there by other means."""
        self._list.write(name + "\n")

    def close(self) -> None:
        """Nothing more is put there."""
        self._list.close()


@contextmanager
def whole_folder(path: Path) -> Iterator[NewFolder]:
    """A folder to fill that takes the name ``path`` at the end, as ``whole_file`` does.

    Only an empty folder and a former export are replaced, in which nobody has put or changed
    anything since.
    """
    with _told(path):
        path = Path(os.path.realpath(path))  # a link to a larger disk stays a link to it
        _check_replaceable(path)
        partial, former = _partial(path), _partial(path, "former")
        try:
            folder = NewFolder(partial)
            try:
                yield folder
            finally:
                folder.close()
            _check_replaceable(path)  # a file may have been put there meanwhile
            _replace(path, partial, former)
        finally:
            if partial.exists():
                shutil.rmtree(partial)


def _check_replaceable(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise ExportError(f"{path}: expected a folder to write, found a file")
    ours: set[str] = set()
    made_ns = 0
    if (path / LIST_NAME).is_file():
        with (path / LIST_NAME).open(encoding="utf-8") as file:
            ours = {LIST_NAME, *(line.rstrip("\n") for line in file)}
        made_ns = _changed_ns(path / LIST_NAME)  # the list is finished last
    for found in _files(path):
        if found not in ours:
            what = "files that no export put there"
        elif _changed_ns(path / found) > made_ns:
            what = "files that were changed since they were exported"
        else:
            continue
        raise ExportError(f"{path}: has {what} ({found}); they would be lost: give another folder")


def _changed_ns(file: Path) -> int:
    """When a file, or a link itself, was last written, moved here or otherwise touched."""
    status = file.lstat()
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _files(folder: Path) -> Iterator[str]:
    """Paths of all files below a folder, links included, with ``/``."""
    for above, folders, files in os.walk(folder):
        here = Path(above)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            yield (here / name).relative_to(folder).as_posix()


def _partial(path: Path, what: str = "partial") -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{what}")


def _replace(path: Path, new: Path, former: Path) -> None:
    """Two renames: no system swaps folders everywhere. The former one goes last."""
    if not path.exists():
        new.rename(path)
        return
    path.rename(former)
    try:
        new.rename(path)
    except OSError:
        former.rename(path)
        raise
    shutil.rmtree(former)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error
