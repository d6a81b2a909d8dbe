"""A CUDA device through CuPy, as the algorithms of ``selection`` see it.

Nothing else imports CuPy. Methods are described where the protocol is:
``mcal.selection._cuda.device.Device``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import DeviceError, MissingExtraError
from .kernels import COMPILE_OPTIONS, kernel_source, stem_of

__all__ = ["CupyDevice", "open_device", "why_no_device"]

DEFAULT_SHARED_BYTES = 48 * 1024  # what a kernel gets of a block's memory without asking


def why_no_device() -> str | None:
    """Why ``open_device`` would fail here, in a few words; None when it would not."""
    try:
        _cupy_with_devices()
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
    cupy = import_module("cupy")
    try:
        n_devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f"no CUDA device: {error}") from error
    if n_devices == 0:
        raise DeviceError("no CUDA device: the driver sees none")
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
        with cupy.cuda.Device(ordinal) as device:
            attributes = device.attributes
        self.name = cupy.cuda.runtime.getDeviceProperties(ordinal)["name"].decode()
        self.n_multiprocessors = int(attributes["MultiProcessorCount"])
        self.max_shared_bytes = int(attributes["MaxSharedMemoryPerBlockOptin"])
        self._modules: dict[tuple[str, bool], Any] = {}
        self._functions: dict[tuple[str, bool], Any] = {}
        self._copies: Any = None  # the stream for uploads beside the launches
        self._is_copying = False

    @contextmanager
    def on_stream(self, pointer: int | None) -> Iterator[None]:
        """Make this device and a stream current: one by its address, or with None CuPy's own."""
        with self.xp.cuda.Device(self.ordinal):
            if pointer is None:
                yield
                return
            with self.xp.cuda.Stream.from_external(_Stream(pointer)):
                yield

    def free_bytes(self) -> int:
        """Memory that an allocation can get: the device's free memory and that of CuPy's pool."""
        with self.xp.cuda.Device(self.ordinal):
            free, _ = self.xp.cuda.runtime.memGetInfo()
            return int(free) + int(self.xp.get_default_memory_pool().free_bytes())

    def launch(
        self,
        kernel: str,
        grid: int | tuple[int, ...],
        block: int,
        args: tuple[Any, ...],
        *,
        shared_bytes: int = 0,
        cooperative: bool = False,
    ) -> None:
        function = self._function(kernel, cooperative, shared_bytes)
        shape = grid if isinstance(grid, tuple) else (grid,)
        function(shape, (block,), args, shared_mem=shared_bytes)

    def resident_blocks(self, kernel: str, block: int, shared_bytes: int = 0) -> int:
        driver = import_module("cupy_backends.cuda.api.driver")
        function = self._function(kernel, True, shared_bytes)
        each = driver.occupancyMaxActiveBlocksPerMultiprocessor(
            function.kernel.ptr, block, shared_bytes
        )
        return int(each) * self.n_multiprocessors

    def multiply(self, a: Any, b: Any, out: Any, *, dtype: str) -> None:
        """``out`` (n, m) float32 = ``a`` (n, d) times ``b`` (m, d) transposed, by cuBLAS."""
        cublas = import_module("cupy.cuda.cublas")
        runtime = self.xp.cuda.runtime
        kind = {
            "float32": runtime.CUDA_R_32F,
            "float16": runtime.CUDA_R_16F,
            "bfloat16": runtime.CUDA_R_16BF,
        }[dtype]
        compute = (
            cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if dtype == "float32" else cublas.CUBLAS_COMPUTE_32F
        )
        one, zero = np.float32(1), np.float32(0)
        scalars = np.array([one, zero])
        item = a.dtype.itemsize
        # cuBLAS stores columns first: to it these are out^T = b a^T.
        cublas.gemmEx(
            self.xp.cuda.device.get_cublas_handle(),
            cublas.CUBLAS_OP_T,
            cublas.CUBLAS_OP_N,
            b.shape[0],
            a.shape[0],
            a.shape[1],
            scalars[:1].ctypes.data,
            b.data.ptr,
            kind,
            b.strides[0] // item,
            a.data.ptr,
            kind,
            a.strides[0] // item,
            scalars[1:].ctypes.data,
            out.data.ptr,
            runtime.CUDA_R_32F,
            out.strides[0] // 4,
            compute,
            cublas.CUBLAS_GEMM_DEFAULT,
        )

    @contextmanager
    def copy_stream(self) -> Iterator[None]:
        if self._copies is None:
            self._copies = self.xp.cuda.Stream(non_blocking=True)
        self._is_copying = True
        try:
            yield
        finally:
            self._is_copying = False

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

    def synchronize(self) -> None:
        self._stream().synchronize()

    def _stream(self) -> Any:
        return self._copies if self._is_copying else self.xp.cuda.get_current_stream()

    def _function(self, kernel: str, cooperative: bool, shared_bytes: int) -> Any:
        key = kernel, cooperative
        if key not in self._functions:
            module = self._module(stem_of(kernel), cooperative)
            self._functions[key] = module.get_function(kernel)
        function = self._functions[key]
        if shared_bytes > DEFAULT_SHARED_BYTES:
            function.max_dynamic_shared_size_bytes = shared_bytes
        return function

    def _module(self, stem: str, cooperative: bool) -> Any:
        """A file of kernels, compiled at its first use here; CuPy keeps the result on disk."""
        key = stem, cooperative
        if key not in self._modules:
            self._modules[key] = self.xp.RawModule(
                code=kernel_source(stem),
                options=(*COMPILE_OPTIONS, *_header_options()),
                enable_cooperative_groups=cooperative,
            )
        return self._modules[key]


def _header_options() -> tuple[str, ...]:
    """Where ``cuda_fp16.h`` lies when CUDA came from the package index; else CuPy knows."""
    pathfinder = import_module("cuda.pathfinder")  # CuPy depends on it
    folder = pathfinder.find_nvidia_header_directory("cudart")
    return (f"-I{folder}",) if folder else ()
