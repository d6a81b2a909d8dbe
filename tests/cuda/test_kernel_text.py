"""The text of the kernels is found, whole, and compiled under its own names."""

from __future__ import annotations

from pathlib import Path

import pytest

import mcal
from mcal.cuda import STEMS, kernel_source
from mcal.errors import DeviceError

SOURCES = Path(__file__).parents[2] / "cuda"


def test_installed_text_is_the_text_of_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    if SOURCES.parent in Path(mcal.__file__).parents:
        pytest.skip("an editable install copies the text when it is built")
    for stem in STEMS:
        monkeypatch.delenv("MCAL_CUDA_DIR", raising=False)
        installed = kernel_source(stem)
        monkeypatch.setenv("MCAL_CUDA_DIR", str(SOURCES))
        assert kernel_source(stem) == installed
        assert '#include "' not in installed  # the headers of ours are pasted in
        assert f"{stem}_" in installed


def test_headers_are_pasted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k_center.cu").write_text('#include "a.cuh"\n#include "b.cuh"\nkernel\n')
    (tmp_path / "a.cuh").write_text('#include "b.cuh"\nA\n')
    (tmp_path / "b.cuh").write_text("B\n")
    monkeypatch.setenv("MCAL_CUDA_DIR", str(tmp_path))
    assert kernel_source("k_center").split() == ["B", "A", "kernel"]


def test_a_folder_without_kernels_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCAL_CUDA_DIR", str(tmp_path))
    with pytest.raises(DeviceError, match=f"kernel text uncertainty.cu not found in {tmp_path}"):
        kernel_source("uncertainty")
