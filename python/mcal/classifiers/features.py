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
from .devices import own_chance
from .frozen import Frozen
from .items import Items, readable_items, shared_items
from .reports import Reports

__all__ = ["FeaturePool", "Features", "check_finite"]

_VERSION = 1  # of how features come about; other features for the same network: another number
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
            items, reports = shared_items(pool, self._device), Reports(progress)
            with own_chance(self._device):  # who builds a network draws weights first
                frozen = self._open(items, pool, reports.before)
            readable = readable_items(pool)
            if not readable.size:
                raise ClassifierError("features: expected items that can be read, found none")
            words = f"{_VERSION}\n{pool.fingerprint}\n{self._name}\n{frozen.key}\n{readable.size}"
            key = hashlib.sha256(words.encode()).hexdigest()
            path = None if self._folder is None else self._folder / f"features-{key[:16]}.npy"
            kept = None if path is None else _read(path, pool.n_pool)
            if kept is None:
                partial = None if path is None else _Partial(path)
                size = _BLOCK.get(self._device.type, 32)
                kept = _compute(frozen, items, pool, readable, size, partial, reports.proper)
            self._of, self._fingerprint = FeaturePool(pool, kept, key), pool.fingerprint
        return self._of


def check_finite(
    features: npt.NDArray[np.float32], indices: IndexArray, pool: Pool
) -> npt.NDArray[np.float32]:
    """``features`` (K, D) of the items at ``indices``; ``ClassifierError`` names the first bad."""
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        name = pool.item_name(int(indices[bad[0]]))
        raise ClassifierError(f"features: expected finite numbers, found NaN or infinity of {name}")
    return features


def _compute(
    frozen: Frozen,
    items: Items,
    pool: Pool,
    readable: IndexArray,
    size: int,
    partial: _Partial | None,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Features (N, D) of the ``readable`` items, in blocks of ``size``; zeros for the others."""
    n = pool.n_pool
    features, done = (None, 0) if partial is None else partial.resume(n)
    kept_at = reported_at = time.monotonic()
    todo = readable[np.searchsorted(readable, done) :]
    for indices, block in _blocks(frozen, items, pool, todo, size):
        width = block.shape[1]
        if features is None:
            features = _begun(partial, (n, width), _dtype(block))
        elif width != features.shape[1]:
            if partial is not None and indices[0] == todo[0]:  # of another process's network
                return _compute(frozen, items, pool, readable, size, partial.forgotten(), progress)
            raise ClassifierError(
                f"features: expected {features.shape[1]} for each item, found {width}"
            )
        if np.abs(block).max(initial=0.0) > np.finfo(features.dtype).max:
            narrow, features = features, _begun(partial, features.shape, np.float32)
            features[:done] = narrow[:done]
        features[indices] = block
        done = int(indices[-1]) + 1  # those between them that cannot be read are done too
        now = time.monotonic()
        if partial is not None and now - kept_at >= _KEEP_EVERY_S:
            partial.keep(features, done)
            kept_at = now
        if now - reported_at >= 0.2:
            reported_at = now
            progress(min(0.99, done / n), f"features of {done:,} of {n:,} items")
    assert features is not None  # some item can be read
    return features if partial is None else partial.finish(features)


def _blocks(
    frozen: Frozen, items: Items, pool: Pool, todo: IndexArray, size: int
) -> Iterator[tuple[IndexArray, npt.NDArray[np.float32]]]:
    parts = [todo[start : start + size] for start in range(0, todo.size, size)]
    for indices, block in zip(parts, items.blocks(parts), strict=True):
        yield indices, check_finite(frozen.embed(block).cpu().numpy(), indices, pool)


def _begun(partial: _Partial | None, shape: tuple[int, ...], dtype: type[Any]) -> npt.NDArray[Any]:
    return np.zeros(shape, dtype) if partial is None else partial.begin(shape, dtype)


def _dtype(block: npt.NDArray[np.float32]) -> type[np.floating[Any]]:
    """Half precision where it loses nothing of what is small; what overflows later widens it."""
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

    def forgotten(self) -> _Partial:
        """It, without what an earlier process has left."""
        self._done.unlink(missing_ok=True)
        return self

    def begin(self, shape: tuple[int, ...], dtype: type[Any]) -> npt.NDArray[Any]:
        """Zeros in a new file; who still reads the old one may go on."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._done.unlink(missing_ok=True)
            self._rows.unlink(missing_ok=True)
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
