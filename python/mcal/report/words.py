"""A campaign in sentences, for people who never saw the command line."""

from __future__ import annotations

import numpy as np

from mcal.shares import percent, percent_at_most
from mcal.store import ActionRecord, CampaignSummary
from mcal.types import Purpose

from .story import Story

__all__ = [
    "DECISIONS",
    "captions",
    "dollars",
    "ending",
    "headline",
    "promise",
    "share",
    "verdict",
]

DECISIONS = {
    "buy": "Bought labels",
    "audit": "Drew an audit",
    "machine_label": "Machine labelled",
    "people": "People label the rest",
    "drop": "Dropped a classifier",
    "collapse": "Kept the model before",
    "budget": "Budget raised",
    "stuck": "Stuck",
}
"""What the names of actions are called; others are shown as they are."""

_OF = {"set": "of all labels", "machine": "of the machine's labels"}
_ARE = {"set": "are wrong machine labels", "machine": "are wrong"}


def dollars(usd: float | None) -> str:
    """$1,234.56; a dash when it is not known."""
    return "–" if usd is None else f"${usd:,.2f}"


def share(part: int, whole: int) -> str:
    """A count's share of another, in per cent."""
    return percent(part / whole) if whole else "–"


def headline(story: Story) -> str:
    """What was bought, and for how much."""
    summary = story.summary
    if summary.finished_at is None:
        done = summary.n_pool - summary.n_unlabelled
        so_far = f"{done:,} of {summary.n_pool:,} items are labelled so far"
        return f"{so_far}, for {dollars(summary.total_cost_usd)} ({summary.phase})."
    but = ""
    if summary.n_no_label:
        but = f" ({summary.n_no_label:,} of them as fitting none of the classes)"
    text = f"{summary.n_pool:,} items are labelled{but}, for {dollars(summary.total_cost_usd)}."
    return f"{text} {_beside_people(summary)}"


def _beside_people(summary: CampaignSummary) -> str:
    alone, saving = dollars(summary.human_only_cost_usd), summary.saving
    if saving is None or abs(saving) < 0.0005:
        return f"People alone would have cost {alone}."
    less = f"{abs(saving):.0%} {'less' if saving > 0.0 else 'more'}"
    return f"People alone would have cost {alone}; this is {less}."


def verdict(story: Story) -> str:
    """How wrong the result may be, in one sentence, with what that is worth."""
    summary = story.summary
    of, are = _OF[summary.target], _ARE[summary.target]
    if not summary.n_machine and summary.finished_at is not None:
        return "People gave every label: none is a machine's, so no machine's is wrong."
    if not summary.n_machine and (_last(story, "people") or _last(story, "machine_label")):
        return "People will give every label: none will be a machine's."
    if summary.certified_error is not None:
        most = percent_at_most(summary.certified_error)
        if not summary.n_audit:
            sentence = f"Even if the machine were always wrong, at most {most} {of} {are}"
        else:
            sure = f"{100.0 * (summary.confidence or 0.0):.10g}%"
            sentence = f"With {sure} confidence, at most {most} {of} {are}"
        return f"{sentence}{_met(summary)}."
    if summary.estimated_error is None:
        return f"How wrong the machine is, is not known yet. The target is {_target(summary)} {of}."
    expected = percent(summary.estimated_error)
    when = "" if summary.finished_at is None else ", and nothing was audited"
    return f"About {expected} {of} {are}, by an estimate that promises nothing{when}."


def _met(summary: CampaignSummary) -> str:
    if summary.budget_usd is not None:
        is_met = "met" if summary.target_met else "not met"
        return f"; the target of {_target(summary)} is {is_met}"
    if summary.target_met:
        return f"; the goal was {_target(summary)}"
    return f", more than the goal of {_target(summary)}"


def _target(summary: CampaignSummary) -> str:
    return percent(summary.target_error)


def promise(story: Story) -> list[str]:
    """How sure we are and why, one paragraph each."""
    paragraphs, summary = [_goal(story)], story.summary
    if (drawn := _last(story, "audit")) is not None:
        paragraphs.append(_how_audited(story, drawn))
    if summary.certified_error is not None and summary.n_machine and summary.n_audit:
        fails = 1.0 - (summary.confidence or 0.0)
        paragraphs.append(
            f"What the confidence means: of campaigns run like this one, at most "
            f"{100.0 * fails:.10g} in 100 break their promise. It rests on the random draw alone, "
            "and on nothing that the machine or the curves below believe."
        )
    paragraphs.append(_against_people(summary))
    return paragraphs


def _goal(story: Story) -> str:
    summary = story.summary
    if summary.budget_usd is None:
        goal = f"at most {_target(summary)} {_OF[summary.target]} {_ARE[summary.target]}"
        return f"The goal was to label everything for the fewest dollars, such that {goal}."
    can = "can certify" if story.settings.certificate.kind != "none" else "allows"
    return f"The goal was the smallest error that a budget of {dollars(summary.budget_usd)} {can}."


