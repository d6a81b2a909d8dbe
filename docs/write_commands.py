"""Write ``docs/commands.md`` from the commands themselves: ``python docs/write_commands.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from typer.main import get_command

from mcal.cli import app

TARGET = Path(__file__).with_name("commands.md")

INTRO = """# Commands

Every command and option, written from the package by `python docs/write_commands.py`;
`mcal COMMAND --help` says the same.
"""

WORDS = {int: "whole number", float: "number", str: "text", Path: "path"}

ENDING = """## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed; one line says why, `mcal --debug ...` shows where |
| 2 | wrong usage |
| 3 | waiting for people: type the same command again when they are done |
| 130 | stopped by Ctrl-C; the same command continues |
"""


def reference() -> str:
    """The whole page."""
    group: Any = get_command(app)
    callback = app.registered_callback
    assert callback is not None
    parts = [INTRO, *_command("mcal", group, callback.callback, "COMMAND ...")]
    callbacks = [info.callback for info in app.registered_commands]
    for (name, command), function in zip(group.commands.items(), callbacks, strict=True):
        parts += _command(f"mcal {name}", command, function)
    return "\n".join([*parts, ENDING])


def _command(
    name: str, command: Any, function: Callable[..., Any] | None, rest: str = ""
) -> Iterator[str]:
    types = get_type_hints(function)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    words = [name, *(["[OPTIONS]"] if options else []), *(_metavar(p) for p in arguments), rest]
    yield f"## `{name}`\n"
    yield f"```text\n{' '.join(filter(None, words))}\n```\n"
    yield f"{_told(command.help)}\n"
    for parameter in arguments:
        yield f"- `{_metavar(parameter)}`: {_told(parameter.help)}"
    for parameter in options:
        names = ", ".join(f"`{opt}`" for opt in [*parameter.opts, *parameter.secondary_opts])
        yield f"- {names}{_takes(parameter, types[parameter.name])}: {_told(parameter.help)}"
    if command.params:
        yield ""


def _takes(option: Any, annotation: Any) -> str:
    """What an option takes, and what it is without."""
    if option.is_flag:
        return ""
    (kind,) = [part for part in get_args(annotation) or [annotation] if part is not type(None)]
    times = ""
    if get_origin(kind) is list:
        (kind,), times = get_args(kind), ", once or more"
    words = WORDS.get(kind) or " or ".join(str(choice.value) for choice in kind)
    default = option.default.value if isinstance(option.default, Enum) else option.default
    known = "" if default in (None, "") else f"; default `{default}`"
    return f" ({words}{times}{known})"


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _told(text: str | None) -> str:
    """Paragraphs, each in one line."""
    paragraphs = (text or "").replace("\b", "").replace("``", "`").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
