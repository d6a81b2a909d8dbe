"""Files and folders that appear whole under their name, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mcal.errors import ExportError
from mcal.whole_file import partial_name, whole_file

__all__ = ["LIST_NAME", "NewFolder", "exported_file", "whole_folder"]

LIST_NAME = ".mcal-export"
"""In an exported folder: the paths of all files that the export put there, one a line."""


@contextmanager
def exported_file(path: Path) -> Iterator[BinaryIO]:
    """``whole_file`` that raises ExportError when it cannot be written."""
    with _told(path), whole_file(path) as file:
        yield file


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
        partial, former = partial_name(path), partial_name(path, "former")
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
    our_folders = {str(above) for file in ours for above in PurePosixPath(file).parents}
    for found, is_folder in _entries(path):
        if is_folder:
            if found in our_folders:
                continue
            what = "folders that no export put there"
        elif found not in ours:
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


def _entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """Paths of all that is below a folder, with ``/``, and whether it is a folder and no link.

    What is in a folder comes before the folder.
    """
    for above, folders, files in os.walk(folder, topdown=False):
        here = Path(above)
        for name in (*files, *folders):
            path = here / name
            is_folder = path.is_dir() and not path.is_symlink()
            yield path.relative_to(folder).as_posix(), is_folder


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
