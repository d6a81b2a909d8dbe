"""CUDA devices, the kernels for them, and arrays of other libraries: the one door to CuPy."""

from __future__ import annotations

from .compiler import compiled_kernels
from .cupy_device import CupyDevice, open_device, why_no_device
from .interchange import Engine, Foreign, open_array
from .kernels import COMPILE_OPTIONS, STEMS, kernel_source

__all__ = [
    "COMPILE_OPTIONS",
    "STEMS",
    "CupyDevice",
    "Engine",
    "Foreign",
    "compiled_kernels",
    "kernel_source",
    "open_array",
    "open_device",
    "why_no_device",
]
