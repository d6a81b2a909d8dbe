"""From the text of kernels to machine code, by NVRTC, once for each kind of device.

CuPy's own way of compiling flushes subnormal numbers to zero whatever it is asked for, and then
equal is not equal and smallest is not smallest.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import DeviceError
from .kernels import COMPILE_OPTIONS, kernel_source

__all__ = ["compiled_kernels"]


def compiled_kernels(cupy: Any, stem: str, architecture: str) -> Path:
    """A file with the machine code of ``stem``.cu for, say, "sm_90".

    It is kept in ``$XDG_CACHE_HOME/mcal`` or ``~/.cache/mcal``, and compiled when it is not there:
    some seconds. Raises ``DeviceError`` with the compiler's words when it refuses.
    """
    nvrtc = cupy.cuda.nvrtc
    source = kernel_source(stem)
    options = (*COMPILE_OPTIONS, f"--gpu-architecture={architecture}", *_header_options())
    key = hashlib.sha256(repr((source, options, nvrtc.getVersion())).encode()).hexdigest()[:32]
    path = _cache_folder() / f"{stem}-{architecture}-{key}.cubin"
    if not path.exists():
        code = _compile(nvrtc, stem, source, options)
        number, part = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
        with os.fdopen(number, "wb") as file:
            file.write(code)
        os.replace(part, path)
    return path


def _compile(nvrtc: Any, stem: str, source: str, options: tuple[str, ...]) -> bytes:
    program = nvrtc.createProgram(source, f"{stem}.cu", [], [])
    try:
        nvrtc.compileProgram(program, options)
        code: bytes = nvrtc.getCUBIN(program)
    except nvrtc.NVRTCError as error:
        log = nvrtc.getProgramLog(program)
        raise DeviceError(f"the kernels of {stem} do not compile: {log or error}") from error
    finally:
        nvrtc.destroyProgram(program)
    return code


def _header_options() -> tuple[str, ...]:
    """Where ``cuda_fp16.h`` lies: beside the package index's CUDA, or in a toolkit."""
    pathfinder = import_module("cuda.pathfinder")  # CuPy depends on it
    folder = pathfinder.find_nvidia_header_directory("cudart")
    return (f"-I{folder}",) if folder else ()


def _cache_folder() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        folder = root / "mcal"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a home that cannot be written costs time, not answers
    return Path(tempfile.mkdtemp(prefix="mcal-kernels-"))
