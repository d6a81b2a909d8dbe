"""Write ``docs/settings.md`` from the settings themselves: ``python docs/write_settings.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcal.settings import Settings

TARGET = Path(__file__).with_name("settings.md")

INTRO = """# Settings

Every key of a settings file, written from the package by `python docs/write_settings.py`. Shares
and errors are in 0..1, money is in dollars; units are in a key's name or its text. A *judgement* is
one person's answer about one item; an *item* has one label, from `judgements_per_item` judgements.
"""

BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "table",
}


def reference() -> str:
    """The whole page."""
    schema = Settings.model_json_schema()
    parts = [INTRO, *_table("Top level", schema, schema["$defs"])]
    for key, field in schema["properties"].items():
        for table in _tables(field, schema["$defs"]):
            kind = table["properties"].get("kind", {}).get("const")
            of_kind = f' with kind = "{kind}"' if kind else ""
            brackets = f"[[{key}]]" if field.get("type") == "array" else f"[{key}]"
            parts += _table(f"`{brackets}`{of_kind}", table, schema["$defs"])
    parts += _table("`[[prices.tiers]]`", schema["$defs"]["PriceTier"], schema["$defs"])
    return "\n".join(parts)


def _table(title: str, table: dict[str, Any], defs: dict[str, Any]) -> Iterator[str]:
    yield f"## {title}\n"
    if title != "Top level":
        yield " ".join(table["description"].split()) + "\n"
    for key, field in table["properties"].items():
        words = "table, below" if any(_tables(field, defs)) else _accepts(field)
        if key in table.get("required", ()):
            words += "; needed"
        elif field.get("default") is not None and not any(_tables(field, defs)):
            words += f"; default `{json.dumps(field['default'])}`"
        told = " ".join(field.get("description", "").replace("``", "`").split())
        yield f"- `{key}` ({words}){': ' + told if told else ''}"
    yield ""


def _tables(field: dict[str, Any], defs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The tables that a field holds, one for each kind."""
    if "$ref" in field:
        yield defs[field["$ref"].rsplit("/", 1)[1]]
    for part in [*field.get("anyOf", ()), *field.get("oneOf", ()), field.get("items") or {}]:
        if part:
            yield from _tables(part, defs)


def _accepts(field: dict[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in field:
        return " or ".join(_accepts(part) for part in field["anyOf"] if part["type"] != "null")
    if "const" in field or "enum" in field:
        return ", ".join(json.dumps(value) for value in field.get("enum", [field.get("const")]))
    if field["type"] == "array":
        return f"list of {_accepts(field['items'])}"
    bounds = [f"{words} {field[key]:g}" for key, words in BOUNDS.items() if key in field]
    return ", ".join(["path" if field.get("format") == "path" else TYPES[field["type"]], *bounds])


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
