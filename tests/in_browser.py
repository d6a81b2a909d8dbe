"""Pages in a real browser, for their tests and for who looks at pictures of them."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("MCAL_CHROMIUM", "/usr/bin/chromium")
HAS_BROWSER = importlib.util.find_spec("playwright") is not None and Path(CHROMIUM).exists()
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@contextmanager
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def names_of(site: Path) -> list[str]:
    """Every page, without those that Sphinx makes for itself."""
    made = {"genindex", "py-modindex", "search"}
    found = sorted(str(file.relative_to(site)) for file in site.rglob("*.html"))
    return [name for name in found if Path(name).stem not in made]
