"""Pools in memory or in a memory-mapped file: images, and embeddings computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.errors import PoolError
from mcal.types import IndexArray, Progress, no_progress

from .checks import checked_classes, checked_index, checked_indices
from .fingerprint import array_fingerprint

_CHECK_ROWS = 1 << 16


class ArrayPool:
    """Images in one array or memory map, which is kept as it is: only ``read`` copies.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, H, W), (N, H, W, 1) or (N, H, W, 3)
        Values 0..255. Floats are refused rather than guessed about: scale them to 0..255 and
        convert. Do not change the array while the pool is in use.
    classes : sequence of str
        At least two different names.
    names : sequence of str, optional
        What a person can find each item by, each different; default: the row number.

    Raises
    ------
    ValueError
        Wrong shape or dtype, no items, or classes or names that do not fit.

    Notes
    -----
    Opening reads the array once for its fingerprint, or 4,096 rows of it above 256 MiB.
    """

    kind = "images"

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        classes: Sequence[str],
        *,
        names: Sequence[str] | None = None,
    ) -> None:
        _check_is_array("images", images)
        shape = images.shape
        if images.dtype != np.uint8:
            raise ValueError(f"images: expected uint8 values 0..255, found {images.dtype}")
        if not (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))):
            raise ValueError(
                f"images: expected shape (N, H, W), (N, H, W, 1) or (N, H, W, 3), found {shape}"
            )
        if 0 in shape:
            raise ValueError(f"images: expected at least one item and pixel, found shape {shape}")
        self.classes = checked_classes(classes)
        self.n_pool = len(images)
        self.fingerprint = array_fingerprint(images, self.classes, names)
        self._images = images if images.ndim == 4 else images[..., np.newaxis]
        self._names = _checked_names(names, self.n_pool)

    def read(self, indices: IndexArray) -> npt.NDArray[np.uint8]:
        """A fresh (K, H, W, channels) uint8 array, channels 1 or 3."""
        return np.array(self._images[checked_indices(indices, self.n_pool)])

    def item_name(self, index: int) -> str:
        """The name given, else the row number."""
        return _name(self._names, checked_index(index, self.n_pool))

    def broken(self) -> dict[int, str]:
        """None: every row of an array can be read."""
        return {}


class EmbeddingPool:
    """Items known by a vector each, computed once by a network that is not retrained.

    Parameters
    ----------
    embeddings : ndarray of float32 or float16, shape (N, D)
        In memory or memory-mapped. An item with NaN or inf is a broken one.
    classes : sequence of str
        At least two different names.
    names : sequence of str, optional
        What a person can find each item by, each different; default: the row number.
    progress : callable
        Told about the pass that looks for NaN and inf.

    Raises
    ------
    ValueError
        Wrong shape or dtype, no items, or classes or names that do not fit.

    Notes
    -----
    Opening reads everything once, 65,536 rows at a time.
    """

    kind = "embeddings"

    def __init__(
        self,
        embeddings: npt.NDArray[np.floating[Any]],
        classes: Sequence[str],
        *,
        names: Sequence[str] | None = None,
        progress: Progress = no_progress,
    ) -> None:
        _check_is_array("embeddings", embeddings)
        if embeddings.dtype not in (np.float32, np.float16):
            raise ValueError(f"embeddings: expected float32 or float16, found {embeddings.dtype}")
        if embeddings.ndim != 2 or 0 in embeddings.shape:
            raise ValueError(
                f"embeddings: expected shape (N, D), N and D >= 1, found {embeddings.shape}"
            )
        self.classes = checked_classes(classes)
        self.n_pool = len(embeddings)
        self.fingerprint = array_fingerprint(embeddings, self.classes, names)
        self._embeddings = embeddings
        self._names = _checked_names(names, self.n_pool)
        self._broken = dict.fromkeys(_not_finite(embeddings, progress), "NaN or inf")

    def read(self, indices: IndexArray) -> npt.NDArray[np.float32]:
        """A fresh (K, D) float32 array; broken items are zeros."""
        rows = checked_indices(indices, self.n_pool)
        values = np.array(self._embeddings[rows], dtype=np.float32)
        if self._broken:
            values[np.isin(rows, np.fromiter(self._broken, np.int64))] = 0.0
        return values

    def item_name(self, index: int) -> str:
        """The name given, else the row number."""
        return _name(self._names, checked_index(index, self.n_pool))

    def broken(self) -> dict[int, str]:
        """Items with NaN or inf."""
        return dict(self._broken)


def open_array(path: Path) -> npt.NDArray[Any]:
    """The array in a ``.npy`` file as a read-only memory map.

    Raises
    ------
    PoolError
        The file is not there or holds no array of numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise PoolError(f"{path}: cannot be read as a .npy file: {error}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise PoolError(f"{path}: expected one array (.npy), found an archive of several (.npz)")
    return array


def _check_is_array(name: str, value: object) -> None:
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name}: expected a NumPy array, found {type(value).__name__}")


def _checked_names(names: Sequence[str] | None, n_pool: int) -> Sequence[str] | None:
    if names is not None and len(names) != n_pool:
        raise ValueError(f"names: expected one for each of {n_pool} items, found {len(names)}")
    if names is not None and len(set(names)) != n_pool:
        raise ValueError("names: expected names that differ, found a repeated one")
    return names


def _name(names: Sequence[str] | None, index: int) -> str:
    return str(index) if names is None else names[index]


def _not_finite(embeddings: npt.NDArray[np.floating[Any]], progress: Progress) -> list[int]:
    found: list[int] = []
    for start in range(0, len(embeddings), _CHECK_ROWS):
        finite = np.isfinite(embeddings[start : start + _CHECK_ROWS]).all(axis=1)
        found.extend((start + np.flatnonzero(~finite)).tolist())
        progress(min(1.0, (start + _CHECK_ROWS) / len(embeddings)), "checking embeddings")
    return found
