"""A quote in rows, in a notebook and at a prompt."""

from dataclasses import replace
from typing import Any

import pytest

from mcal.quoting import Quote, quote_rows, quote_title

FACTS: dict[str, Any] = {
    "basis": "prior",
    "given": "nothing <known>",
    "n_pool": 2000,
    "n_classes": 10,
    "rounds": 0,
    "spent_usd": 0.0,
    "total_usd": 30.0,
    "interval_usd": (20.0, 45.0),
    "human_only_usd": 80.0,
    "pays_probability": 0.98,
    "n_human": 700,
    "n_waits": 5,
    "hours": None,
    "human_only_hours": None,
    "complete_at": None,
}


@pytest.fixture
def made() -> Quote:
    return Quote(**FACTS)


def test_what_is_known_has_a_row(made: Quote) -> None:
    assert list(quote_rows(made)) == [
        ("expected total", "$30.00", "$80.00"),
        ("with 90 % between", "$20.00 and $45.00", ""),
        ("people's labels", "700", "2,000"),
        ("cheaper than people alone", "98% likely", ""),
    ]
    timed = replace(
        made,
        hours=36.0,
        human_only_hours=120.0,
        complete_at="2026-05-06T00:00+00:00",
        spent_usd=1.0,
        interval_usd=None,
        pays_probability=None,
    )
    assert list(quote_rows(timed))[1:] == [
        ("spent so far", "$1.00", ""),
        ("people's labels", "700", "2,000"),
        ("people's time, days", "1.5", "5.0"),
        ("labels complete", "2026-05-06 00:00 UTC", ""),
    ]
    assert ("people's time, days", "1.5", "-") in quote_rows(replace(timed, human_only_hours=None))


def test_a_notebook_shows_the_rows_and_what_they_are_given(made: Quote) -> None:
    shown = made._repr_html_()
    assert quote_title(made) == "Quote for 2,000 items in 10 classes"
    assert quote_title(made) in shown
    assert "nothing &lt;known&gt;" in shown
    for row in quote_rows(made):
        for cell in filter(None, row):
            assert f">{cell}<".replace("'", "&#x27;") in shown


def test_at_a_prompt_it_is_one_line(made: Quote) -> None:
    assert repr(made) == (
        "Quote($30.00 for 2,000 items, 90 %: $20.00 to $45.00; people alone $80.00; basis='prior')"
    )
    assert "90 %" not in repr(replace(made, interval_usd=None))
