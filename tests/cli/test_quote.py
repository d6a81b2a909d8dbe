from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mcal.cli import app

PRICES = "[prices]\nlatency_hours = 2\n[[prices.tiers]]\nfrom = 0\nprice = 0.05\n"


def ask(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["quote", *words])
    return found.exit_code, found.output


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "made.toml"
    path.write_text(PRICES, encoding="utf-8")
    return str(path)


def test_a_quote_without_a_pool(config: str) -> None:
    code, text = ask(config, "--items", "200", "--classes", "3", "--json")
    assert code == 0, text
    found = json.loads(text)
    assert (found["basis"], found["n_pool"], found["n_classes"]) == ("prior", 200, 3)
    assert found["human_only_usd"] == 10.0
    code, text = ask(config, "--items", "200", "--classes", "3")
    assert code == 0, text
    assert f"${found['total_usd']:,.2f}" in text
    assert "$10.00" in text
    assert "given nothing known of this data set" in text
    assert "labels complete" in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "pool: expected a [pool] table"),
        (
            ["--items", "200"],
            "made.toml: classes: expected their names, or",
        ),
        (["--classes", "3"], "--classes: only beside --items"),
    ],
)
def test_mistakes_get_one_line(config: str, words: list[str], line: str) -> None:
    code, text = ask(config, *words)
    assert code == 1
    assert line in text
    assert "Traceback" not in text