def _how_audited(story: Story, drawn: ActionRecord) -> str:
    audit, ended = story.audit, _last(story, "machine_label")
    frame = f"{drawn.details['frame']:,} items that the machine was surest of"
    if not story.summary.n_audit:
        if _ordered(story):
            return f"How it is checked: people label some of the {frame}. None is in yet."
        return (
            "How it was checked: nothing was audited; checking would have cost more than it saves."
        )
    assert audit is not None  # its labels are in
    rates = ", the less sure ones at a higher rate," if audit.boundary else ""
    text = (
        f"How it was checked: before any machine label counted, {audit.n_audit:,} of the {frame} "
        f"were drawn at random{rates} and labelled by people."
    )
    if ended is None:
        return f"{text} Their labels are not all in, or not judged yet."
    every = np.ones(audit.n_audit, dtype=bool)
    estimate = percent(audit.error(every)[0])
    share = f"; weighted by the rates, {estimate} of all" if audit.boundary else f" ({estimate})"
    text += f" The machine had {audit.n_wrong:,} of these wrong{share}."
    if not story.summary.n_machine:
        return f"{text} {ended.reason[:1].upper()}{ended.reason[1:]}."
    bound = ", as many as keep the goal" if story.summary.budget_usd is None else ""
    if story.ranking is not None and story.cut == story.ranking.n_ranked:
        bound = ", all that were left"
    return (
        f"{text} How many of its other labels can be wrong then was computed exactly, and it was "
        f"allowed {story.summary.n_machine:,} labels{bound}."
    )


def ending(story: Story) -> str | None:
    """Why it ended, or why it is stuck."""
    summary = story.summary
    if summary.stop_reason is None:
        return None
    if summary.finished_at is None:
        return f"It is stuck: {summary.stop_reason}."
    text = f"It ended because {summary.stop_reason}."
    if "$" in summary.stop_reason:
        total = dollars(summary.total_cost_usd)
        text += f" These dollars are what was expected then; the bill came to {total}."
    return text


def _ordered(story: Story) -> bool:
    return any(batch.purpose is Purpose.AUDIT for batch in story.batches)


def _against_people(summary: CampaignSummary) -> str:
    text = (
        "What it does not say: a label counts as wrong where it differs from what people say. "
        "Mistakes of people are in the data set, and are not counted."
    )
    if summary.disagreement is None or summary.disagreement_interval is None:
        return text
    low, high = (percent(end) for end in summary.disagreement_interval)
    text += f" Two people differ on {percent(summary.disagreement)} of items ({low} to {high})."
    if summary.true_error_estimate is not None:
        most = percent_at_most(summary.true_error_estimate)
        text += f" Against the truth, the error may be up to {most}, by an estimate."
    return text


def _last(story: Story, name: str) -> ActionRecord | None:
    found = [action for action in story.actions if action.name == name]
    return found[-1] if found else None


def captions(story: Story) -> dict[str, str]:
    """What each figure shows, by its name: also what a screen reader says of it."""
    summary, told_of = story.summary, [f for f in story.forecasts if f.interval_usd is not None]
    texts = {
        "bill": f"The bill of {dollars(summary.total_cost_usd)} by its parts, above what people "
        f"alone cost, {dollars(summary.human_only_cost_usd)}.",
        "forecasts": "What each round forecast the whole campaign to cost"
        f"{', with 90% intervals,' if told_of else ','} and what had been spent by then.",
        "learning-curves": "Error against training size: measured on the test set (points, with "
        "90% intervals), and the curves fitted to them with theirs. One colour for each share of "
        "the items left, the surest first (the paper's Figure 2).",
        "fits-by-round": "The curve as it was fitted after each round, beside the errors that were "
        "measured: how early the forecasts could be trusted (the paper's Figure 3).",
        "ranking": "How often the machine is right along its own ranking, as the test set led to "
        "expect and as the audit found, with 90% intervals (the paper's Figure 5).",
        "cost-surface": "What the last curves expect of every number of training labels and every "
        "share left to the machine, before the audit. The audit may find fewer errors and allow "
        "more, so that a campaign can cost less, and end in the grey, where the curves, with a "
        "margin for the size of the test set, expect too many errors. Dots: where each round's "
        "forecast expected to end.",
        "batches": "Labels ordered, by what they were for and the round that they served: training "
        "labels chosen after a round are trained on in the next.",
        "class-balance": "Labels of each class, by who gave them.",
        "class-errors": "Machine labels of each class: their error as the audit estimates it, and "
        "the intervals that hold for all classes at once. Few items of each class are audited, so "
        "they are wide; that does not weaken the promise for all labels.",
    }
    drawn = _last(story, "audit")
    if drawn is not None and drawn.details.get("is_folded"):
        texts["ranking"] += (
            " What was expected is of the model before: the one that labels was trained on the "
            "test set too."
        )
    if told_of and summary.finished_at is not None:
        held = sum(_held(f.interval_usd, summary.total_cost_usd) for f in told_of)
        texts["forecasts"] += f" {held} of {len(told_of)} intervals held the bill."
    return texts


def _held(interval: tuple[float, float] | None, usd: float) -> bool:
    return interval is not None and interval[0] <= usd <= interval[1]
