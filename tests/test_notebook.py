"""Tables that notebooks show."""

from html.parser import HTMLParser

import pytest

from mcal.notebook import html_table


class Table(HTMLParser):
    """Cells by row, of HTML whose elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.caption = ""
        self.rows: list[list[str]] = []
        self.spans: list[int] = []
        self.tags: set[str] = set()
        self.styles: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        given = dict(attrs)
        self.styles.append(given.get("style") or "")
        if tag == "tr":
            self.rows.append([])
            self.spans.append(0)
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.spans[-1] += int(given.get("colspan") or 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] == "caption":
            self.caption += data
        else:
            assert self.open[-1] in ("td", "th")
            self.rows[-1][-1] += data


HOSTILE = '</td></table><script>alert("1")</script> & \' <img src=x onerror=alert(1)>'


def test_names_numbers_and_sentences() -> None:
    table = Table(html_table("Bill", ("items", "dollars"), [("a", "1", "$2"), ("b", "a sentence")]))
    assert table.caption == "Bill"
    assert table.rows == [["", "items", "dollars"], ["a", "1", "$2"], ["b", "a sentence"]]
    assert table.spans == [3, 3, 3]


def test_hostile_words_stay_words() -> None:
    text = html_table(HOSTILE, (HOSTILE,), [(HOSTILE, HOSTILE)])
    table = Table(text)
    assert table.caption == HOSTILE
    assert table.rows == [["", HOSTILE], [HOSTILE, HOSTILE]]
    assert table.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_bytes_that_are_no_text_can_be_sent() -> None:
    path = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert Table(html_table(path, ("",), [("a", path)])).caption == "caf?"


def test_no_colour_is_its_own() -> None:
    for style in Table(html_table("a", ("b",), [("c", "d"), ("e", "f")])).styles:
        rules = dict(rule.split(":") for rule in style.split(";") if rule)
        assert rules.get("color", "inherit") == "inherit"
        assert rules.get("background", "none") == "none"


@pytest.mark.parametrize("row", [("a",), ("a", "1", "2", "3")])
def test_a_row_that_does_not_fit_is_a_mistake(row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="unpack"):
        html_table("a", ("b", "c"), [row])
