"""The site builds without a warning, and no link of it is broken."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from doc_pages import ROOT, anchors, links, pages

MARKDOWN = [*pages(), *sorted(ROOT.glob("*.md"))]


class Page(HTMLParser):
    """The ids of a page, what it loads, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {name for name in (given.get("id"), given.get("name")) if name}
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        elif given.get("src"):
            self.loads.append(str(given["src"]))
        elif tag == "link" and given.get("href"):
            self.loads.append(str(given["href"]))


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    found = {file: Page(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    assert len(found) > len(pages())
    broken = []
    for file, page in found.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            lost = parts.fragment and target in found and parts.fragment not in found[target].ids
            if lost or not target.exists():
                broken.append(f"{file.relative_to(site)}: {link}")
    assert not broken, "\n".join(broken)


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        loads = Page(file.read_text(encoding="utf-8")).loads
        assert not [load for load in loads if urlsplit(load).netloc], file.name
    for file in site.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", text), file.name


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_work_in_the_sources_too(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            continue
        target = page.parent / unquote(parts.path) if parts.path else page
        assert target.exists(), link
        if parts.fragment:
            assert parts.fragment in anchors(target.read_text(encoding="utf-8")), link


def test_a_broken_anchor_would_be_noticed() -> None:
    assert anchors("# What is *new*, and `why`?\n") == {"what-is-new-and-why"}
    assert links("[a](b.md#c) `[d](e)`\n```sh\n[f](g)\n```\n") == ["b.md#c"]
