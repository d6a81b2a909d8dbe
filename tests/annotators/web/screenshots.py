"""Pictures of the labelling page: ``python tests/annotators/web/screenshots.py FOLDER``.

Needs playwright's Python package and a Chromium (``MCAL_CHROMIUM``, default /usr/bin/chromium).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SERVER = Path(__file__).parents[2] / "labelling_page.py"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("MCAL_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for kind in ("digits", "many", "waiting", "done", "hostile"):
            with tempfile.TemporaryDirectory() as inbox:
                command = [sys.executable, str(SERVER), inbox, "0", kind]
                server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                assert server.stdout is not None
                address = server.stdout.readline().strip()
                for size, (width, height) in SIZES.items():
                    for scheme in ("light", "dark"):
                        context = browser.new_context(
                            viewport={"width": width, "height": height},
                            color_scheme=scheme,
                            has_touch=size == "phone",
                            is_mobile=size == "phone",
                        )
                        page = context.new_page()
                        page.goto(address)
                        there = (
                            "#stage[data-item]"
                            if kind in ("digits", "many", "hostile")
                            else "#panel h2"
                        )
                        page.wait_for_selector(there)
                        page.wait_for_timeout(300)
                        page.screenshot(path=folder / f"{kind}-{size}-{scheme}.png")
                        context.close()
                server.kill()
                server.wait()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
