"""What ``CupyDevice`` asks of CuPy, with a stand-in that does it in NumPy: no device is needed."""

from __future__ import annotations

import ctypes
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mcal.cuda import compiled_kernels, cupy_device
from mcal.cuda.cupy_device import CupyDevice
from mcal.errors import DeviceError


class Array:
    """The little of a CuPy array that is asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape, self.strides, self.dtype = array.shape, array.strides, array.dtype
        self.data = SimpleNamespace(ptr=array.ctypes.data)


def columns_at(
    address: int, rows: int, columns: int, leading: int, dtype: Any = np.float16
) -> np.ndarray:
    """A matrix as cuBLAS sees it: column by column, ``leading`` elements apart."""
    step = np.dtype(dtype).itemsize
    kind = ctypes.c_uint8 * (step * (leading * (columns - 1) + rows))
    flat = np.ctypeslib.as_array(kind.from_address(address)).view(dtype)
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (step, step * leading))


def gemm(
    handle: int, op_a: int, op_b: int, m: int, n: int, k: int,
    alpha: int, a: int, a_kind: int, lda: int, b: int, b_kind: int, ldb: int,
    beta: int, c: int, c_kind: int, ldc: int, compute: int, algorithm: int,
) -> None:  # fmt: skip
    """C (m, n) = alpha op(A) op(B) + beta C, by the reference of cuBLAS."""
    assert (a_kind, b_kind, c_kind, compute) == (2, 2, 0, 68)
    scale, keep = (ctypes.c_float.from_address(x).value for x in (alpha, beta))
    left = columns_at(a, k, m, lda).T if op_a else columns_at(a, m, k, lda)
    right = columns_at(b, n, k, ldb).T if op_b else columns_at(b, k, n, ldb)
    out = columns_at(c, m, n, ldc, np.float32)
    out[...] = scale * (left.astype(np.float32) @ right.astype(np.float32)) + keep * out


CUBLAS = SimpleNamespace(
    CUBLAS_OP_N=0,
    CUBLAS_OP_T=1,
    CUBLAS_COMPUTE_32F=68,
    CUBLAS_GEMM_DEFAULT=-1,
    gemmEx=gemm,
)


class Kernel:
    def __init__(self, name: str, log: list[Any]) -> None:
        self.name, self.log = name, log
        self.max_dynamic_shared_size_bytes = 0
        self.shared_size_bytes = 544
        self.kernel = SimpleNamespace(ptr=1234)

    def __call__(self, grid: Any, block: Any, args: Any, *, shared_mem: int) -> None:
        self.log.append((self.name, grid, block, args, shared_mem))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    launches: list[Any] = []
    modules: list[Any] = []

    def loaded(**given: Any) -> Any:
        modules.append(given)
        return SimpleNamespace(get_function=lambda name: Kernel(name, launches))

    found = SimpleNamespace(
        attributes={"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448},
        compute_capability="90",
    )
    runtime = SimpleNamespace(
        CUDA_R_32F=0,
        CUDA_R_16F=2,
        memGetInfo=lambda: (1000, 2000),
        getDeviceProperties=lambda ordinal: {"name": b"a device"},
    )
    cuda = SimpleNamespace(
        Device=lambda ordinal: nullcontext(found),
        cublas=CUBLAS,
        device=SimpleNamespace(get_cublas_handle=lambda: 5),
        memory=SimpleNamespace(OutOfMemoryError=MemoryError),
        runtime=runtime,
    )
    cupy = SimpleNamespace(
        cuda=cuda,
        RawModule=loaded,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 24),
    )

    def compiled(cupy: Any, stem: str, architecture: str) -> Path:
        return Path(f"{stem}-{architecture}.cubin")

    monkeypatch.setattr(cupy_device, "compiled_kernels", compiled)
    return SimpleNamespace(
        device=CupyDevice(cupy, 0), launches=launches, modules=modules, found=found
    )


@pytest.mark.parametrize(("n", "m", "d"), [(5, 3, 4), (1, 7, 2), (6, 1, 1)])
def test_rows_times_rows_whatever_the_strides(device: Any, n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, d + 2)).astype(np.float16)[:, :d]
    b = rng.normal(size=(m, d + 1)).astype(np.float16)[:, :d]
    out = np.full((n, m + 3), np.float32(9))
    device.device.multiply(Array(a), Array(b), Array(out[:, :m]))
    np.testing.assert_allclose(out[:, :m], a.astype(np.float32) @ b.T.astype(np.float32), rtol=1e-5)
    assert (out[:, m:] == 9).all()


def test_what_a_launch_hands_over(device: Any) -> None:
    it = device.device
    it.launch("k_center_pick", 7, 128, (np.int64(3),), cooperative=True)
    it.launch("k_center_fold", 8, 128, (), shared_bytes=100_000)
    it.launch("k_center_fold", 1, 32, ())
    assert device.launches == [
        ("k_center_pick", (7,), (128,), (np.int64(3),), 0),
        ("k_center_fold", (8,), (128,), (), 100_000),
        ("k_center_fold", (1,), (32,), (), 0),
    ]
    # loaded once for each way of launching
    path = "k_center-sm_90.cubin"
    assert device.modules == [
        {"path": path, "enable_cooperative_groups": True},
        {"path": path, "enable_cooperative_groups": False},
    ]
    assert (it.free_bytes(), it.name) == (1024, "a device")


def test_a_device_that_is_too_old_is_refused(device: Any) -> None:
    device.found.compute_capability = "75"
    with pytest.raises(DeviceError, match=r"capability 8\.0 or newer, found 7\.5"):
        CupyDevice(device.device.xp, 0)


def test_too_little_memory_is_told_in_bytes(device: Any) -> None:
    with (
        pytest.raises(DeviceError, match="a device: 5 GB too much; 1,024 bytes free"),
        device.device.on_stream(None),
    ):
        raise MemoryError("5 GB too much")


def test_a_kernel_of_no_stem_is_refused(device: Any) -> None:
    with pytest.raises(ValueError, match=r"kernel: expected a name that begins with .* found sort"):
        device.device.launch("sort", 1, 32, ())


def test_what_is_asked_of_cupy_is_there() -> None:
    cupy = pytest.importorskip("cupy")
    assert cupy.cuda.cublas.gemmEx
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, Exception)
    for name in ("CUDA_R_16F", "CUDA_R_32F", "memGetInfo", "getDeviceProperties"):
        assert hasattr(cupy.cuda.runtime, name)
    for name in ("Stream", "Event", "Device", "get_current_stream"):
        assert hasattr(cupy.cuda, name)
    assert cupy.cuda.Stream.from_external(cupy_device._Stream(0)).ptr == 0


def test_kernels_are_compiled_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cupy = pytest.importorskip("cupy")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MCAL_CUDA_DIR", str(Path(__file__).parents[2] / "cuda"))
    try:
        path = compiled_kernels(cupy, "smallest_k", "sm_90")
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    assert path.read_bytes()[:4] == b"\x7fELF"
    assert path.parent == tmp_path / "mcal"
    monkeypatch.setattr("mcal.cuda.compiler._compile", None)
    assert compiled_kernels(cupy, "smallest_k", "sm_90") == path


def test_the_compiler_s_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cupy = pytest.importorskip("cupy")
    (tmp_path / "smallest_k.cu").write_text("__global__ void f() { no_such_thing(); }")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MCAL_CUDA_DIR", str(tmp_path))
    try:
        with pytest.raises(DeviceError, match=r"smallest_k do not compile: (.|\n)*no_such_thing"):
            compiled_kernels(cupy, "smallest_k", "sm_90")
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
