"""Items of a pool as tensors on a device: read ahead, normalised, and kept when they fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np

from mcal.types import IndexArray, Pool, Progress

from ._torch import torch
from .devices import free_bytes

__all__ = ["Items", "Normalisation", "readable_items", "shared_items"]

_SAMPLE = 1000
_KEPT_AT_ONCE = 64
_RESIDENT_SHARE = 0.25  # of the free memory of the device


@dataclass(frozen=True)
class Normalisation:
    """Items become ``(item - mean) / std``, for each channel or feature."""

    mean: torch.Tensor  # (channels,) or (D,) float32, in units of the pool's own values
    std: torch.Tensor

    def apply(self, items: torch.Tensor) -> torch.Tensor:
        """(K, H, W, channels) or (K, D) as read -> float32 as networks take it.

        Images come out as (K, channels, H, W) with the channels last in memory.
        """
        values = (items.float() - self.mean) / self.std
        return values.permute(0, 3, 1, 2) if values.dim() == 4 else values


class Items:
    """The items of one pool on one device.

    When all of them take at most a quarter of the device's free memory, what has been read once
    stays there. Otherwise they are read again each time, by a thread that works one block ahead.
    """

    def __init__(self, pool: Pool, device: torch.device) -> None:
        self._pool = pool
        self._device = device
        first = self._read(np.zeros(1, np.int64))
        self.item_shape = tuple(first.shape[1:])
        self._normalisation: Normalisation | None = None
        self._kept: torch.Tensor | None = None
        self._has = np.zeros(0, np.bool_)
        if first.nbytes * pool.n_pool <= _RESIDENT_SHARE * free_bytes(device):
            self._kept = first.new_empty((pool.n_pool, *self.item_shape))
            self._has = np.zeros(pool.n_pool, np.bool_)

    def blocks(self, indices: Iterable[IndexArray]) -> Iterator[torch.Tensor]:
        """The items of each index array, as read, on the device."""
        with ThreadPoolExecutor(1, thread_name_prefix="mcal-read") as reader:
            ahead = None
            for block in indices:
                if self._holds(block):
                    if ahead is not None:
                        yield ahead.result()
                        ahead = None
                    yield self._take(block)
                    continue
                following = reader.submit(self._take, block)
                if ahead is not None:
                    yield ahead.result()
                ahead = following
            if ahead is not None:
                yield ahead.result()

    def keep(self, indices: IndexArray, progress: Progress) -> None:
        """Read what is still to be read of these items, if they are to stay on the device.

        ``progress`` hears of every few items, with the share 0; those that are there count as read.
        """
        if self._kept is None:
            return
        wanted = np.unique(indices)
        missing = wanted[~self._has[wanted]]
        n_read = wanted.size - missing.size
        for start in range(0, missing.size, _KEPT_AT_ONCE):
            some = missing[start : start + _KEPT_AT_ONCE]
            self._take(some)
            n_read += some.size
            progress(0.0, f"{n_read:,} of {wanted.size:,} items read")

    def resident(self, indices: IndexArray) -> torch.Tensor | None:
        """The pool's items by index, of which these at least are there; None while one is not."""
        return self._kept if self._holds(indices) else None

    def normalisation(self) -> Normalisation:
        """Mean and standard deviation of up to 1,000 readable items, spread evenly over the pool.

        Of blank ones where none can be read.
        """
        if self._normalisation is None:
            among = readable_items(self._pool)
            among = among if among.size else np.zeros(1, np.int64)
            spread = np.linspace(0, among.size - 1, _SAMPLE).astype(np.int64)
            sample = self._take(among[np.unique(spread)]).cpu().double()
            rows = sample.reshape(-1, sample.shape[-1])
            std, mean = torch.std_mean(rows, dim=0, correction=0)
            # rounding aside, a channel or feature without any spread stays as it is
            std[std <= 1e-6 * rows.abs().amax(dim=0)] = 1.0
            self._normalisation = Normalisation(
                mean.float().to(self._device), std.float().to(self._device)
            )
        return self._normalisation

    def _holds(self, indices: IndexArray) -> bool:
        return self._kept is not None and bool(self._has[indices].all())

    def _take(self, indices: IndexArray) -> torch.Tensor:
        if self._kept is None:
            return self._read(indices)
        missing = np.unique(indices[~self._has[indices]])
        if missing.size:
            self._kept[torch.from_numpy(missing).to(self._device)] = self._read(missing)
            self._has[missing] = True
        return self._kept[torch.from_numpy(indices).to(self._device)]

    def _read(self, indices: IndexArray) -> torch.Tensor:
        # a copy: what a pool returns may be read-only, a view of a memory map
        return torch.from_numpy(np.array(self._pool.read(indices))).to(self._device)


def readable_items(pool: Pool) -> IndexArray:
    """Every item that can be read, rising: the test set's too, whose labels nobody tells."""
    broken = np.fromiter(pool.broken(), np.int64)
    return np.setdiff1d(np.arange(pool.n_pool, dtype=np.int64), broken, assume_unique=True)


_SHARED: WeakValueDictionary[tuple[int, str], Items] = WeakValueDictionary()


def shared_items(pool: Pool, device: torch.device) -> Items:
    """The items of ``pool`` on ``device``: one copy for all who ask, while anybody keeps it."""
    key = (id(pool), str(device))  # the items keep the pool, so that no other has its id
    items = _SHARED.get(key)
    if items is None:
        items = _SHARED[key] = Items(pool, device)
    return items
