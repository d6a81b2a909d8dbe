"""``mcal simulate``: the table, the JSON, and what it refuses."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from mcal.cli import app
from mcal.cli.simulate import _bar

FEW = ("--world", "easy", "--items", "2000", "--campaigns", "2", "--jobs", "1")


def mcal(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *arguments], env={"COLUMNS": "120"})


def test_the_table_has_a_row_for_every_policy() -> None:
    result = mcal(*FEW, "--policy", "people", "--policy", "naive-al")
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if "easy" in line]
    assert len(rows) == 6
    people = rows[0].split()
    assert {"people", "80.00", "100.0%", "0.00%"} <= set(people)  # 2,000 labels at $0.04
    assert "kept" in result.output


def test_json_is_the_summaries() -> None:
    result = mcal(*FEW, "--policy", "people", "--price", "0.5", "--json")
    (row,) = json.loads(result.stdout)
    assert (row["world"], row["policy"], row["total_usd"]) == ("easy", "people", 1_000.0)
    assert row["forecast_coverage"] is None
    again = mcal(*FEW, "--policy", "people", "--price", "0.5", "--json")
    assert again.stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--world", "nowhere"), "mcal: world: expected one of easy, medium"),
        (("--world", "nowhere.toml"), "mcal: nowhere.toml: no such file"),
        (("--world", "easy", "--policy", "luck"), "mcal: policy: expected one of mcal"),
        (("--world", "easy", "--world", "easy"), "mcal: worlds: expected one at least, each once"),
        (("--target-error", "5"), "mcal: --target-error: expected a share in (0, 1), found 5"),
        (("--price", "0"), "mcal: --price: expected dollars above 0, found 0"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    result = mcal(*arguments)
    assert result.exit_code == 1
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("option", ["--campaigns", "--items", "--jobs"])
def test_a_count_of_none_is_wrong_usage(option: str) -> None:
    assert mcal(option, "0").exit_code == 2


def test_a_pool_too_small_for_any_campaign_is_wrong_usage() -> None:
    assert mcal(*FEW, "--items", "19", "--policy", "people").exit_code == 2


@pytest.mark.parametrize(("patience_s", "shown"), [(1e9, False), (-1.0, True)])
def test_a_bar_is_drawn_only_when_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, patience_s: float, shown: bool
) -> None:
    monkeypatch.setattr("mcal.cli.simulate.PATIENCE_S", patience_s)
    console = Console(file=io.StringIO(), force_terminal=True)
    with _bar(console) as progress:
        progress(0.5, "1 of 2 pools")
        progress(1.0, "2 of 2 pools")
    assert isinstance(console.file, io.StringIO)
    assert ("of 2 pools" in console.file.getvalue()) == shown
