"""The seam ``mcal.selection._cuda.device.Device`` on a CPU, for tests.

The kernels of ``cuda/`` are compiled by the system's C++ compiler against ``emulator/``; memory is
NumPy's. It is stricter than a GPU: argument types are checked against the kernel's parameters,
``xp.empty`` is filled with garbage, and a launch reports the mistakes that
``emulator/scheduler.hpp`` lists.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

__all__ = ["EmulatedDevice", "EmulationError", "emulated_device"]

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "cuda"
EMULATOR = HERE / "emulator"
FLAGS = ["-std=c++17", "-O1", "-g", "-fPIC", "-shared", "-ffp-contract=off", "-fno-strict-aliasing"]
# A misaligned vector load is an error on the device, and here a trap.
FLAGS += ["-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"]
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(\w+)')
MAX_SHARED_BYTES = 232448


class EmulationError(Exception):
    """A kernel did, or was asked to do, what a GPU does not allow."""


class _Memory:
    """NumPy, with garbage where memory is not initialised."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        array = np.empty(shape, dtype)
        array.view(np.uint8).fill(0xA5) if array.size else None
        return array

    def empty_like(self, other: Any) -> Any:
        return self.empty(other.shape, other.dtype)


class EmulatedDevice:
    def __init__(
        self,
        *,
        sources: Path = KERNELS,
        n_multiprocessors: int = 3,
        free_bytes: int = 1 << 30,
        seed: int = 0,
    ) -> None:
        self.xp: Any = _Memory()
        self.n_multiprocessors = n_multiprocessors
        self.max_shared_bytes = MAX_SHARED_BYTES
        self.launches: list[str] = []  # the names, in order
        self._free_bytes = free_bytes
        self._seed = seed
        self._library = _library(sources)

    def free_bytes(self) -> int:
        return self._free_bytes

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
        library = self._library
        try:
            parameters = getattr(library, f"{kernel}_parameters")
            launch = getattr(library, f"{kernel}_launch")
        except AttributeError as missing:
            raise EmulationError(f"no kernel is called {kernel}") from missing
        parameters.restype = launch.restype = ctypes.c_char_p
        values = _arguments(kernel, parameters().decode().split(), args)
        if cooperative and grid > self.n_multiprocessors:
            raise EmulationError(f"{kernel}: more blocks than are resident at once")
        if shared_bytes > self.max_shared_bytes:
            raise EmulationError(f"{kernel}: more shared memory than a block may have")
        self._seed += 1
        self.launches.append(kernel)
        wrong = launch(
            (ctypes.c_uint * 3)(grid, 1, 1),
            ctypes.c_uint(block),
            ctypes.c_size_t(shared_bytes),
            ctypes.c_int(cooperative),
            ctypes.c_uint64(self._seed),
            (ctypes.c_void_p * max(1, len(values)))(*[v.ctypes.data for v in values]),
        )
        if wrong is not None:
            raise EmulationError(f"{kernel}: {wrong.decode()}")

    def multiply(self, a: Any, b: Any, out: Any) -> None:
        if out.dtype != np.float32 or out.shape != (a.shape[0], b.shape[0]):
            raise EmulationError(f"multiply: out is {out.dtype} {out.shape}")
        if a.dtype != np.float16 or b.dtype != np.float16:
            raise EmulationError(f"multiply: {a.dtype} by {b.dtype}")
        out[...] = a.astype(np.float32) @ b.astype(np.float32).T

    @contextmanager
    def copy_stream(self) -> Iterator[None]:
        yield

    def record(self) -> object:
        return object()

    def wait(self, mark: object) -> None:
        pass

    def download(self, array: Any) -> Any:
        return array.copy()

    def upload(self, host: Any, out: Any) -> None:
        if host.dtype != out.dtype or host.shape != out.shape:
            raise EmulationError(f"upload: {host.dtype} {host.shape} to {out.dtype} {out.shape}")
        out[...] = host


@functools.cache
def emulated_device(**options: int) -> EmulatedDevice:
    """A device, or a visible skip where there is no compiler."""
    if compiler() is None:
        pytest.skip("no C++ compiler for the emulated CUDA device")
    return EmulatedDevice(**options)


def compiler() -> str | None:
    return shutil.which(os.environ.get("CXX", "c++"))


def _arguments(kernel: str, parameters: list[str], args: tuple[Any, ...]) -> list[Any]:
    """Zero-dimensional arrays that hold the values, pointers among them."""
    if len(parameters) != len(args):
        raise EmulationError(f"{kernel}: {len(parameters)} parameters, {len(args)} arguments")
    values = []
    for i, (parameter, arg) in enumerate(zip(parameters, args, strict=True)):
        if isinstance(arg, np.ndarray):
            given, value = f"{arg.dtype}*", np.array(arg.ctypes.data, np.uint64)
        elif isinstance(arg, np.generic):
            given, value = str(arg.dtype), np.array(arg)
        else:
            given, value = type(arg).__name__, None
        same = given == parameter or (parameter == "any*" and given.endswith("*"))
        if value is None or not same:
            raise EmulationError(f"{kernel}: parameter {i} is {parameter}, the argument is {given}")
        values.append(value)
    return values


@functools.cache
def _library(sources: Path) -> ctypes.CDLL:
    texts = sorted([*sources.glob("*.cu"), *sources.glob("*.cuh")])
    emulator = sorted(p for p in EMULATOR.iterdir() if p.suffix in {".h", ".hpp", ".cpp"})
    content = hashlib.sha256(repr([compiler(), FLAGS]).encode())
    for path in [*texts, *emulator, Path(__file__)]:
        content.update(path.name.encode() + b"\0" + path.read_bytes())
    folder = Path(tempfile.gettempdir()) / f"mcal-emulated-{os.getuid()}"
    includes = [f"-I{EMULATOR}", f"-I{sources}"]
    library = folder / f"{content.hexdigest()[:32]}.so"
    if not library.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as build:
            units = [EMULATOR / "scheduler.cpp"]
            for path in (p for p in texts if p.suffix == ".cu"):
                units.append(Path(build) / f"{path.stem}.cpp")
                units[-1].write_text(_unit(path, includes))
            built = Path(build) / "emulated.so"
            _run([str(compiler()), *FLAGS, *includes, *map(str, units), "-o", str(built)])
            built.replace(library)
    return ctypes.CDLL(str(library))


def _unit(path: Path, includes: list[str]) -> str:
    """A kernel file as a translation unit of its own, with its launchers."""
    # Preprocessed, because macros may make kernels of several types.
    text = _run([str(compiler()), "-E", "-xc++", "-D__global__=__global__", *includes, str(path)])
    launchers = "\n".join(f"MCAL_LAUNCHER({name})" for name in KERNEL.findall(text))
    return f'#include "launcher.hpp"\n#include "{path}"\n{launchers}\n'


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise EmulationError(f"the kernels do not compile:\n{done.stderr}")
    return done.stdout
