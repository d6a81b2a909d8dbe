"""What the README says is so: its code runs, its settings validate, its commands exist."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import mcal
from doc_pages import snippets
from mcal.cli import app
from mcal.config import read_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GROUP: Any = get_command(app)
COMMANDS = GROUP.commands


def options_of(command: str) -> set[str]:
    return {name for parameter in COMMANDS[command].params for name in parameter.opts} - {"--help"}


def uses() -> list[tuple[str, str]]:
    """Every use of the command line: its command, and the text up to the end of the code."""
    names = "demo|quote|run|label|status|report|export|evaluate|simulate|doctor"
    found = re.findall(rf"\bmcal ({names})\b([^`\n]*)", README)
    return [(name, rest) for name, rest in found]


CAMPAIGN, SELECTION, AUDIT = snippets(README, "python")


def test_the_campaign_runs(tmp_path: Path) -> None:
    # The same code on fewer digits in fewer steps: this is about the code.
    few = 'PoolSettings(kind="digits", limit=300)'
    steps = '{"initial_share": 0.1, "delta_min_share": 0.1, "stable_share": 0.9}'
    fewer = CAMPAIGN.replace('PoolSettings(kind="digits")', f"{few}, plan={steps}")
    assert fewer != CAMPAIGN
    done = subprocess.run(
        [sys.executable, "-c", fewer], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'human'" in done.stdout
    assert re.search(r"\] \d+\.\d+\n$", done.stdout), done.stdout


def test_the_code_is_five_lines() -> None:
    assert len([line for line in CAMPAIGN.splitlines() if line.strip()]) == 5


def test_selection_alone_runs() -> None:
    rng = np.random.default_rng(0)
    names: dict[str, Any] = {
        "logits": rng.normal(size=(12_000, 10)).astype(np.float32),
        "embeddings": rng.normal(size=(2_000, 8)).astype(np.float32),
        "labelled": np.arange(50),
    }
    exec(SELECTION, names)
    assert names["scores"].label.shape == (12_000,)
    assert len(set(names["next_ones"].tolist())) == 10_000
    assert not set(names["spread"].positions.tolist()) & set(range(50))


def test_the_audit_alone_runs() -> None:
    rng = np.random.default_rng(0)
    unlabelled = rng.normal(size=(5000, 4)) * rng.uniform(0.5, 20, (5000, 1))
    wrong = rng.random(5000) < 0.5 * mcal.uncertainty(unlabelled).deficit
    test = rng.choice(5000, 400, replace=False)
    names: dict[str, Any] = {
        "unlabelled": unlabelled,
        "test_deficit": mcal.uncertainty(unlabelled[test]).deficit,
        "test_wrong": wrong[test],
        "n_pool": 6000,
        "check": lambda indices: wrong[indices],
    }
    exec(AUDIT, names)
    machine = names["machine"]
    assert machine.size == names["found"].n_machine > 1000
    assert not np.isin(machine, names["ranked"][names["positions"]]).any()
    assert wrong[machine].sum() <= 0.05 * 6000


@pytest.mark.parametrize("text", snippets(README, "toml"))
def test_the_settings_validate(tmp_path: Path, text: str) -> None:
    path = tmp_path / "flowers.toml"
    path.write_text(text, encoding="utf-8")
    pool_path = tomllib.loads(text)["pool"].get("path")
    if pool_path is not None:
        (tmp_path / pool_path).mkdir()
    settings = read_settings(path)
    assert settings.classes == ("daisy", "rose", "tulip")


def test_there_is_something_to_check() -> None:
    assert snippets(README, "toml")
    assert {name for name, _ in uses()} == set(COMMANDS)


def test_every_option_in_the_readme_exists() -> None:
    for name, rest in uses():
        assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= options_of(name), name


def test_every_option_is_in_the_table_of_commands() -> None:
    table = dict(re.findall(r"^\| `mcal ([a-z]+)([^`]*)`", README, re.MULTILINE))
    assert set(table) == set(COMMANDS)
    for name, rest in table.items():
        long_options = {option for option in options_of(name) if option.startswith("--")}
        assert set(re.findall(r"--[a-z][a-z-]*", rest)) == long_options, name


def test_every_option_and_argument_has_help() -> None:
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), (name, parameter.name)


def test_the_extras_that_are_installed_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"pip install '\.\[(\w+)\]'", README)
    assert extras[0] == "demo"
    assert set(extras) <= set(project["optional-dependencies"])


def test_continuous_integration_runs_the_second_command() -> None:
    assert "bash tests/run\n" in snippets(README, "sh")
    assert (
        (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("exec bash tests/run")
    )
