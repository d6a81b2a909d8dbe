"""The report's sentences say what the numbers say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mcal.report.figures import FIGURES
from mcal.report.words import captions, ending, headline, promise, verdict


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


VERDICTS = {
    "finished": r"With 95% confidence, at most \S+% of all labels are .*; the goal was 10\.00%\.",
    "of the machine's labels": r"at most \S+% of the machine's .* wrong; the goal was 10\.00%\.",
    "within a budget": r"are wrong machine labels; the target of 10\.00% is not met\.",
    "within a budget, uncertified": r"About \S+% of all .* promises nothing, and nothing",
    "without a certificate": r"About \S+% of all .* promises nothing, and nothing was audited\.",
    "as printed": r"About \S+% of all .* promises nothing, and nothing was audited\.",
    "hopeless": r"People gave every label",
    "hopeless, uncertified": r"People gave every label",
    "all known": r"People gave every label",
    "hopeless, the rest to come": r"People will give every label",
    "tiny": r"Even if the machine were always wrong, at most 10\.00% .*; the goal was 10\.00%\.",
    "not certified yet": r"About \S+% of all labels are wrong .*, by an estimate .* nothing\.",
    "first labels": r"not known yet. The target is 10\.00% of all labels\.",
}


@pytest.mark.parametrize("kind", VERDICTS)
def test_the_verdict_is_true_of_every_kind_of_campaign(story, kind):
    assert re.search(VERDICTS[kind], verdict(story(kind))), verdict(story(kind))


def test_a_bound_is_rounded_up_and_a_missed_goal_said(story):
    told = with_summary(story("finished"), certified_error=0.04123, target_met=False)
    assert verdict(told).endswith(
        "at most 4.13% of all labels are wrong machine labels, more than the goal of 10.00%."
    )


def test_items_that_no_class_fits_are_told(story):
    told = story("no class fits some")
    n = told.summary.n_no_label
    assert n > 0
    assert f"({n:,} of them as fitting none of the classes)" in headline(told)


AUDITED = (
    r"before any machine label counted, \S+ of the \S+ items .* were drawn at random and labelled"
)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("finished", AUDITED),
        ("of the machine's labels", AUDITED),
        ("within a budget", AUDITED),
        ("weighted", r"at random, the less sure ones at a higher rate, and labelled by people\. "
         r"The machine had \d+ of these wrong; weighted by the rates, \S+% of all\."),
        ("tiny", r"nothing was audited; checking would have cost more than it saves"),
    ],
)  # fmt: skip
def test_the_audit_is_told_as_it_was_drawn(story, kind, says):
    (audit,) = (text for text in promise(story(kind)) if text.startswith("How it was checked"))
    assert re.search(says, audit), audit


def test_the_audit_s_counts_are_the_certificate_s(story):
    told = story("finished")
    ended = next(a for a in told.actions if a.name == "machine_label").details
    text = " ".join(promise(told))
    assert f"counted, {ended['n_audit']:,} of the " in text
    assert (
        f"had {ended['n_wrong']:,} of these wrong ({ended['n_wrong'] / ended['n_audit']:.2%})"
        in text
    )
    assert f"allowed {told.summary.n_machine:,} labels, as many as keep the goal." in text
    everything = replace(told, cut=told.ranking.n_ranked)
    assert "labels, all that were left." in " ".join(promise(everything))


def test_dollars_in_a_reason_are_those_of_its_moment(story):
    told = with_summary(story("finished"), stop_reason="stopping is forecast at $5.00")
    assert ending(told) == (
        "It ended because stopping is forecast at $5.00. These dollars are what was expected then; "
        f"the bill came to ${told.summary.total_cost_usd:,.2f}."
    )
    assert (
        ending(with_summary(told, stop_reason="no label pays")) == "It ended because no label pays."
    )
    assert ending(with_summary(told, finished_at=None)).startswith("It is stuck: stopping")
    assert ending(story("first labels")) is None


@pytest.mark.parametrize("kind", VERDICTS)
def test_confidence_is_explained_where_a_draw_gives_it(story, kind):
    drawn = kind in ("finished", "of the machine's labels", "within a budget")
    assert ("at most 5 in 100 break their promise" in " ".join(promise(story(kind)))) == drawn


def test_a_budget_promises_no_target(story):
    assert "as many as keep the goal" not in " ".join(promise(story("within a budget")))
    assert promise(story("within a budget"))[0].endswith("a budget of $60.00 can certify.")
    assert promise(story("within a budget, uncertified"))[0].endswith("of $60.00 allows.")


@pytest.mark.parametrize("kind", VERDICTS)
def test_intervals_are_told_of_where_there_are_some(story, kind):
    told = story(kind)
    has_some = any(f.interval_usd for f in told.forecasts)
    assert ("90% intervals" in captions(told)["forecasts"]) == has_some


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
