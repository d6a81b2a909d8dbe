"""Who may import whom: docs and architecture say it, this reads the sources and enforces it."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "mcal"

VALUES = {"errors", "money", "prices", "shares", "types"}
NUMBERS = {"certificate", "consensus", "fitting", "planning", "profiles", "selection"}
JOINED = {"bootstrap"}  # numbers made of numbers: as pure
EFFECTS = {"annotators", "classifiers", "pools", "store"}

# Rooms of ours that each room may import, besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "types": set(),
    "errors": set(),
    "money": set(),
    "shares": set(),
    "prices": {"money"},
    "manifest": set(),
    "whole_file": set(),
    "label_studio": {"errors", "types"},
    "notebook": set(),
    "settings": {"manifest", "prices"},
    "config": VALUES | {"settings"},
    "cuda": VALUES,
    **{room: VALUES | {"_core"} for room in NUMBERS},
    "selection": VALUES | {"_core", "cuda"},
    **{room: VALUES | NUMBERS | {"_core"} for room in JOINED},
    **{room: VALUES | {"settings"} for room in EFFECTS},
    "annotators": VALUES | {"settings", "consensus", "manifest", "label_studio", "whole_file"},
    "classifiers": VALUES | {"settings", "whole_file"},
    "pools": VALUES | {"settings", "_core"},  # how many threads to decode in
    "store": VALUES | {"settings", "consensus", "notebook", "the package"},
    "testing": VALUES,
    "export": VALUES | {"store", "manifest", "label_studio", "whole_file"},
    "report": VALUES
    | NUMBERS
    | JOINED
    | {"settings", "store", "campaign", "whole_file", "the package"},
    "campaign": VALUES | NUMBERS | JOINED | EFFECTS | {"settings", "notebook", "cuda"},
    "simulation": VALUES | NUMBERS | JOINED | {"settings", "campaign", "_core"},
    "quoting": VALUES
    | NUMBERS
    | {"notebook", "settings", "store", "pools", "campaign", "simulation", "_core"},
    # pools and annotators only to tell people what was found and where their files lie
    "cli": VALUES
    | {
        "annotators",
        "campaign",
        "config",
        "export",
        "pools",
        "report",
        "settings",
        "store",
        "the package",
    }
    | {"cuda"}  # the doctor
    | {"manifest"}  # the export's source-ref
    | {"simulation", "quoting"},
}

# Every package that is not ours, and the rooms that are its door. NumPy is everywhere.
DOORS: dict[str, set[str]] = {
    "PIL": {"pools"},
    "boto3": {"annotators"},
    "botocore": {"annotators"},
    "crowdkit": {"annotators"},
    "cupy": {"cuda"},
    "cycler": {"report"},  # comes with Matplotlib
    "filelock": {"store"},
    "httpx": {"annotators"},
    "jinja2": {"report"},
    "markupsafe": {"report"},  # comes with Jinja
    "matplotlib": {"report"},
    "pandas": {"annotators", "campaign"},  # what crowd-kit takes, and results
    "pyarrow": {"annotators", "export"},
    "pydantic": {"config", "settings"},
    "pytest": {"testing"},
    "rich": {"cli"},
    "sklearn": {"pools"},
    "sqlite3": {"annotators", "store"},
    "starlette": {"annotators"},
    "tenacity": {"annotators"},
    "timm": {"classifiers"},
    "torch": {"classifiers"},
    "torchvision": {"classifiers", "pools"},
    "typer": {"cli"},
    "uvicorn": {"annotators"},
}

# All that the rooms of numbers need of the standard library: no files, no clock, no randomness.
PURE = {"__future__", "bisect", "collections", "contextlib", "dataclasses", "enum", "functools"}
PURE |= {"itertools", "math", "operator", "typing"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield parts[0], path


def imports(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """Absolute names of all that ``source``, a module of ``package``, imports anywhere."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                yield f"{module}.{alias.name}"


