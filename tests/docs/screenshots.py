"""Pictures of pages: ``PYTHONPATH=tests python tests/docs/screenshots.py SITE FOLDER [PAGE]...``.

Needs playwright's Python package and a Chromium (``MCAL_CHROMIUM``, default /usr/bin/chromium).
"""

import sys
from pathlib import Path

from in_browser import SIZES, browser, names_of


def main(site: Path, folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                context = chromium.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page = context.new_page()
                for name in names or names_of(site):
                    page.goto((site / name).as_uri())
                    picture = f"{Path(name).with_suffix('')}-{size}-{scheme}.png"
                    page.screenshot(path=folder / picture.replace("/", "-"), full_page=True)
                context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3:])
