"""What ``CupyDevice`` asks of CuPy, with a stand-in that does it in NumPy: no device is needed."""

from __future__ import annotations

import ctypes
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mcal.cuda import cupy_device
from mcal.cuda.cupy_device import CupyDevice


class Array:
    """The little of a CuPy array that is asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape, self.strides, self.dtype = array.shape, array.strides, array.dtype
        self.data = SimpleNamespace(ptr=array.ctypes.data)


def columns_at(address: int, rows: int, columns: int, leading: int) -> np.ndarray:
    """A float32 matrix as cuBLAS sees it: column by column, ``leading`` elements apart."""
    kind = ctypes.c_float * (leading * (columns - 1) + rows)
    flat = np.ctypeslib.as_array(kind.from_address(address))
    step = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (step, step * leading))


def gemm(
    handle: int, op_a: int, op_b: int, m: int, n: int, k: int,
    alpha: int, a: int, a_kind: int, lda: int, b: int, b_kind: int, ldb: int,
    beta: int, c: int, c_kind: int, ldc: int, compute: int, algorithm: int,
) -> None:  # fmt: skip
    """C (m, n) = alpha op(A) op(B) + beta C, by the reference of cuBLAS."""
    assert (a_kind, b_kind, c_kind, compute) == (0, 0, 0, 77)
    scale, keep = (ctypes.c_float.from_address(x).value for x in (alpha, beta))
    left = columns_at(a, k, m, lda).T if op_a else columns_at(a, m, k, lda)
    right = columns_at(b, n, k, ldb).T if op_b else columns_at(b, k, n, ldb)
    out = columns_at(c, m, n, ldc)
    out[...] = scale * (left @ right) + keep * out


CUBLAS = SimpleNamespace(
    CUBLAS_OP_N=0,
    CUBLAS_OP_T=1,
    CUBLAS_COMPUTE_32F=68,
    CUBLAS_COMPUTE_32F_FAST_TF32=77,
    CUBLAS_GEMM_DEFAULT=-1,
    gemmEx=gemm,
)


class Kernel:
    def __init__(self, name: str, log: list[Any]) -> None:
        self.name, self.log = name, log
        self.max_dynamic_shared_size_bytes = 0
        self.kernel = SimpleNamespace(ptr=1234)

    def __call__(self, grid: Any, block: Any, args: Any, *, shared_mem: int) -> None:
        self.log.append((self.name, grid, block, args, shared_mem))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    launches: list[Any] = []
    modules: list[Any] = []

    def compiled(**given: Any) -> Any:
        modules.append(given)
        return SimpleNamespace(get_function=lambda name: Kernel(name, launches))

    attributes = {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448}
    runtime = SimpleNamespace(
        CUDA_R_32F=0,
        CUDA_R_16F=2,
        CUDA_R_16BF=14,
        memGetInfo=lambda: (1000, 2000),
        getDeviceProperties=lambda ordinal: {"name": b"a device"},
    )
    cuda = SimpleNamespace(
        Device=lambda ordinal: nullcontext(SimpleNamespace(attributes=attributes)),
        device=SimpleNamespace(get_cublas_handle=lambda: 5),
        runtime=runtime,
    )
    cupy = SimpleNamespace(
        cuda=cuda,
        RawModule=compiled,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 24),
    )
    driver = SimpleNamespace(occupancyMaxActiveBlocksPerMultiprocessor=lambda f, b, s: 2)
    found = {"cupy.cuda.cublas": CUBLAS, "cupy_backends.cuda.api.driver": driver}
    pathfinder = SimpleNamespace(find_nvidia_header_directory=lambda name: "/headers")
    found["cuda.pathfinder"] = pathfinder
    monkeypatch.setattr(cupy_device, "import_module", found.__getitem__)
    made = CupyDevice(cupy, 0)
    return SimpleNamespace(device=made, launches=launches, modules=modules)


@pytest.mark.parametrize(("n", "m", "d"), [(5, 3, 4), (1, 7, 2), (6, 1, 1)])
def test_rows_times_rows_whatever_the_strides(device: Any, n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, d + 2)).astype(np.float32)[:, :d]
    b = rng.normal(size=(m, d + 1)).astype(np.float32)[:, :d]
    out = np.full((n, m + 3), np.float32(9))
    device.device.multiply(Array(a), Array(b), Array(out[:, :m]), dtype="float32")
    np.testing.assert_allclose(out[:, :m], a @ b.T, rtol=1e-5)
    assert (out[:, m:] == 9).all()


def test_what_a_launch_hands_over(device: Any) -> None:
    it = device.device
    it.launch("k_center_pick", 7, 128, (np.int64(3),), cooperative=True)
    it.launch("k_center_pick", (7, 2), 128, (), shared_bytes=100_000)
    it.launch("k_center_pick", 1, 32, ())
    assert device.launches == [
        ("k_center_pick", (7,), (128,), (np.int64(3),), 0),
        ("k_center_pick", (7, 2), (128,), (), 100_000),
        ("k_center_pick", (1,), (32,), (), 0),
    ]
    # compiled once for each way of launching
    assert [m["enable_cooperative_groups"] for m in device.modules] == [True, False]
    assert device.modules[0]["options"] == ("--std=c++17", "--fmad=false", "-I/headers")
    assert it.resident_blocks("k_center_pick", 128) == 2 * 132
    assert (it.free_bytes(), it.name) == (1024, "a device")


def test_a_kernel_of_no_stem_is_refused(device: Any) -> None:
    with pytest.raises(ValueError, match=r"kernel: expected a name that begins with .* found sort"):
        device.device.launch("sort", 1, 32, ())
