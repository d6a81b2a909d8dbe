"""``import mcal`` is cheap, and brings nothing that the caller may not have."""

import json
import pkgutil
import re
import subprocess
import sys

import pytest

import mcal

PROGRAM = """
import json, sys, time
before = set(sys.modules)
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
new = sorted(set(sys.modules) - before)
print(json.dumps({{"modules": new, "seconds": seconds}}))
"""


def new_modules(statement: str) -> list[str]:
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    report = json.loads(child.stdout.splitlines()[-1])
    print(f"{statement}: {len(report['modules'])} modules, {report['seconds']:.3f} s")
    return list(report["modules"])


def foreign(modules: list[str]) -> set[str]:
    # An editable install loads its own hooks.
    tops = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    return {top for top in tops if "editable" not in top}


def test_import_loads_nothing_but_itself() -> None:
    modules = new_modules("import mcal")
    assert foreign(modules) == {"mcal"}
    assert "sqlite3" not in modules
    # The time follows the number of modules, which no busy machine changes.
    assert len(modules) < 150


@pytest.mark.parametrize(
    "name",
    ["estimate_profile", "fit_curves", "fit_power_laws", "k_center", "margin", "search_plan"],
)
def test_the_numbers_need_numpy_only(name: str) -> None:
    modules = new_modules(f"import mcal; mcal.{name}")
    assert foreign(modules) == {"mcal", "numpy"}
    assert "sqlite3" not in modules


def test_every_public_name_is_there_and_none_needs_torch() -> None:
    modules = new_modules("from mcal import *")  # raises when a name is missing
    assert {"mcal", "numpy", "pydantic"} <= foreign(modules)
    assert not {"torch", "torchvision", "cupy", "sklearn", "PIL"} & foreign(modules)


def test_every_public_name_says_what_it_is() -> None:
    assert set(mcal._WHERE) == set(mcal.__all__) - {"__version__"}
    for name in mcal._WHERE:
        value = getattr(mcal, name)
        # pybind11 puts the signature first, dataclass in place of a docstring
        words = re.sub(rf"^{name}\(.*", "", value.__doc__ or "")
        assert words.strip() or not callable(value), name


def test_rooms_are_not_hidden_by_names() -> None:
    rooms = [room.name for room in pkgutil.iter_modules(mcal.__path__)]
    assert "export" in rooms
    assert not set(rooms) & set(mcal.__all__)
