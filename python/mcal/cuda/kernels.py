"""The text of the kernels, as it is compiled at run time."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

from ..errors import DeviceError

__all__ = ["COMPILE_OPTIONS", "STEMS", "kernel_source", "stem_of"]

STEMS = ("uncertainty", "smallest_k", "k_center")

# Products and sums are fused where the text says so and nowhere else: exact means exact.
COMPILE_OPTIONS = ("--std=c++17", "--fmad=false")

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


def kernel_source(stem: str) -> str:
    """The whole text of ``stem``.cu with the headers of ours pasted in, each once.

    Looked for in the folder that ``MCAL_CUDA_DIR`` names, for those who are changing kernels, or
    beside this file. Raises ``DeviceError`` when it is not there.
    """
    pasted: set[str] = set()

    def paste(match: re.Match[str]) -> str:
        name = match[1]
        if name in pasted:
            return ""
        pasted.add(name)
        return _INCLUDE.sub(paste, _read(name))

    return _INCLUDE.sub(paste, _read(f"{stem}.cu"))


def stem_of(kernel: str) -> str:
    """The stem whose file defines ``kernel``: a kernel's name begins with it."""
    for stem in STEMS:
        if kernel.startswith(f"{stem}_"):
            return stem
    raise ValueError(f"kernel: expected a name that begins with one of {STEMS}, found {kernel}")


def _read(name: str) -> str:
    chosen = os.environ.get("MCAL_CUDA_DIR")
    # An editable install has two folders: the sources', and the one the kernels were copied to.
    package = find_spec("mcal")
    places = (package and package.submodule_search_locations) or []
    folders = [Path(chosen)] if chosen else [Path(place, "cuda") for place in places]
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).read_text()
    raise DeviceError(f"kernel text {name} not found in {', '.join(map(str, folders))}")
