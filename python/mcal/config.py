"""Read a campaign's settings from TOML, whole, before anything is bought."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from .errors import SettingsError
from .settings import AnnotatorSettings, Settings

__all__ = ["read_settings"]

_NEEDS_PATH = {"array", "embeddings", "image-folder", "image-tree"}
_NEEDS_CLASSES = {"array", "embeddings", "image-folder"}
_HAS_NO_TRUTH = {"array", "embeddings", "image-folder"}

_Location = tuple[int | str, ...]

# What pydantic's error types mean to somebody who writes a settings file.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "finite_number": "a finite number",
    "path_type": "a path in quotes",
    "string_type": "text in quotes",
    "tuple_type": "a list",
    "model_type": "a table of settings",
    "model_attributes_type": "a table of settings",
}
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def read_settings(path: str | Path, *, whole: bool = True) -> Settings:
    """The settings written in a TOML file, checked whole.

    Relative paths in the file are taken from the folder that the file is in.

    Parameters
    ----------
    path : str or Path
        A TOML file with the tree of ``mcal.settings.Settings``.
    whole : bool
        Whether ``[pool]`` and ``[annotator]`` and the files they name must be there.

    Returns
    -------
    Settings
        For ``Campaign.from_settings``.

    Raises
    ------
    SettingsError
        The file cannot be read or does not make sense: one line per problem, each with the
        dotted key, what was expected and what was found.
    """
    path = Path(path)
    document = _read_toml(path)
    _anchor_paths(document, path.resolve().parent)
    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        problems = [_explain(details) for details in error.errors(include_url=False)]
    if whole:
        problems += _unmet_needs(document)
    if settings is None or problems:
        raise SettingsError("\n".join(f"{path}: {problem}" for problem in problems))
    return settings


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        # utf-8-sig: some editors put a byte-order mark in front, which TOML forbids.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such file") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: expected UTF-8 text, found byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def _anchor_paths(document: dict[str, Any], folder: Path) -> None:
    for name, key in (("pool", "path"), ("annotator", "path"), ("labels", "known")):
        table = document.get(name)
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / Path(table[key]).expanduser())
        elif isinstance(table, dict) and table.get("kind") == "callable":
            table.setdefault("path", str(folder))
    candidates = document.get("classifier")
    for table in candidates if isinstance(candidates, list) else ():
        if isinstance(table, dict) and isinstance(table.get("path"), str):
            table["path"] = str(folder / Path(table["path"]).expanduser())
        elif isinstance(table, dict) and _lie_in_a_folder(table.get("features")):
            table.setdefault("path", str(folder))


def _lie_in_a_folder(features: object) -> bool:
    """Whether a candidate's features are those of a file or of somebody's function."""
    source, colon, _ = features.partition(":") if isinstance(features, str) else ("", "", "")
    return bool(colon) and source not in ("torchvision", "timm")


def _unmet_needs(document: Mapping[str, Any]) -> Iterator[str]:
    """What the values ask for together, and what must be there on disk.

    Works on the raw document, so that these problems are told together with wrong values.
    """
    pool, annotator = document.get("pool"), document.get("annotator")
    if pool is None:
        yield "pool: expected a [pool] table with kind = ..., found none"
    if annotator is None:
        yield "annotator: expected an [annotator] table with kind = ..., found none"
    pool = pool if isinstance(pool, dict) else {}
    annotator = annotator if isinstance(annotator, dict) else {}
    kind = pool.get("kind")
    if not isinstance(kind, str):
        kind = ""

    where = pool.get("path")
    if where is None and kind in _NEEDS_PATH:
        yield f'pool.path: needed for kind = "{kind}", found none'
    if isinstance(where, str) and not pool.get("download") and not Path(where).exists():
        yield f"pool.path: no such file or folder: {where}"
    if document.get("classes") is None and kind in _NEEDS_CLASSES:
        yield f'classes: the names of the classes are needed for pool.kind = "{kind}", found none'

    if annotator.get("kind") == "oracle":
        truth = annotator.get("path")
        if truth is None and kind in _HAS_NO_TRUTH:
            yield f'annotator.path: pool.kind = "{kind}" brings no true labels; name a file of them'
        if isinstance(truth, str) and not Path(truth).is_file():
            yield f"annotator.path: no such file: {truth}"


def _explain(details: Mapping[str, Any]) -> str:
    """One line for one of pydantic's errors."""
    kind: str = details["type"]
    found = details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    location = _without_tag(details["loc"])
    key = _dotted(location)
    if kind == "extra_forbidden":
        if kinds := _kinds_with(location):
            return f"{key}: only for kind = {' or '.join(kinds)}"
        return f"{key}: unknown key{_did_you_mean(_nearest_key(details['loc']))}"
    if kind == "union_tag_not_found":
        return f"{key}.kind: needed, found none"
    if kind == "union_tag_invalid":
        choices, tag = context["expected_tags"].replace("'", ""), context["tag"]
        near = difflib.get_close_matches(tag, choices.split(", "), n=1)
        hint = _did_you_mean(f'"{near[0]}"' if near else None)
        return f"{key}.kind: expected one of {choices}, found {_shown(tag)}{hint}"
    if kind == "missing":
        return f"{key}: needed, found none"
    if kind == "value_error":  # raised by our own validators, whose text begins with the key
        return f"{key}.{context['error']}" if key else str(context["error"])
    if kind == "literal_error":
        choices = re.findall(r"'([^']+)'", context["expected"])
        near = difflib.get_close_matches(str(found), choices, n=1)
        hint = _did_you_mean(f'"{near[0]}"' if near else None)
        return f"{key}: expected one of {', '.join(choices)}, found {_shown(found)}{hint}"
    if kind == "less_than" and context["lt"] == 1.0:
        hint = _did_you_mean(f"{found / 100:g}" if 1 < found < 100 else None)
        return f"{key}: expected a share between 0 and 1, found {_shown(found)}{hint}"
    if kind == "tuple_type" and isinstance(found, dict):
        return f"{key}: expected a list of tables, [[{key}]], found one table"
    if kind in _EXPECTED:
        return f"{key}: expected {_EXPECTED[kind]}, found {_shown(found)}"
    if kind == "string_pattern_mismatch":
        return f'{key}: expected "package.module:name", found {_shown(found)}'
    for bound, words in _BOUNDS.items():
        if bound in context:
            return f"{key}: expected a number {words} {context[bound]}, found {_shown(found)}"
    return f"{key}: {details['msg']}, found {_shown(found)}"


