"""The report's sentences say what the numbers say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcal.report.figures import FIGURES
from mcal.report.words import captions, headline, promise, verdict


def with_summary(told, **changes):
    return replace(told, summary=replace(told.summary, **changes))


def test_a_finished_campaign_says_what_was_bought(story):
    told = with_summary(
        story("finished"), total_cost_usd=61.5, human_only_cost_usd=240.0, saving=0.74375
    )
    assert headline(told) == (
        "6,000 items are labelled, for $61.50. "
        "People alone would have cost $240.00; this is 74% less."
    )
    dearer = with_summary(told, total_cost_usd=252.0, saving=-0.05)
    assert headline(dearer).endswith("$240.00; this is 5% more.")
    same = with_summary(told, total_cost_usd=240.0, saving=0.0)
    assert headline(same).endswith("People alone would have cost $240.00.")


def test_a_running_campaign_says_how_far_it_is(story):
    told = story("first labels")
    n = told.summary.n_human
    assert headline(told).startswith(f"{n:,} of 6,000 items are labelled so far, for $")
    assert "not known yet" in verdict(told)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "at most 4.13% of all labels are wrong machine labels: as promised."),
        ({"target_met": False}, "wrong machine labels: above the target of 10.00%."),
        ({"target": "machine"}, "at most 4.13% of the machine's labels are wrong: as promised."),
        ({"budget_usd": 50.0}, "at most 4.13% of all labels are wrong machine labels."),
        ({"n_machine": 0}, "People gave every label"),
        (
            {"certified_error": None},
            "by an estimate that promises nothing, and nothing was audited.",
        ),
    ],
)
def test_the_verdict_is_the_certificate_s(story, changes, says):
    told = with_summary(
        story("finished"), **{"certified_error": 0.04123, "target_met": True} | changes
    )
    assert says in verdict(told)


def test_the_promise_tells_of_the_audit_with_its_counts(story):
    told = story("finished")
    ended = next(a for a in told.actions if a.name == "machine_label").details
    paragraphs = promise(told)
    (audit,) = (text for text in paragraphs if text.startswith("How it was checked"))
    assert f"{ended['n_audit']:,} of the " in audit
    assert f"had {ended['n_wrong']:,} of these wrong" in audit
    assert any("at most 5 in 100 break their promise" in text for text in paragraphs)
    assert paragraphs[-1].startswith("What it does not say")


def test_without_an_audit_none_is_told_of(story):
    text = " ".join(promise(story("without a certificate")))
    assert "How it was checked" not in text
    assert "break their promise" not in text


def test_what_people_differ_on_is_told(story):
    told = with_summary(
        story("finished"),
        disagreement=0.1,
        disagreement_interval=(0.05, 0.2),
        true_error_estimate=0.123456,
    )
    assert promise(told)[-1].endswith(
        "Two people differ on 10.00% of items (5.00% to 20.00%). "
        "Against the truth, the error may be up to 12.35%, by an estimate."
    )


def test_every_figure_has_words(story):
    told = story("finished")
    assert {figure.name for figure in FIGURES} == set(captions(told))
    held = [
        f.interval_usd[0] <= told.summary.total_cost_usd <= f.interval_usd[1]
        for f in told.forecasts
        if f.interval_usd
    ]
    assert f"{sum(held)} of {len(held)} intervals held the bill." in captions(told)["forecasts"]
