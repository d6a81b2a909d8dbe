"""What an export asks a pool for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcal.errors import ExportError
from mcal.types import Picture

__all__ = ["Items"]


@dataclass(frozen=True)
class Items:
    """The items of a pool, by index."""

    broken: Mapping[int, str]
    """Those that cannot be read, and why."""
    path: Callable[[int], Path] | None
    """The file that an item is; None for a pool that is not made of files."""
    picture: Callable[[int], Picture | None] | None
    """An item as an image file; None for a pool without images."""

    @property
    def have_pictures(self) -> bool:
        return self.path is not None or self.picture is not None

    def image(self, index: int) -> bytes | None:
        """The bytes of an item's own file, else of one that is made of it; None of a broken one.

        Raises
        ------
        ExportError
            The file is there no more, or cannot be read.
        """
        if index in self.broken:
            return None
        if self.path is not None:
            path = self.path(index)
            try:
                return path.read_bytes()
            except OSError as error:
                raise ExportError(
                    f"{path}: cannot be read any more: {error.strerror or error}"
                ) from error
        picture = None if self.picture is None else self.picture(index)
        return None if picture is None else picture.data
