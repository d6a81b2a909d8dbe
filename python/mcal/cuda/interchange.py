"""Arrays of other libraries, in and out without a copy: NumPy, CuPy, torch and whatever has DLPack.

None of those libraries is imported: an array of theirs can only be here if they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import DeviceError
from .cupy_device import CupyDevice, open_device

__all__ = ["Engine", "Foreign", "open_array"]

Engine = Literal["auto", "cpu", "cuda"]
Library = Literal["numpy", "cupy", "torch"]

_DLPACK_HOST = (1, 3)  # plain and pinned memory
_DLPACK_CUDA = (2, 13)  # the device's and managed memory


@dataclass(frozen=True)
class Foreign:
    """An array where its owner keeps it, and how to give results back in kind."""

    name: str  # of the argument, for messages
    values: Any  # NumPy's on the host, the owner's on a device; as given if it is no array at all
    dtype: str  # "bfloat16" lies in values of uint16, but for a tensor on a device
    library: Library
    ordinal: int | None  # of the device, None on the host
    stream: int | None  # address of the caller's current stream, None for CuPy's own

    def choose(self, engine: Engine) -> Literal["cpu", "cuda"]:
        """The engine that "auto" means: where the data is."""
        if engine not in ("auto", "cpu", "cuda"):
            raise ValueError(f"engine: expected 'auto', 'cpu' or 'cuda', found {engine!r}")
        if engine == "auto":
            return "cpu" if self.ordinal is None else "cuda"
        return engine

    def on_host(self) -> npt.NDArray[Any]:
        """The values on the host: as they lie if they are there already, else a copy."""
        if self.dtype == "bfloat16":
            raise ValueError(
                f"{self.name}: expected a type that the CPU engine takes, found bfloat16; "
                "convert it, as by .float()"
            )
        host: npt.NDArray[Any]
        if self.ordinal is None:
            host = self.values
        elif self.library == "torch":
            host = self.values.cpu().numpy()
        else:
            host = self._device().xp.asnumpy(self.values)
        return host

    @contextmanager
    def on_device(self) -> Iterator[CupyDevice]:
        """The device that has the values, or device 0, on the caller's current stream."""
        device = self._device()
        with device.on_stream(self.stream):
            yield device

    def where_it_lies(self, device: CupyDevice) -> Any:
        """NumPy's if the values are on the host, else ``device``'s; nothing is copied."""
        if self.ordinal is None or self.library == "cupy":
            return self.values
        if self.dtype != "bfloat16":
            return device.xp.asarray(self.values)
        torch = sys.modules["torch"]
        return device.xp.asarray(self.values.view(torch.int16)).view(np.uint16)

    def uploaded(self, device: CupyDevice) -> Any:
        """The values on ``device``; a copy if they are on the host.

        Raises ``DeviceError`` with the bytes needed and free when they do not fit.
        """
        if self.ordinal is not None:
            return self.where_it_lies(device)
        values = np.asarray(self.values)
        needed, free = values.nbytes, device.free_bytes()
        if needed > free:
            raise DeviceError(
                f"{self.name}: {needed:,} bytes needed on the device, {free:,} bytes free"
            )
        return device.xp.asarray(values)

    def in_kind(self, result: Any) -> Any:
        """``result``, NumPy's or the device's, as the caller's own kind of array."""
        on_host = isinstance(result, np.ndarray)
        if self.library == "numpy":
            return result if on_host else self._device().xp.asnumpy(result)
        if self.library == "cupy":
            with self.on_device() as device:
                return device.xp.asarray(result)
        torch = sys.modules["torch"]
        if not on_host:
            if self.ordinal is None:
                return torch.from_dlpack(result).cpu()
            # Made on the caller's stream, so that no stream has to wait (-1) for another.
            return torch.from_dlpack(result.__dlpack__(stream=-1))
        place = "cpu" if self.ordinal is None else f"cuda:{self.ordinal}"
        return torch.from_numpy(result).to(place)

    def _device(self) -> CupyDevice:
        return open_device(self.ordinal or 0)


def open_array(values: Any, name: str) -> Foreign:
    """What ``values`` is and where it lies; nothing is copied but what NumPy must convert.

    Parameters
    ----------
    values : array of NumPy, CuPy or torch, anything with DLPack or ``__cuda_array_interface__``,
        or whatever ``numpy.asarray`` takes.
    name : str
        For messages.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        return _open_tensor(torch, values.detach(), name)
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name}: expected no masked array, whose mask would be ignored")
    if isinstance(values, np.ndarray):
        dtype = str(values.dtype)
        bits = values.view(np.uint16) if dtype == "bfloat16" else values  # ml_dtypes' own
        return Foreign(name, bits, dtype, "numpy", None, None)
    kind = _dlpack_device(values)
    if kind is not None and kind[0] in _DLPACK_HOST:
        return open_array(np.from_dlpack(values), name)
    if hasattr(values, "__cuda_array_interface__") or (
        kind is not None and kind[0] in _DLPACK_CUDA
    ):
        return _open_on_device(values, kind, name)
    try:
        array = np.asarray(values)
    except ValueError:  # not even an array: the engine says what it expected
        return Foreign(name, values, type(values).__name__, "numpy", None, None)
    return Foreign(name, array, str(array.dtype), "numpy", None, None)


def _open_tensor(torch: Any, tensor: Any, name: str) -> Foreign:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.device.type == "cpu":
        is_bfloat16 = dtype == "bfloat16"
        values = tensor.view(torch.int16).numpy().view(np.uint16) if is_bfloat16 else tensor.numpy()
        return Foreign(name, values, dtype, "torch", None, None)
    if tensor.device.type != "cuda":
        raise ValueError(f"{name}: expected a tensor on the CPU or a CUDA device, "
                         f"found one on {tensor.device}")  # fmt: skip
    stream = torch.cuda.current_stream(tensor.device).cuda_stream
    return Foreign(name, tensor, dtype, "torch", tensor.device.index, stream)


def _open_on_device(values: Any, kind: tuple[int, int] | None, name: str) -> Foreign:
    device = open_device(kind[1] if kind else 0)
    with device.on_stream(None):
        if hasattr(values, "__cuda_array_interface__"):
            array = device.xp.asarray(values)
        else:
            array = device.xp.from_dlpack(values)
        dtype = str(array.dtype)
        bits = array.view(np.uint16) if dtype == "bfloat16" else array
    return Foreign(name, bits, dtype, "cupy", int(array.device.id), None)


def _dlpack_device(values: Any) -> tuple[int, int] | None:
    if not hasattr(values, "__dlpack_device__"):
        return None
    kind, ordinal = values.__dlpack_device__()
    return int(kind), int(ordinal)
