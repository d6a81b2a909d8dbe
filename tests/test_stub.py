"""``_core.pyi`` says what the compiled module is."""

import difflib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pybind11_stubgen")

COMMITTED = Path(__file__).parents[1] / "python" / "mcal" / "_core.pyi"


def test_the_stub_is_that_of_the_module(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "pybind11_stubgen", "mcal._core", "-o", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    committed = COMMITTED.read_text(encoding="utf-8").splitlines()
    generated = (tmp_path / "mcal" / "_core.pyi").read_text(encoding="utf-8").splitlines()
    difference = "\n".join(difflib.unified_diff(committed, generated, "committed", "generated"))
    assert not difference, (
        f"refresh it with: python -m pybind11_stubgen mcal._core -o python\n{difference}"
    )
