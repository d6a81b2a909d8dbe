"""The report in a real browser: ``pytest tests/report/test_browser.py -rs``.

Needs playwright's Python package and a Chromium (``MCAL_CHROMIUM``, default /usr/bin/chromium),
and axe-playwright-python for the accessibility checker.
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from in_browser import HAS_BROWSER, SIZES, browser
from mcal.report import write_report
from mcal.store import Store

KINDS = ["finished", "first labels", "weighted", "some known"]

pytestmark = pytest.mark.skipif(
    not HAS_BROWSER,
    reason="no playwright or no Chromium: apt-get install chromium; pip install playwright",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_quiet_fits_and_asks_nothing(
    opened: Callable[[str], Store], chromium: Any, tmp_path: Path, kind: str
) -> None:
    path, problems = tmp_path / "report.html", []
    write_report(opened(kind), path, item_name=lambda index: f"{index:040d}.png")
    for width, height in SIZES.values():
        for scheme in ("light", "dark"):
            context = chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page = context.new_page()
            page.on("console", lambda message: problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on(
                "request",
                lambda r: (
                    None if r.url.startswith(("data:", path.as_uri())) else problems.append(r.url)
                ),
            )
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                problems.append(f"{wide} pixels wide of {width}, {scheme}")
            context.close()
    assert not problems, "\n".join(problems)


@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="no accessibility checker: pip install axe-playwright-python",
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_checker_of_accessibility_finds_nothing(
    opened: Callable[[str], Store], chromium: Any, tmp_path: Path, kind: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    path, found = tmp_path / "report.html", []
    write_report(opened(kind), path)
    for scheme in ("light", "dark"):
        context = chromium.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for violation in Axe().run(page).response["violations"]:
            found.append(f"{scheme}, {violation['id']}: {violation['nodes'][0]['html'][:200]}")
        context.close()
    assert not found, "\n".join(found)