def mistakes(room: str, source: str, package: tuple[str, ...]) -> Iterator[str]:
    for name in imports(source, package):
        top, _, rest = name.partition(".")
        if top == "mcal":
            other = rest.partition(".")[0].replace("__version__", "") or "the package"
            if other != room and other not in MAY_IMPORT[room]:
                yield f"{room} imports mcal.{other}"
        elif top in DOORS:
            if room not in DOORS[top]:
                yield f"{room} imports {top}"
        elif top not in sys.stdlib_module_names and top != "numpy":
            yield f"{room} imports {top}, which has no door"
        elif room in NUMBERS | JOINED and top not in PURE | {"numpy"}:
            yield f"{room} imports {top}: files, clocks and randomness stay out"
    if room in NUMBERS | JOINED:
        yield from (f"{room} calls {call}" for call in impure_calls(source))


def impure_calls(source: str) -> Iterator[str]:
    """Files opened, and random numbers without a seed of the caller's."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "open" or re.fullmatch(
            r"np\.(load|save\w*|fromfile|memmap|genfromtxt)", called
        ):
            yield called
        if called.startswith("np.random.") and (
            called not in {"np.random.default_rng", "np.random.SeedSequence"} or not node.args
        ):
            yield called


@pytest.mark.parametrize(
    ("room", "source", "expected"),
    [
        ("pools", "from ..store import Store", ["pools imports mcal.store"]),
        ("pools", "from .. import store", ["pools imports mcal.store"]),
        ("pools", "import mcal.store.schema", ["pools imports mcal.store"]),
        ("pools", "from .arrays import ArrayPool\nfrom ..errors import PoolError", []),
        ("planning", "def f():\n    import torch", ["planning imports torch"]),
        ("campaign", "import sqlite3", ["campaign imports sqlite3"]),
        ("store", "import scipy", ["store imports scipy, which has no door"]),
        ("fitting", "from mcal import _core", []),
        ("fitting", "from ..selection import margin", ["fitting imports mcal.selection"]),
        ("fitting", "import time", ["fitting imports time: files, clocks and randomness stay out"]),
        ("fitting", "np.random.default_rng(seed)", []),
        ("fitting", "np.random.default_rng()", ["fitting calls np.random.default_rng"]),
        ("fitting", "np.random.normal(0, 1)", ["fitting calls np.random.normal"]),
        ("fitting", "open('x')", ["fitting calls open"]),
    ],
)
def test_the_rules_can_be_broken(room: str, source: str, expected: list[str]) -> None:
    assert list(mistakes(room, source, ("mcal", room))) == expected


def test_every_module_keeps_to_its_room() -> None:
    found = []
    for room, path in modules():
        if room == "__init__":  # names the rooms, imports them on first use
            continue
        assert room in MAY_IMPORT, f"{path}: a room that the table of this test does not know"
        package = ("mcal", *path.relative_to(PACKAGE).parent.parts)
        source = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(ROOT)}: {m}" for m in mistakes(room, source, package)]
    assert not found, "\n".join(found)


INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")', re.MULTILINE)


@pytest.mark.parametrize(
    ("folder", "own"),
    [("cpp/include", r"mcal/\w+\.hpp"), ("cpp/src", r"(mcal/)?\w+\.hpp")],
)
def test_the_core_knows_no_python(folder: str, own: str) -> None:
    paths = [p for p in sorted((ROOT / folder).rglob("*")) if p.suffix in {".hpp", ".cpp"}]
    assert paths
    found = []
    for path in paths:
        for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            ours = name.startswith('"') and re.fullmatch(own, name.strip('"'))
            system = re.fullmatch(r"<(sys/)?\w+(\.h)?>", name) and name != "<Python.h>"
            if not ours and not system:
                found.append(f"{path.relative_to(ROOT)}: {name}")
    assert not found, "\n".join(found)


def test_the_core_formats_and_reads_without_streams() -> None:
    """Beside libraries that bring a C++ run time of their own, as torch's do, streams have crashed.

    What they share is found by the dynamic linker at run time, so no test here could notice.
    """
    sources = [*(ROOT / "cpp").rglob("*.cpp"), *(ROOT / "cpp").rglob("*.hpp")]
    assert len(sources) > 30
    streams = re.compile(r"#include <\w*stream>")
    assert [path.name for path in sources if streams.search(path.read_text())] == []
