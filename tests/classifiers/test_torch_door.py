"""Threads, and the environment that torch is loaded in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from mcal.classifiers._torch import cpu_count
from mcal.classifiers.devices import free_bytes


@pytest.mark.parametrize(
    ("text", "most"),
    [("max 100000", 10**6), ("100000 100000", 1), ("150000 100000", 2), ("10000 100000", 1)],
)
def test_a_container_s_quota_counts(tmp_path: Path, text: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert cpu_count(tmp_path) == min(most, cpu_count(tmp_path / "none"))


@pytest.mark.parametrize("given", [None, "1"])
def test_threads_are_chosen_unless_the_user_has(given: str | None) -> None:
    code = (
        "import os; from mcal.classifiers._torch import cpu_count, torch;"
        "print(torch.get_num_threads(), cpu_count(), os.environ.get('OMP_WAIT_POLICY'))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    if given is not None:
        environment |= {"OMP_NUM_THREADS": given, "OMP_WAIT_POLICY": "ACTIVE"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    threads, cpus, policy = run.stdout.split()
    assert threads == (cpus if given is None else given)
    assert policy == ("None" if given is None else "ACTIVE")


def test_free_memory_is_some_and_not_more_than_there_is() -> None:
    import torch

    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < free_bytes(torch.device("cpu")) <= total
    assert free_bytes(torch.device("meta")) == 0