def _dotted(location: _Location) -> str:
    key = ""
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            key += f".{part}" if key else part
    return key


def _shown(found: object) -> str:
    """A value as TOML writes it."""
    if isinstance(found, dict):
        return "a table"
    if isinstance(found, bool):
        return str(found).lower()
    return f'"{found}"' if isinstance(found, str) else str(found)


def _did_you_mean(what: str | None) -> str:
    return "" if what is None else f"; did you mean {what}?"


def _without_tag(location: _Location) -> _Location:
    """Where a problem is in the file, which does not repeat the kind of an annotator."""
    return location[:1] + location[2:] if location[:1] == ("annotator",) else location


def _kinds_with(location: _Location) -> list[str]:
    """The kinds of annotator that know a key which another kind refused."""
    table, name = location[0], location[-1]
    if table != "annotator":
        return []
    return [repr(kind) for kind, model in _annotators().items() if name in model.model_fields]


def _annotators() -> dict[str, type[BaseModel]]:
    """The table of each kind of annotator."""
    return {model.model_fields["kind"].default: model for model in _models(AnnotatorSettings)}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables that a type names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _nearest_key(location: _Location) -> str | None:
    """The known key most like an unknown one: beside it, or of its name in another table."""
    tables = [(table, model) for table, model in _tables() if _is_meant(location, table, model)]
    known = [(table, key) for table, model in tables for key in model.model_fields]
    *parents, name = [part for part in _without_tag(location) if isinstance(part, str)]
    table = ".".join(parents)
    beside = [key for where, key in known if where == table]
    if near := difflib.get_close_matches(name, beside, n=1):
        return near[0]
    return next((f"{where}.{key}".lstrip(".") for where, key in known if key == name), None)


def _is_meant(location: _Location, table: str, model: type[BaseModel]) -> bool:
    """Of the kinds of annotator only the one that the file chose."""
    if table != "annotator" or location[:1] != ("annotator",):
        return True
    return model is _annotators()[str(location[1])]


def _tables() -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table of the settings tree by its dotted name; the root is named ""."""
    yield "", Settings
    for name, field in Settings.model_fields.items():
        for model in _models(field.annotation):
            yield name, model
