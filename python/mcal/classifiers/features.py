"""The features of a pool: computed once, kept in a file, and read as a pool of embeddings."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.errors import ClassifierError
from mcal.types import IndexArray, Pool, Progress, no_progress
from mcal.whole_file import whole_file

from ._torch import torch
from .frozen import Frozen
from .items import Items, shared_items

__all__ = ["FeaturePool", "Features"]

_BLOCK = {"cpu": 32, "cuda": 256}
_KEEP_EVERY_S = 5.0


class FeaturePool:
    """The items of a pool as a frozen network sees them."""

    kind = "embeddings"

    def __init__(self, pool: Pool, features: npt.NDArray[Any], key: str) -> None:
        self.n_pool, self.classes, self.fingerprint = pool.n_pool, pool.classes, key
        self._pool, self._features = pool, features

    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        """(K, D) as they are kept: float16 or float32."""
        return np.array(self._features[indices])

    def item_name(self, index: int) -> str:
        return self._pool.item_name(index)

    def broken(self) -> dict[int, str]:
        return self._pool.broken()


class Features:
    """Computes the features of the pool that it is asked for, and keeps them.

    Parameters
    ----------
    name : str
        What computes them, as settings say it.
    open_network : callable
        Gives the network for a pool; asked once.
    device : torch.device
        What it computes on.
    folder : Path or None
        Where the features are kept, block by block, so that a process that is killed loses
        seconds and the next one none. None: in memory.
    """

    def __init__(
        self,
        name: str,
        open_network: Callable[[Items, Pool, Progress], Frozen],
        device: torch.device,
        folder: Path | None,
    ) -> None:
        self._name, self._open, self._device, self._folder = name, open_network, device, folder
        self._of: FeaturePool | None = None
        self._fingerprint: str | None = None

    def of(self, pool: Pool, progress: Progress = no_progress) -> FeaturePool:
        """The features of ``pool``; those of an earlier call if it is the same pool.

        Raises ``ClassifierError`` when the network cannot be had, or gives no features.
        """
        if self._of is None or self._fingerprint != pool.fingerprint:
            self._of = None
            items = shared_items(pool, self._device)
            frozen = self._open(items, pool, progress)
            words = f"{pool.fingerprint}\n{self._name}\n{frozen.key}"
            key = hashlib.sha256(words.encode()).hexdigest()
            path = None if self._folder is None else self._folder / f"features-{key[:16]}.npy"
            kept = None if path is None else _read(path, pool.n_pool)
            if kept is None:
                kept = _compute(frozen, items, pool.n_pool, self._device, path, progress)
            self._of, self._fingerprint = FeaturePool(pool, kept, key), pool.fingerprint
        return self._of


def _compute(
    frozen: Frozen,
    items: Items,
    n: int,
    device: torch.device,
    path: Path | None,
    progress: Progress,
) -> npt.NDArray[Any]:
    partial = None if path is None else _Partial(path)
    features, begin = (None, 0) if partial is None else partial.resume(n)
    kept_at = reported_at = time.monotonic()
    for rows, block in _blocks(frozen, items, begin, n, _BLOCK.get(device.type, 32)):
        if features is None:
            shape, dtype = (n, block.shape[1]), _dtype(block)
            features = np.empty(shape, dtype) if partial is None else partial.begin(shape, dtype)
        if block.shape[1] != features.shape[1]:
            raise ClassifierError(
                f"features: expected {features.shape[1]} for each item, found {block.shape[1]}"
            )
        limit = np.finfo(features.dtype).max
        features[rows] = np.clip(block, -limit, limit)
        now = time.monotonic()
        if partial is not None and now - kept_at >= _KEEP_EVERY_S:
            partial.keep(features, rows.stop)
            kept_at = now
        if now - reported_at >= 0.2:
            reported_at = now
            progress(min(0.99, rows.stop / n), f"features of {rows.stop:,} of {n:,} items")
    assert features is not None  # a pool has items
    return features if partial is None else partial.finish(features)


def _blocks(
    frozen: Frozen, items: Items, begin: int, n: int, size: int
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    slices = [slice(start, min(start + size, n)) for start in range(begin, n, size)]
    blocks = items.blocks(np.arange(each.start, each.stop) for each in slices)
    for rows, block in zip(slices, blocks, strict=True):
        yield rows, frozen.embed(block).cpu().numpy()


def _dtype(block: npt.NDArray[np.float32]) -> type[np.floating[Any]]:
    """Half precision where it neither overflows nor loses what is small."""
    return np.float16 if 1e-2 <= np.abs(block).max(initial=0.0) <= 1e3 else np.float32


def _read(path: Path, n: int) -> npt.NDArray[Any] | None:
    """The features in a file; None when there is none, or a damaged one: it is a cache."""
    try:
        kept: npt.NDArray[Any] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.ndim == 2 and len(kept) == n else None


class _Partial:
    """A file of features that is not complete, and beside it how many of its rows are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = path.with_name(f"{path.name}.partial")
        self._done = path.with_name(f"{path.name}.rows")

    def resume(self, n: int) -> tuple[npt.NDArray[Any] | None, int]:
        """What an earlier process has left, and how many rows of it stand."""
        try:
            done = int(self._done.read_text())
            kept = np.lib.format.open_memmap(self._rows, mode="r+")
        except (OSError, ValueError, EOFError):
            return None, 0
        if kept.ndim != 2 or len(kept) != n or not 0 < done <= n:
            return None, 0
        return kept, done

    def begin(self, shape: tuple[int, int], dtype: type[Any]) -> npt.NDArray[Any]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._done.unlink(missing_ok=True)
            return np.lib.format.open_memmap(self._rows, mode="w+", dtype=dtype, shape=shape)
        except OSError as error:
            raise ClassifierError(f"{self._rows}: cannot be written: {error}") from error

    def keep(self, features: npt.NDArray[Any], done: int) -> None:
        """The rows first, then their number: a kill between the two repeats some seconds."""
        assert isinstance(features, np.memmap)
        try:
            features.flush()
            with whole_file(self._done) as file:
                file.write(str(done).encode())
        except OSError as error:
            raise ClassifierError(f"{self._rows}: cannot be written: {error}") from error

    def finish(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        self.keep(features, len(features))
        try:
            os.replace(self._rows, self._path)
            self._done.unlink()
        except OSError as error:
            raise ClassifierError(f"{self._path}: cannot be written: {error}") from error
        return np.load(self._path, mmap_mode="r")  # type: ignore[no-any-return]
