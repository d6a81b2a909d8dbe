"""A CUDA device through CuPy, as the algorithms of ``selection`` see it.

Nothing else imports CuPy. Methods are described where the protocol is:
``mcal.selection._cuda.device.Device``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import DeviceError, MissingExtraError
from .compiler import compiled_kernels
from .kernels import stem_of

__all__ = ["CupyDevice", "open_device", "why_no_device"]

LEAST_CAPABILITY = 80  # reductions over a warp in one instruction
# What a kernel gets of a block's memory without asking, less what kernels declare for themselves.
DEFAULT_SHARED_BYTES = 47 * 1024


def why_no_device() -> str | None:
    """Why ``open_device`` would fail here, in a few words; None when it would not."""
    try:
        open_device(0)
    except (DeviceError, MissingExtraError) as error:
        return str(error)
    return None


@lru_cache(maxsize=64)
def open_device(ordinal: int = 0) -> CupyDevice:
    """The CUDA device with this number, the same object every time.

    Raises ``MissingExtraError`` without CuPy, and ``DeviceError`` when there is no such device.
    """
    cupy = _cupy_with_devices()
    n_devices = cupy.cuda.runtime.getDeviceCount()
    if not 0 <= ordinal < n_devices:
        raise DeviceError(f"no CUDA device {ordinal}: this machine has {n_devices}")
    return CupyDevice(cupy, ordinal)


def _cupy_with_devices() -> Any:
    if find_spec("cupy") is None:
        raise MissingExtraError("cupy", "cuda13")
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise DeviceError(f"no CUDA device: CuPy cannot be imported: {error}") from error
    try:
        n_devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(
            f"no CUDA device was found, or its driver is missing or too old ({error}); "
            'engine="cpu" needs none'
        ) from error
    if n_devices == 0:
        raise DeviceError('no CUDA device: the driver sees none; engine="cpu" needs none')
    return cupy


class _Stream:
    """A stream of another library, by its address."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._pointer  # version of the protocol, address


class CupyDevice:
    """One device. Its methods work on whichever stream is current; see ``on_stream``."""

    def __init__(self, cupy: Any, ordinal: int) -> None:
        self.xp = cupy
        self.ordinal = ordinal
        self.name = cupy.cuda.runtime.getDeviceProperties(ordinal)["name"].decode()
        with cupy.cuda.Device(ordinal) as device:
            attributes = device.attributes
            capability = int(device.compute_capability)
        if capability < LEAST_CAPABILITY:
            raise DeviceError(
                f"{self.name}: the kernels need compute capability "
                f"{LEAST_CAPABILITY / 10:.1f} or newer, found {capability / 10:.1f}; "
                'engine="cpu" needs no device'
            )
        self._architecture = f"sm_{capability}"
        self.n_multiprocessors = int(attributes["MultiProcessorCount"])
        self.max_shared_bytes = int(attributes["MaxSharedMemoryPerBlockOptin"])
        self._modules: dict[tuple[str, bool], Any] = {}
        self._functions: dict[tuple[str, bool], Any] = {}
        self._copying = threading.local()  # this thread's stream for uploads
        # What cuBLAS multiplies with, kept because it is told addresses: a product is started
        # thousands of times, and the host must not be what it waits for.
        self._scalars = np.array([1.0, 0.0], np.float32)
        self._one = self._scalars.ctypes.data
        self._zero = self._one + self._scalars.itemsize

    @contextmanager
    def on_stream(self, pointer: int | None) -> Iterator[None]:
        """Make this device and a stream current: one by its address, or with None CuPy's own.

        What does not fit into the device's memory meanwhile is a ``DeviceError``.
        """
        try:
            with self.xp.cuda.Device(self.ordinal):
                if pointer is None:
                    yield
                else:
                    with self.xp.cuda.Stream.from_external(_Stream(pointer)):
                        yield
        except self.xp.cuda.memory.OutOfMemoryError as error:
            free = self.free_bytes()
            raise DeviceError(f"{self.name}: {error}; {free:,} bytes free") from error

    def free_bytes(self) -> int:
        """Memory that an allocation can get: the device's free memory and that of CuPy's pool."""
        with self.xp.cuda.Device(self.ordinal):
            free, _ = self.xp.cuda.runtime.memGetInfo()
            return int(free) + int(self.xp.get_default_memory_pool().free_bytes())

    def load(self, stem: str, *, cooperative: bool = False) -> Any:
        """A file of kernels, compiled for this device at its first use."""
        key = stem, cooperative
        if key not in self._modules:
            path = compiled_kernels(self.xp, stem, self._architecture)
            self._modules[key] = self.xp.RawModule(
                path=str(path), enable_cooperative_groups=cooperative
            )
        return self._modules[key]

    def launch(
        self,
        kernel: str,
        grid: int,
        block: int,
        args: tuple[Any, ...],
        *,
        shared_bytes: int = 0,
        cooperative: bool = False,
    ) -> None:
        key = kernel, cooperative
        if key not in self._functions:
            module = self.load(stem_of(kernel), cooperative=cooperative)
            self._functions[key] = module.get_function(kernel)
        function = self._functions[key]
        if shared_bytes > DEFAULT_SHARED_BYTES:
            # The same number at every launch: other threads may be about to launch it too.
            most = self.max_shared_bytes - int(function.shared_size_bytes)
            function.max_dynamic_shared_size_bytes = most
        function((grid,), (block,), args, shared_mem=shared_bytes)

    def multiply(self, a: Any, b: Any, out: Any) -> None:
        cublas, runtime = self.xp.cuda.cublas, self.xp.cuda.runtime
        half, single = 2, 4  # bytes
        # cuBLAS stores columns first: to it these are out^T = b a^T.
        cublas.gemmEx(
            self.xp.cuda.device.get_cublas_handle(),
            cublas.CUBLAS_OP_T,
            cublas.CUBLAS_OP_N,
            b.shape[0],
            a.shape[0],
            a.shape[1],
            self._one,
            b.data.ptr,
            runtime.CUDA_R_16F,
            b.strides[0] // half,
            a.data.ptr,
            runtime.CUDA_R_16F,
            a.strides[0] // half,
            self._zero,
            out.data.ptr,
            runtime.CUDA_R_32F,
            out.strides[0] // single,
            cublas.CUBLAS_COMPUTE_32F,
            cublas.CUBLAS_GEMM_DEFAULT,
        )

    @contextmanager
    def copy_stream(self) -> Iterator[None]:
        if not hasattr(self._copying, "kept"):
            self._copying.kept = self.xp.cuda.Stream(non_blocking=True)
        self._copying.stream = self._copying.kept
        try:
            yield
        finally:
            self._copying.stream = None

    def record(self) -> Any:
        event = self.xp.cuda.Event(disable_timing=True)
        event.record(self._stream())
        return event

    def wait(self, mark: Any) -> None:
        self._stream().wait_event(mark)

    def upload(self, host: Any, out: Any) -> None:
        out.set(np.ascontiguousarray(host), stream=self._stream())

    def download(self, array: Any) -> Any:
        return self.xp.asnumpy(array, stream=self._stream())

    def _stream(self) -> Any:
        return getattr(self._copying, "stream", None) or self.xp.cuda.get_current_stream()
