"""Markdown pages as the tests read them: their code, run in order, and their links."""

import re
import runpy
import shlex
import sqlite3
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from mcal.cli import app
from mcal.config import read_settings
from mcal.simulation import open_world

ROOT = Path(__file__).parents[1]
RUN = ("python", "sh", "bash", "toml", "sql")
SHOWN = ("text", "{eval-rst}", "{toctree}", "{include}", "{figure}")
WAITING = 3

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NOT_RUN = re.compile(r"\*Not run by the tests: (.+)\.\*\s*\Z")
_AGAIN = re.compile(r"<!-- again while people are waited for -->\s*\Z")
_FILE = re.compile(r"# ([\w.-]+\.\w+)\n")
_FOLDER = re.compile(r"<!-- begins with the folder ([\w-]+) -->")


@dataclass(frozen=True)
class Block:
    """Fenced code: what it is, and what the page says about it."""

    language: str
    code: str
    line: int
    not_run: str | None = None
    """Why not, as every reader sees it."""
    again: bool = False
    """Repeated until no command waits for people."""

    @property
    def file(self) -> str | None:
        """The name in its first line, a comment: the reader saves it, and so does the test."""
        found = _FILE.match(self.code)
        return found[1] if found else None


def pages() -> list[Path]:
    """Everything of the site that is written in Markdown."""
    return sorted((ROOT / "docs").rglob("*.md"))


def blocks(text: str) -> list[Block]:
    return [
        Block(
            language=found[1].partition(" ")[0],
            code=found[2],
            line=text.count("\n", 0, found.start()) + 1,
            not_run=why[1] if (why := _NOT_RUN.search(text, 0, found.start())) else None,
            again=bool(_AGAIN.search(text, 0, found.start())),
        )
        for found in _FENCE.finditer(text)
    ]


def snippets(text: str, language: str) -> list[str]:
    return [block.code for block in blocks(text) if block.language == language]


def begins_with(text: str) -> str | None:
    """The folder that a page takes for granted."""
    found = _FOLDER.search(text)
    return found[1] if found else None


def links(text: str) -> list[str]:
    """Where a page points, outside of its code."""
    prose = re.sub(r"`[^`\n]+`", "", _FENCE.sub("", text))
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(text: str) -> set[str]:
    """The fragments that GitHub, and the site, make of headings."""
    headings = re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", text), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


@dataclass
class Reader:
    """Does what a page says, in the folder where the process is."""

    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def do(self, block: Block) -> None:
        if block.language not in (*RUN, *SHOWN):
            raise AssertionError(f"line {block.line}: no rule for the language {block.language!r}")
        if block.not_run is not None or block.language not in RUN:
            check(block)
            return
        if block.file is not None:
            Path(block.file).write_text(block.code, encoding="utf-8")
        match block.language:
            case "python" if block.file is None:
                exec(compile(block.code, f"line {block.line}", "exec"), self.names)
            case "sql":
                self._ask(block.code)
            case "sh" | "bash":
                n_left = 20 if block.again else 1
                while self._shell(block.code) and block.again:
                    n_left -= 1
                    assert n_left, f"line {block.line}: still waiting for people"
            case _:
                check(block)

    def _shell(self, code: str) -> bool:
        """Whether a command waits for people."""
        waits = False
        for words in commands(code):
            if words[0] == "mcal":
                words, to = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
                done = CliRunner().invoke(app, words[1:])
                if to is not None:
                    Path(to).write_text(done.stdout, encoding="utf-8")
                if done.exception is not None and not isinstance(done.exception, SystemExit):
                    raise done.exception
                assert done.exit_code in (0, WAITING), f"{shlex.join(words)}:\n{done.output}"
                waits |= done.exit_code == WAITING
            elif words[0] == "python" and len(words) == 2:
                runpy.run_path(words[1], run_name="__main__")
            else:
                subprocess.run(words, check=True)
        return waits

    def _ask(self, code: str) -> None:
        """Every query finds something in the only campaign there is."""
        (store,) = Path().rglob("campaign.sqlite")
        database = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            for query in filter(str.strip, code.split(";")):
                assert database.execute(query).fetchall(), f"finds nothing:\n{query}"
        finally:
            database.close()


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command, without comments."""
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def check(block: Block) -> None:
    """That a block which is not run could be."""
    match block.language:
        case "python":
            compile(block.code, f"line {block.line}", "exec")
        case "sh" | "bash":
            subprocess.run(["bash", "-n", "-c", block.code], check=True)
            for words in commands(block.code):
                if words[0] == "mcal":
                    check_options(words[1:])
        case "toml":
            check_toml(block.code)


def check_options(words: list[str]) -> None:
    """That the command exists, and has these options."""
    group: Any = get_command(app)
    assert words[0] in group.commands, f"no command mcal {words[0]}"
    known = {name for p in group.commands[words[0]].params for name in (*p.opts, *p.secondary_opts)}
    used = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    assert used <= known, f"mcal {words[0]} has no {', '.join(sorted(used - known))}"


def check_toml(text: str) -> None:
    """That it holds settings, whole or in part, or describes a simulated world."""
    table = tomllib.loads(text)
    with TemporaryDirectory() as folder:
        file = Path(folder, "part.toml")
        if "family" in table:
            file.write_text(text, encoding="utf-8")
            open_world(file)
            return
        missing = {"pool": 'kind = "digits"', "annotator": 'kind = "oracle"'}
        rest = [f"[{key}]\n{line}" for key, line in missing.items() if key not in table]
        file.write_text("\n".join([text, *rest]), encoding="utf-8")
        for path in (table.get(key, {}).get("path") for key in missing):
            if path is not None:
                there = Path(folder, path)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.touch() if there.suffix else there.mkdir()
        read_settings(file)
