"""The command as a whole: help, version, exit codes, and what an error looks like."""

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

import mcal
from mcal.cli import app, doctor
from mcal.errors import McalError, StoreError

COMMANDS = ("demo", "run", "status", "export", "evaluate", "doctor")


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"mcal {mcal.__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"mcal {command}" in result.output.replace("root", "mcal")


def test_help_names_every_command_with_a_whole_sentence() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    for command in COMMANDS:
        (line,) = [row for row in told.splitlines() if row.strip().startswith(f"{command} ")]
        assert line.endswith(".")
        assert not line.endswith("...")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['mcal', '--help']\n"
        "from mcal.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'cupy', 'numpy', 'pydantic', 'sqlite3', 'mcal.campaign'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(
    "arguments",
    [
        "export",
        "export x --format xml",
        "flurb",
        "demo --seed -1",
        "demo --seed 9223372036854775808",
        "demo --dataset imagenet",
        "status x --jsn",
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: str) -> None:
    assert CliRunner().invoke(app, arguments.split()).exit_code == 2


def _raising(error: BaseException) -> object:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (McalError("the disk\nis full"), "mcal: the disk\nmcal: is full\n"),
        (StoreError("no campaign"), "mcal: no campaign\n"),
        (ValueError("seed: expected 1, found 2"), "mcal: seed: expected 1, found 2\n"),
        (PermissionError(13, "Permission denied", "/x"),
         "mcal: [Errno 13] Permission denied: '/x'\n"),
        (ValueError(), "mcal: ValueError\n"),
    ],
)  # fmt: skip
def test_what_the_user_can_mend_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    monkeypatch.delenv("MCAL_DEBUG", raising=False)
    monkeypatch.setattr(doctor, "examine", _raising(error))
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", told)


def test_tracebacks_are_shown_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", _raising(McalError("x")))
    assert isinstance(CliRunner().invoke(app, ["--debug", "doctor"]).exception, McalError)
    result = CliRunner().invoke(app, ["doctor"], env={"MCAL_DEBUG": "1"})
    assert isinstance(result.exception, McalError)


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", _raising(KeyError("x")))
    assert isinstance(CliRunner().invoke(app, ["doctor"]).exception, KeyError)


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", _raising(KeyboardInterrupt()))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 130
    assert result.stderr == "mcal: stopped; the same command continues\n"


def test_a_real_process_ends_with_these_codes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from mcal.cli import main; main()"]
    done = subprocess.run(
        [*command, "run", "gone.toml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "mcal: gone.toml: no such file\n")
