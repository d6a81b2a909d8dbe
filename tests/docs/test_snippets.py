"""Every piece of code on every page runs, in order, in an empty folder."""

import shutil
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from doc_pages import ROOT, Block, Reader, begins_with, blocks, check, pages
from mcal.errors import McalError

PAGES = {str(page.relative_to(ROOT / "docs")): page.read_text(encoding="utf-8") for page in pages()}
WRONG = (AssertionError, McalError, SyntaxError, ZeroDivisionError, CalledProcessError)
WITH_CODE = [name for name, text in PAGES.items() if blocks(text)]


@pytest.mark.parametrize("name", WITH_CODE)
def test_the_page_does_what_it_says(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = PAGES[name]
    if (folder := begins_with(text)) is not None:
        assert folder == "my-campaign"
        shutil.copytree(request.getfixturevalue("finished"), folder)
    reader = Reader()
    for block in blocks(text):
        reader.do(block)


def test_there_is_something_to_run() -> None:
    code = [block for text in PAGES.values() for block in blocks(text)]
    for language in ("python", "sh", "toml", "sql"):
        assert [block for block in code if block.language == language and not block.not_run]


@pytest.mark.parametrize(
    "block",
    [
        Block("python", "def f(:", 1, not_run="a reason"),
        Block("sh", "mcal run --no-such-option", 1, not_run="a reason"),
        Block("sh", "mcal no-such-command", 1, not_run="a reason"),
        Block("sh", "if true", 1, not_run="a reason"),
        Block("toml", "target_error = 5", 1),
        Block("toml", "[pool]\nkind = 'nonsense'", 1),
        Block("klingon", "", 1),
        Block("python", "1 / 0", 1),
        Block("sh", "mcal status nowhere", 1),
        Block("sh", "false", 1),
    ],
    ids=lambda block: block.code or block.language,
)
def test_wrong_code_is_noticed(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WRONG):
        Reader().do(block)


def test_a_query_that_finds_nothing_is_noticed(
    my_campaign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(my_campaign.parent)
    Reader().do(Block("sql", "SELECT * FROM labels", 1))
    with pytest.raises(AssertionError, match="finds nothing"):
        Reader().do(Block("sql", "SELECT * FROM labels WHERE label = 99", 1))


def test_what_is_not_run_says_why() -> None:
    (block,) = blocks("*Not run by the tests: needs a server.*\n\n```sh\nmcal label x.toml\n```\n")
    assert block.not_run == "needs a server"
    check(block)
