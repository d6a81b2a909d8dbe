"""The one door to torch: every module of this room imports it from here."""

from __future__ import annotations

import os
from pathlib import Path

from mcal.errors import MissingExtraError

__all__ = ["cpu_count", "nn", "torch"]


def cpu_count(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors that this process may use: its affinity and its container's quota, >= 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        count = os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        count = min(count, -(-int(quota) // int(period)))  # rounded up, as the core does
    except (OSError, ValueError):  # no such file, or "max": no quota
        pass
    return max(1, count)


# libgomp reads its wait policy once, when torch loads it. Threads that spin while they wait make
# torch 3 to 8 times slower as soon as one core has something else to do.
_policy_is_ours = "OMP_WAIT_POLICY" not in os.environ
if _policy_is_ours:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
try:
    import torch
    from torch import nn
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtraError("torch", "torch") from error
finally:
    if _policy_is_ours:
        del os.environ["OMP_WAIT_POLICY"]

if "OMP_NUM_THREADS" not in os.environ:
    torch.set_num_threads(cpu_count())
