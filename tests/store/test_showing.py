"""A summary in a notebook and at a prompt."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from mcal.store import ClassInterval, ClassIntervals, summarise, summary_html
from mcal.types import Purpose


@pytest.fixture
def summary(create, buy):
    """Ten test labels."""
    store = create()
    store.tell(buy(store, np.arange(10), purpose=Purpose.TEST), np.arange(10), np.zeros(10, int))
    return summarise(store)


def cells(summary):
    """Words between tags, joined by bars."""
    parts = re.split(r"<[^>]*>", summary_html(summary))
    return "|".join(unescape(part) for part in parts if part)


def test_labels_bill_and_promise(summary):
    told = cells(summary)
    assert told.startswith("Campaign: deciding, 0 rounds|items|dollars|")
    assert "|people's labels|10|$0.40|machine's labels|0|$0.00|not labelled yet|90|" in told
    assert "|total|100|$0.40|people alone|100|$4.00|saving|-" in told
    assert "|estimated error|- (point estimate, not certified)|" in told


def test_a_certificate_is_rounded_up_and_said_to_be_met(summary):
    found = {"certified_error": 0.040001, "estimate_kind": "certified with 95% confidence"}
    told = cells(replace(summary, **found, target_met=True, target="machine"))
    assert "|at most 5.00% of the machine's labels wrongly labelled by the machine; met|" in told
    assert "|certified error|at most 4.01% (certified with 95% confidence)|" in told
    assert "; not met|" in cells(replace(summary, **found, target_met=False))


def test_a_forecast_has_its_interval_until_the_end(summary):
    ahead = replace(
        summary, predicted_total_cost_usd=3.0, predicted_interval_usd=(2.0, 3.5), saving=0.25
    )
    assert "|predicted total|$3.00|with 90 % between|$2.00 and $3.50|" in cells(ahead)
    assert "|saving|25.00%" in cells(ahead)
    done = replace(ahead, finished_at="2026", phase="done", stop_reason="all <b>labelled</b>")
    assert "predicted" not in cells(done)
    assert "|stopped because|all <b>labelled</b>" in cells(done)
    assert "<b>" not in done._repr_html_()


def test_labels_known_before_are_not_bought(summary):
    told = cells(replace(summary, n_known=4))
    assert "|known before|4|people's labels|6|$0.40|" in told
    assert "|people alone|96|$4.00|" in told


def test_a_budget_is_told(summary):
    assert "|budget|$3.00|" in cells(replace(summary, budget_usd=3.0))


def test_at_a_prompt_it_is_one_line(summary):
    many = tuple(ClassInterval(f"{i}", 1, 1, 0, 0.0, 1.0) for i in range(1000))
    wide = replace(summary, class_intervals=ClassIntervals(0.95, 0.99, many), certified_error=0.04)
    assert repr(wide) == (
        "CampaignSummary(deciding: 10 people's and 0 machine's labels of 100, $0.40 spent, "
        "certified_error=0.04)"
    )
    assert repr(summary).endswith("estimated_error=None)")
