"""Where the tensors live, and how many of them may."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from ._torch import torch

__all__ = ["choose_device", "free_bytes", "own_chance"]


def choose_device(name: str) -> torch.device:
    """The device called ``name``; "auto" is a CUDA GPU when there is one, else the CPU.

    Raises ``ValueError`` when torch knows no such device or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch's own words differ by build
        raise ValueError(
            f"device: expected 'auto' or a device of this machine, found {name!r}"
        ) from error
    return device


def own_chance(device: torch.device) -> AbstractContextManager[None]:
    """Whatever is drawn from torch's global generators within, they are left as they were."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def free_bytes(device: torch.device) -> int:
    """Memory that is free on ``device`` now, in bytes; 0 when nobody knows."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return 0
    try:
        with open("/proc/meminfo") as file:
            available = next(line for line in file if line.startswith("MemAvailable:"))
        return int(available.split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 0
