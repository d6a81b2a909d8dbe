"""``mcal doctor``: what is here, what is missing, and what to type about it."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import typer

import mcal

__all__ = ["Finding", "doctor", "examine"]

State = Literal["ok", "note", "FAIL"]

# Module to import, distribution to name, extra that brings it, what it is for.
_OPTIONAL = (
    ("torch", "torch", "torch", "training"),
    ("torchvision", "torchvision", "torch", "architectures and data sets"),
    ("timm", "timm", "timm", "frozen features of its models"),
    ("PIL", "pillow", "images", "folders of images"),
    ("sklearn", "scikit-learn", "digits", "the bundled digits"),
    ("pyarrow", "pyarrow", "parquet", "export to parquet and huggingface"),
    ("pandas", "pandas", "pandas", "results as frames"),
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; the main job cannot run after a "FAIL"."""

    what: str
    state: State
    words: str


def doctor() -> None:
    """Look at what is here and what is missing.

    Ends with exit code 1 when the main job cannot run on this machine.
    """
    findings = list(examine())
    for finding in findings:
        typer.echo(f"{finding.state:<4}  {finding.what:<14}  {finding.words}")
    failed = [finding.what for finding in findings if finding.state == "FAIL"]
    if failed:
        typer.echo(f"\nThe main job cannot run: {', '.join(failed)}.")
        raise typer.Exit(1)
    typer.echo("\nThe main job can run: mcal demo")


def examine() -> Iterator[Finding]:
    """Everything the doctor looks at, in the order it is told."""
    yield Finding("mcal", "ok", f"{mcal.__version__} in {Path(mcal.__file__).parent}")
    yield Finding(
        "python", "ok", f"{platform.python_version()} {platform.machine()} {sys.platform}"
    )
    yield _told("compiled core", _core, broken="FAIL")
    yield Finding("numpy", "ok", metadata.version("numpy"))
    for module, package, extra, purpose in _OPTIONAL:
        yield _optional(module, package, extra, purpose)
    yield _told("gpu", _gpu)
    yield _told("cuda engine", _cuda_engine)
    yield Finding("threads", "ok", _thread_words())
    yield _told("fashion-mnist", _fashion_mnist)
    yield _told("sqlite", _sqlite, broken="FAIL")
    yield _told("disk", _disk, broken="FAIL")


def _told(what: str, look: Callable[[], tuple[State, str]], *, broken: State = "note") -> Finding:
    """A look that must not end the examination, whatever is broken on this machine."""
    try:
        state, words = look()
    except Exception as error:
        state, words = broken, f"{type(error).__name__}: {error}"
    return Finding(what, state, words)


def _core() -> tuple[State, str]:
    core = importlib.import_module("mcal._core")
    return "ok", f"{core.simd_level()} instructions, {core.thread_count()} threads"


def _optional(module: str, package: str, extra: str, purpose: str) -> Finding:
    if find_spec(module) is None:
        # Only training is part of every campaign; the rest belongs to one kind of pool or file.
        state: State = "FAIL" if module == "torch" else "note"
        return Finding(package, state, f"missing, for {purpose}: pip install 'mcal[{extra}]'")
    return Finding(package, "ok", f"{metadata.version(package)}, for {purpose}")


def _gpu() -> tuple[State, str]:
    if find_spec("torch") is None:
        return "note", "not looked for: torch is missing"
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
        return "ok", f"{torch.cuda.device_count()} x {', '.join(sorted(names))}"
    if torch.version.cuda is None:
        return "note", "none: this torch was built without CUDA; training uses the CPU"
    return "note", "none found by torch; training uses the CPU"


def _cuda_engine() -> tuple[State, str]:
    from mcal.cuda import open_device, why_no_device

    reason = why_no_device()
    if reason is not None:
        return "note", f"not here, selection runs on the CPU ({reason})"
    device = open_device()
    device.load("smallest_k")  # can kernels be compiled here?
    return "ok", f"selection runs on {device.name}, {device.free_bytes() >> 20:,} MiB free"


def _thread_words() -> str:
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS")
    chosen = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    return f"{os.cpu_count()} CPUs; {', '.join(chosen) or 'OpenMP settings at their defaults'}"


def _fashion_mnist() -> tuple[State, str]:
    from mcal.pools import find_fashion_mnist

    found = find_fashion_mnist()
    if found is None:
        return "note", "not found; the demo tries to fetch it, or takes the digits"
    return "ok", f"found in {found}"


def _sqlite() -> tuple[State, str]:
    return "ok", importlib.import_module("sqlite3").sqlite_version


def _disk() -> tuple[State, str]:
    with tempfile.TemporaryFile(dir=Path.cwd()):
        return "ok", f"{Path.cwd()} can be written"
