"""The page: one file, no requests, no scripts, names escaped, readable without seeing it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from mcal.report.page import build_page
from mcal.report.tables import numbers_table, settings_table
from mcal.types import NO_LABEL, Picture

KINDS = [
    "finished",
    "as printed",
    "within a budget",
    "hopeless",
    "one round",
    "first labels",
    "new",
]
KINDS += ["all known", "tiny", "weighted"]
HOSTILE = '<img src=x onerror="alert(1)">&"\'</style></script>'
VOID = {"meta", "link", "img", "br", "input", "path", "use", "image", "rect"}


class Reader(HTMLParser):
    """Every element with its attributes, and whether tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page(told, **changes):
    given = {
        "title": "pets",
        "item_name": lambda index: f"item {index}",
        "picture": lambda index: Picture(b"GIF89a", "image/gif"),
        "made_at": "2026-01-02 03:04 UTC",
    }
    return build_page(told, **(given | changes))


@pytest.mark.parametrize("kind", KINDS)
def test_every_stage_of_a_campaign_has_a_page(story, kind):
    text = page(story(kind))
    read = Reader(text)
    assert len(text) < 700_000
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in read.all("a"):
        assert attributes["href"].removeprefix("#") in ids
    assert "None" not in " ".join(read.text)
    assert "nan" not in re.sub(r"<style.*?</style>|base64,[^\"]*", "", text, flags=re.DOTALL)


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(story):
    text = page(story("finished"))
    read = Reader(text)
    assert not read.all("script")
    assert not read.all("iframe")
    for tag, attributes in read.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                assert value.startswith(("#", "data:")), (tag, value)
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    (policy,) = (m["content"] for m in read.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")


def test_the_page_can_be_read_without_seeing_it(story):
    read = Reader(page(story("finished")))
    (html,) = read.all("html")
    assert html["lang"] == "en"
    assert all(image["alt"] for image in read.all("img"))
    drawings = [svg for svg in read.all("svg") if svg.get("role") == "img"]
    assert len(drawings) == len(read.all("figure")) == 9
    assert all(len(svg["aria-label"]) > 20 for svg in drawings)
    assert len(read.all("caption")) == len(read.all("table"))
    assert all(head["scope"] in ("col", "row") for head in read.all("th"))
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_names_that_strangers_chose_are_escaped(story):
    told = story("finished")
    campaign = replace(
        told.campaign,
        classes=(HOSTILE, *told.campaign.classes[1:]),
        broken={3: HOSTILE},
        pool_fingerprint=HOSTILE,
    )
    actions = (*told.actions, replace(told.actions[-1], reason=HOSTILE))
    found = told.summary.class_intervals
    intervals = [
        replace(row, name=HOSTILE) if row.name == "class 0" else row for row in found.classes
    ]
    summary = replace(
        told.summary,
        n_broken=1,
        classifier=HOSTILE,
        stop_reason=HOSTILE,
        class_intervals=replace(found, classes=tuple(intervals)),
    )
    hostile = replace(
        told,
        campaign=campaign,
        actions=actions,
        summary=summary,
        classes=replace(told.classes, names=campaign.classes),
        doubtful=replace(told.doubtful, machine=np.zeros_like(told.doubtful.machine)),
    )
    text = page(hostile, title=HOSTILE, item_name=lambda index: HOSTILE)
    assert "onerror=" in text
    assert HOSTILE not in text
    read = Reader(text)
    assert not [a for _, a in read.elements if "onerror" in a]
    assert HOSTILE in " ".join(read.text)


def test_items_show_what_was_said_of_them(story):
    told = story("finished")
    told = replace(
        told,
        mistaken=replace(
            told.mistaken,
            machine=np.full_like(told.mistaken.machine, 1),
            people=np.full_like(told.mistaken.people, NO_LABEL),
        ),
    )
    text = page(told, picture=lambda index: None)
    assert "people: none of these" in text
    assert "machine: class 1" in text
    assert f"item {told.doubtful.indices[0]}" in text
    assert "<img" not in text


def test_the_numbers_of_every_figure_are_there_too(story):
    told = story("finished")
    forecasts = numbers_table("forecasts", told)
    assert len(forecasts.rows) == len(told.forecasts)
    assert forecasts.rows[-1][2] == f"${told.forecasts[-1].spent_usd:,.2f}"
    ranking = numbers_table("ranking", told)
    assert sum(int(row[2].replace(",", "")) for row in ranking.rows) == told.summary.n_audit
    classes = numbers_table("class-balance", told)
    assert sum(int(row[-1].replace(",", "")) for row in classes.rows) == 6000
    batches = numbers_table("batches", told)
    assert sum(int(row[3].replace(",", "")) for row in batches.rows) == told.summary.n_human


def test_settings_that_were_chosen_stand_out(story):
    rows = {row[0]: row[1:] for row in settings_table(story("finished")).rows}
    assert rows["target_error"] == ["0.1", "set"]
    assert rows["prices.fixed_cost_per_training"] == ["0.5", "set"]
    assert rows["seed"] == ["0", ""]


def test_a_thousand_classes_are_cut_to_the_first_and_said(story):
    told = story("finished")
    n = 1000
    names = tuple(f"kind {i}" for i in range(n))
    counts = {source: np.full(n, 3) for source in told.classes.by_source}
    many = replace(told, classes=replace(told.classes, names=names, by_source=counts))
    text = page(many)
    assert "800 further classes are in the exports" in text
    assert len(text) < 800_000


def test_a_stuck_campaign_has_not_ended(story):
    told = story("first labels")
    text = page(replace(told, summary=replace(told.summary, stop_reason="the budget is gone")))
    assert "It is stuck: the budget is gone." in text
    assert "It ended because" not in text
    assert "It ended because" in page(story("finished"))


def test_items_that_no_class_fits_are_counted(story):
    told = story("no class fits some")
    text = page(told)
    assert f"People found that no class fits {told.summary.n_no_label:,} of these items." in text
    rows = numbers_table("class-balance", told).rows
    assert sum(int(row[-1].replace(",", "")) for row in rows) == 6000
