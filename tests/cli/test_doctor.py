"""The examination of a machine, as it is and with things taken away."""

import platform
import sqlite3
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import mcal
from mcal import _core
from mcal.cli import app, doctor


def findings() -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.examine()}


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    def without(name: str, *_: Any) -> Any:
        return None if name in modules else find_spec(name)

    monkeypatch.setattr(doctor, "find_spec", without)


def test_what_is_here_is_told() -> None:
    found = findings()
    assert found["mcal"].words.startswith(mcal.__version__)
    assert platform.python_version() in found["python"].words
    assert found["numpy"].words == np.__version__
    assert found["sqlite"].words == sqlite3.sqlite_version
    assert found["compiled core"].state == "ok"
    assert _core.simd_level() in found["compiled core"].words
    assert f"{_core.thread_count()} threads" in found["compiled core"].words
    assert found["disk"].state == "ok"


def test_thread_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS=3" in findings()["threads"].words


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [("PIL", "pillow", "images"), ("sklearn", "scikit-learn", "digits"),
     ("pyarrow", "pyarrow", "parquet"), ("torchvision", "torchvision", "torch")],
)  # fmt: skip
def test_what_is_missing_is_told_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str, extra: str
) -> None:
    hide(monkeypatch, module)
    finding = findings()[package]
    assert finding.state == "note"
    assert f"pip install 'mcal[{extra}]'" in finding.words


def test_the_main_job_needs_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "torch")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "FAIL  torch" in result.output
    assert "not looked for: torch is missing" in result.output
    assert "The main job cannot run: torch." in result.output


def test_a_broken_core_is_told_and_the_rest_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ImportError(f"{name}: bad magic")

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    found = findings()
    assert found["compiled core"].state == "FAIL"
    assert "bad magic" in found["compiled core"].words
    assert found["gpu"].state == "note"
    assert found["disk"].state == "ok"
