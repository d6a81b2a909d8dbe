"""The references say what the package says."""

import re
import runpy

import mcal
from doc_pages import ROOT

DOCS = ROOT / "docs"
API = "\n".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "api").glob("*.md")))


def test_the_commands_are_up_to_date() -> None:
    written = runpy.run_path(str(DOCS / "write_commands.py"))
    told = "run `python docs/write_commands.py`"
    assert written["TARGET"].read_text(encoding="utf-8") == written["reference"](), told


def test_every_public_name_is_in_the_reference_once() -> None:
    module, named = "mcal", []
    for kind, words in re.findall(r"^\.\. (currentmodule|auto\w+):: (\S+)$", API, re.MULTILINE):
        if kind in ("currentmodule", "automodule"):
            module = words
        else:
            named.append(words if words.startswith("mcal.") else f"{module}.{words}")
    public = [f"mcal.{name}" for name in mcal.__all__ if name != "__version__"]
    assert sorted(name for name in named if name in public) == sorted(public)
    assert len(named) == len(set(named))


def test_every_kind_of_settings_has_a_page_or_an_entry() -> None:
    index = (DOCS / "annotators" / "index.md").read_text(encoding="utf-8")
    settings = (DOCS / "settings.md").read_text(encoding="utf-8")
    for kind in re.findall(r"^## `\[annotator\]` with kind = \"([\w-]+)\"", settings, re.MULTILINE):
        assert f"]({kind}.md)" in index, kind
        assert (DOCS / "annotators" / f"{kind}.md").exists()
