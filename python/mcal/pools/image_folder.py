"""A folder of image files as a pool: listed, checked once, decoded when asked for."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcal.errors import PoolError
from mcal.types import IndexArray, Picture, Progress, no_progress

from .checks import checked_classes, checked_index, checked_indices
from .fingerprint import files_fingerprint
from .threads import in_threads

_NO_IMAGES_OF_ANYONE = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
# Calling a sound file broken for one of these would send it to people, and the cache would keep it.
_NOT_THE_FILE_S_FAULT = frozenset(
    {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT}
)
_VERIFY_CHUNK = 64
_READ_CHUNK = 8


class ImageFolderPool:
    """Every file below a folder, in any format that Pillow reads, as RGB squares.

    Nothing is dropped silently: a file that is damaged, empty, no image at all or larger than
    Pillow's limit stays an item, with the reason in ``broken()``, and reads as a black square.
    How a file becomes a square: ``decode.decode_image``.

    Parameters
    ----------
    path : Path
        The folder.
    classes : sequence of str
        At least two different names.
    image_size : int
        Height and width of what ``read`` gives, >= 1.
    files : sequence of str, optional
        Paths below ``path`` with forward slashes; default: ``list_files(path)``.
    cache : Path, optional
        Folder to keep the verdicts of the check in; the next opening of the same files, unchanged
        in name, size and time, skips the check.
    progress : callable
        Told about the check.

    Raises
    ------
    PoolError
        The folder is not there or holds no file, or the system, not a file, fails while checking.
    ValueError
        Classes or image_size that do not fit.
    MissingExtraError
        Pillow is not installed.

    Notes
    -----
    Opening decodes every file once, on all cores, at the smallest scale its format offers. In
    memory stay the paths and the reasons; a million files take about 0.2 GB.
    """

    kind = "images"

    def __init__(
        self,
        path: Path,
        classes: Sequence[str],
        image_size: int = 224,
        *,
        files: Sequence[str] | None = None,
        cache: Path | None = None,
        progress: Progress = no_progress,
    ) -> None:
        from . import decode  # Pillow only when a folder is opened

        if image_size < 1:
            raise ValueError(f"image_size: expected >= 1, found {image_size}")
        self.classes = checked_classes(classes)
        self._decode = decode
        self._root = Path(path)
        self._files = list_files(self._root) if files is None else list(files)
        if not self._files:
            raise PoolError(f"{path}: expected image files, found none")
        self.n_pool = len(self._files)
        self._size = image_size
        state = np.array([_file_state(self._path(index)) for index in range(self.n_pool)])
        shape = (self.n_pool, image_size, image_size, 3)
        self.fingerprint = files_fingerprint(
            self._root, self._files, state[:, 0], self.classes, shape
        )
        self._broken = self._known_verdicts(state, cache, progress)

    def read(self, indices: IndexArray) -> npt.NDArray[np.uint8]:
        """A fresh (K, size, size, 3) uint8 array; broken items are black.

        PoolError when a file that was sound at opening cannot be read any more.
        """
        rows = checked_indices(indices, self.n_pool)
        images = np.zeros((len(rows), self._size, self._size, 3), np.uint8)

        def fill(positions: range) -> None:
            for position in positions:
                index = int(rows[position])
                if index in self._broken:
                    continue
                path = self._path(index)
                try:
                    images[position] = self._decode.decode_image(path, self._size)
                except Exception as error:
                    reason = self._decode.unreadable_because(error, path)
                    raise PoolError(
                        f"{path}: sound at opening, unreadable now: {reason}"
                    ) from error

        in_threads(fill, len(rows), chunk=_READ_CHUNK)
        return images

    def item_name(self, index: int) -> str:
        """Path below the folder; bytes that are no text are written as ``\\udc..`` escapes."""
        name = self._files[checked_index(index, self.n_pool)]
        return name.encode("utf-8", "backslashreplace").decode()

    def item_path(self, index: int) -> Path:
        """The file itself; relative where the pool's folder was given so."""
        return Path(self._path(checked_index(index, self.n_pool)))

    def broken(self) -> dict[int, str]:
        """Files that cannot be decoded, with the reason."""
        return dict(self._broken)

    def picture(self, index: int) -> Picture | None:
        """The file itself, or a PNG of it where browsers do not know its format.

        None for broken items; PoolError when a sound file cannot be read any more.
        """
        index = checked_index(index, self.n_pool)
        if index in self._broken:
            return None
        from .encode import for_browsers

        path = self._path(index)
        try:
            with open(path, "rb") as file:
                return Picture(*for_browsers(file.read()))
        except Exception as error:
            reason = self._decode.unreadable_because(error, path)
            raise PoolError(f"{path}: sound at opening, unreadable now: {reason}") from error

    def _path(self, index: int) -> str:
        return os.path.join(self._root, self._files[index])

    def _known_verdicts(
        self, state: IndexArray, cache: Path | None, progress: Progress
    ) -> dict[int, str]:
        """The check, or what an earlier one of the same files found."""
        if cache is None:
            return self._verify(progress)
        key = hashlib.sha256(f"{self._decode.decoder_version()}\n{self._root.resolve()}\n".encode())
        key.update(b"\0".join(map(os.fsencode, self._files)))
        key.update(state.data)
        file = cache / f"{key.hexdigest()}.json"
        with suppress(OSError, ValueError, AttributeError):
            return {int(index): str(why) for index, why in json.loads(file.read_bytes()).items()}
        broken = self._verify(progress)
        with suppress(OSError):  # a cache that cannot be written costs time, nothing else
            cache.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(broken))
            draft.replace(file)
        return broken

    def _verify(self, progress: Progress) -> dict[int, str]:
        """Decode every file, at the smallest scale: damage anywhere in a file shows."""
        broken: dict[int, str] = {}

        def check(indices: range) -> None:
            for index in indices:
                path = self._path(index)
                try:
                    self._decode.check_image(path)
                except Exception as error:
                    if isinstance(error, MemoryError) or (
                        isinstance(error, OSError) and error.errno in _NOT_THE_FILE_S_FAULT
                    ):
                        raise PoolError(f"{path}: cannot be read now: {error}") from error
                    broken[index] = self._decode.unreadable_because(error, path)

        in_threads(
            check, self.n_pool, chunk=_VERIFY_CHUNK, progress=progress, words="checking images"
        )
        return dict(sorted(broken.items()))


def list_files(root: Path) -> list[str]:
    """Every file below ``root`` but hidden ones, as sorted paths with forward slashes.

    Links are followed; a link to nothing counts as a file, a broken one. Hidden are names that
    begin with a dot and the files in which Windows and macOS keep their notes.

    Raises
    ------
    PoolError
        A folder cannot be listed, or contains itself through a link.
    """
    found: list[str] = []

    def walk(folder: str, prefix: str, above: frozenset[tuple[int, int]]) -> None:
        status = os.stat(folder)
        here = (status.st_dev, status.st_ino)
        if here in above:
            raise PoolError(f"{folder}: is a link to a folder that contains it")
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    walk(entry.path, f"{name}/", above | {here})
                elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
                    found.append(name)

    try:
        walk(str(root), "", frozenset())
    except OSError as error:
        raise PoolError(f"{root}: cannot be listed: {error}") from error
    return sorted(found)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is never meant as an item."""
    return name.startswith(".") or name.lower() in _NO_IMAGES_OF_ANYONE


def _file_state(path: str) -> tuple[int, int, int]:
    """Size and the times of the last change, of content and of access rights; -1: no such file."""
    try:
        status = os.stat(path)
    except OSError:
        return (-1, -1, -1)
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
