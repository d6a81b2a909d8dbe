"""Rows of a matrix for a device: already there, copied there once, or streamed in every pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...errors import DeviceError
from .device import Device

__all__ = ["Resident", "Rows", "Streamed", "open_rows", "with_adjacent_columns"]

LEAST_CHUNK_ROWS = 256


class Rows(Protocol):
    """All rows in order, or some by position, as arrays of the device."""

    def chunks(self) -> Iterator[tuple[int, Any]]:
        """The first position and the rows of each chunk, for launches in order; no other use."""
        ...

    def at(self, positions: Any) -> tuple[Any, Any]:
        """An array, and where in it the rows at ``positions`` are."""
        ...


@dataclass(frozen=True)
class Resident:
    x: Any

    def chunks(self) -> Iterator[tuple[int, Any]]:
        yield 0, self.x

    def at(self, positions: Any) -> tuple[Any, Any]:
        return self.x, positions


@dataclass(frozen=True)
class Streamed:
    device: Device
    x: npt.NDArray[Any]
    chunk_rows: int

    def chunks(self) -> Iterator[tuple[int, Any]]:
        device, n = self.device, len(self.x)
        shape = (min(n, self.chunk_rows), self.x.shape[1])
        buffers = [device.xp.empty(shape, self.x.dtype) for _ in range(2)]
        worked = [device.record(), device.record()]  # when each buffer was last read

        def fetch(begin: int, into: int) -> Any:
            rows = np.ascontiguousarray(self.x[begin : begin + self.chunk_rows])
            with device.copy_stream():
                device.wait(worked[into])
                device.upload(rows, buffers[into][: len(rows)])
                return device.record()

        fetched = fetch(0, 0)
        for i, begin in enumerate(range(0, n, self.chunk_rows)):
            device.wait(fetched)
            yield begin, buffers[i % 2][: min(self.chunk_rows, n - begin)]
            worked[i % 2] = device.record()
            if begin + self.chunk_rows < n:  # while the device works on what was just yielded
                fetched = fetch(begin + self.chunk_rows, (i + 1) % 2)

    def at(self, positions: Any) -> tuple[Any, Any]:
        rows = self.x[self.device.download(positions)]
        array = self.device.xp.empty(rows.shape, rows.dtype)
        self.device.upload(rows, array)
        return array, self.device.xp.arange(len(rows), dtype=np.int64)


def open_rows(
    device: Device, x: Any, *, on_device: bool, n_at_once: int, work_bytes: int, chunk_bytes: int
) -> Rows:
    """``x``, which lies on the device or is NumPy's, for an algorithm that needs ``work_bytes``.

    Host rows are copied to the device if they fit, else streamed through two chunks of at most
    ``chunk_bytes`` each; ``n_at_once`` of them may be asked for by position. Raises ``DeviceError``
    with the bytes needed and free when even that is too much.
    """
    free = device.free_bytes()
    if on_device:
        _require(work_bytes, free)
        return Resident(with_adjacent_columns(device.xp, x))
    row_bytes = x.shape[1] * x.dtype.itemsize
    if work_bytes + len(x) * row_bytes <= free:
        copy = device.xp.empty(x.shape, x.dtype)
        device.upload(np.ascontiguousarray(x), copy)
        return Resident(copy)
    kept = work_bytes + n_at_once * row_bytes
    least = min(len(x), LEAST_CHUNK_ROWS) * row_bytes
    _require(kept + 2 * least, free)
    return Streamed(device, x, max(least, min(chunk_bytes, (free - kept) // 2)) // row_bytes)


def with_adjacent_columns(xp: Any, x: Any) -> Any:
    """``x`` if its rows can be read as they lie, else a copy."""
    item = x.dtype.itemsize
    is_adjacent = x.shape[1] == 1 or x.strides[1] == item
    # Even a single row has a distance to the next, which a kernel is told in elements.
    return x if is_adjacent and x.strides[0] % item == 0 else xp.ascontiguousarray(x)


def _require(needed: int, free: int) -> None:
    if needed > free:
        raise DeviceError(f"x: {needed:,} bytes needed on the device, {free:,} bytes free")
