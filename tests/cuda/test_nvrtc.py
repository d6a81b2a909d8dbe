"""NVRTC, which compiles the kernels where they run, accepts every one; no device is needed."""

from pathlib import Path
from typing import Any

import pytest

from mcal.cuda import COMPILE_OPTIONS

nvrtc: Any = pytest.importorskip(
    "cuda.bindings.nvrtc", reason="NVRTC's Python bindings are not installed"
)
pathfinder: Any = pytest.importorskip("cuda.pathfinder", reason="it finds CUDA's headers")

CUDA = Path(__file__).parents[2] / "cuda"
# To machine code, and for the rest, to save minutes, to what machine code is made of.
ARCHITECTURES = ["sm_80", "sm_90", "compute_100", "compute_120"]


def headers() -> str:
    found = pathfinder.find_nvidia_header_directory("cudart")
    if found is None:
        pytest.skip("cuda_fp16.h is not installed")
    return str(found)


def compiled(text: str, options: list[str]) -> tuple[bool, str]:
    error, program = nvrtc.nvrtcCreateProgram(text.encode(), b"kernels.cu", 0, [], [])
    assert error == nvrtc.nvrtcResult.NVRTC_SUCCESS
    (error,) = nvrtc.nvrtcCompileProgram(program, len(options), [o.encode() for o in options])
    _, size = nvrtc.nvrtcGetProgramLogSize(program)
    log = bytes(size + 1)  # written to: never one byte, which CPython keeps a single copy of
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(program)
    return error == nvrtc.nvrtcResult.NVRTC_SUCCESS, log.decode()


def options(architecture: str) -> list[str]:
    return [*COMPILE_OPTIONS, f"--gpu-architecture={architecture}", f"-I{CUDA}", f"-I{headers()}"]


@pytest.fixture(autouse=True)
def _has_a_library() -> None:
    try:
        nvrtc.nvrtcVersion()
    except RuntimeError as missing:
        pytest.skip(f"NVRTC is not installed: {missing}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("path", sorted(CUDA.glob("*.cu")), ids=lambda p: p.stem)
def test_every_kernel_compiles(path: Path, architecture: str) -> None:
    _, supported = nvrtc.nvrtcGetNumSupportedArchs()
    if int(architecture.split("_")[1]) not in nvrtc.nvrtcGetSupportedArchs()[1][:supported]:
        pytest.skip(f"this NVRTC does not know {architecture}")
    accepted, log = compiled(path.read_text(), options(architecture))
    assert accepted, log
    assert "warning" not in log, log


def test_a_mistake_would_be_found() -> None:
    accepted, log = compiled(
        '#include "common.cuh"\n__global__ void f() { to_flaot(1); }', options("sm_80")
    )
    assert not accepted
    assert "to_flaot" in log
