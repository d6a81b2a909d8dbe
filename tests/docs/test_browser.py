"""The site in a real browser: ``pytest tests/docs/test_browser.py -rs``.

Needs playwright's Python package and a Chromium (``MCAL_CHROMIUM``, default /usr/bin/chromium),
and axe-playwright-python for the accessibility checker.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from in_browser import HAS_BROWSER, SIZES, browser, names_of

NOT_OURS = {
    "landmark-unique": "furo: two side bars without names",
    "definition-list": "Sphinx: signatures of several lines are definitions without terms",
}

pytestmark = pytest.mark.skipif(
    not HAS_BROWSER,
    reason="no playwright or no Chromium: apt-get install chromium; pip install playwright",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_quiet_and_fit(site: Path, chromium: Any, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: problems.append(r.url) if not r.url.startswith("file:") else None)
    for name in names_of(site):
        page.goto((site / name).as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems.append(f"{name}: {wide} pixels wide")
    context.close()
    assert not problems, "\n".join(problems)


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="no accessibility checker: pip install axe-playwright-python",
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_checker_of_accessibility_finds_nothing(site: Path, chromium: Any, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    found: dict[str, str] = {}
    for name in names_of(site):
        page.goto((site / name).as_uri())
        for violation in Axe().run(page).response["violations"]:
            if violation["id"] in NOT_OURS:
                continue
            first = violation["nodes"][0]["html"][:200]
            found.setdefault(violation["id"], f"{name}, {violation['help']}: {first}")
    context.close()
    assert not found, "\n".join(f"{key}: {words}" for key, words in found.items())
