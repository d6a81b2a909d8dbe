"""Tables and sentences about where a campaign stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mcal.shares import percent, percent_at_least, percent_at_most
from mcal.types import Purpose

if TYPE_CHECKING:
    from mcal.campaign.evaluate import Evaluation
    from mcal.store import CampaignSummary

__all__ = [
    "broken_lines",
    "continuing_line",
    "estimate_line",
    "people_lines",
    "print_classes",
    "print_evaluation",
    "print_lines",
    "print_summary",
    "promise_kept",
    "promise_line",
    "unfinished_line",
]

_MOST_NAMED = 5
_MOST_CLASSES = 20
_SAYS_NOTHING = 0.5  # where even the surest class may be wrong so often, the table only frightens

_PURPOSES = {"test": "test set", "train": "training", "audit": "audit", "rest": "the rest"}
_PROMISES = {
    "set": "errors among machine labels / all items",
    "machine": "errors among machine labels / machine labels",
}


def print_lines(console: Console, lines: Sequence[str]) -> None:
    """Lines as they are: neither wrapped nor searched for markup, so that paths stay whole."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_summary(console: Console, summary: CampaignSummary) -> None:
    """Labels, bill and estimated error."""
    console.print(_bill(summary))
    unknown = "" if summary.finished_at is None else "; not certified"
    met = {None: unknown, True: "; met", False: "; not met"}[summary.target_met]
    lines = [
        f"phase            {summary.phase}, {summary.rounds} rounds"
        + (f", {summary.classifier}" if summary.classifier else ""),
        f"target error     {percent(summary.target_error)} ({_PROMISES[summary.target]}){met}",
        estimate_line(summary),
    ]
    lines += people_lines(summary)
    if summary.n_broken:
        lines.append(f"cannot be read   {summary.n_broken:,} items, which people label")
    if summary.stop_reason is not None:
        lines.append(f"stopped because  {summary.stop_reason}")
    print_lines(console, lines)
    print_classes(console, summary)


def print_classes(console: Console, summary: CampaignSummary) -> None:
    """What the audit says about each class of machine labels, the least sure of many."""
    found = summary.class_intervals
    if found is None or not found.classes:
        return
    rows = sorted(found.classes, key=lambda row: (-row.high, row.name))
    if rows[-1].high > _SAYS_NOTHING:
        few = "too few items were audited to tell the classes apart"
        print_lines(console, [f"by class         {few} (intervals: mcal status --json)"])
        return
    table = Table(title="Machine labels by class")
    for heading in ("class", "machine labels", "audited", "wrong", "error between"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for row in rows[:_MOST_CLASSES]:
        counts = (f"{n:,}" for n in (row.n_machine, row.n_audit, row.n_wrong))
        between = f"{percent_at_least(row.low)} and {percent_at_most(row.high)}"
        table.add_row(escape(row.name), *counts, between)
    console.print(table)
    lines = [
        f"all intervals hold at once with {100.0 * found.confidence:.10g}% confidence, "
        f"each by itself with {100.0 * found.confidence_each:.4g}%",
        "audited items have people's labels and are not among the machine's",
    ]
    if len(rows) > _MOST_CLASSES:
        lines.append(f"{len(rows) - _MOST_CLASSES:,} further classes are in `mcal status --json`")
    print_lines(console, lines)


def estimate_line(summary: CampaignSummary) -> str:
    """The error that is promised, or else expected, and what that is worth.

    Never both: what was expected before the audit may be more than the audit proves.
    """
    kind = summary.estimate_kind
    if summary.certified_error is None:
        return f"estimated error  {percent(summary.estimated_error)} ({kind})"
    return f"certified error  at most {percent_at_most(summary.certified_error)} ({kind})"


def people_lines(summary: CampaignSummary) -> list[str]:
    """What the errors are relative to, where it was measured how far people differ."""
    if summary.disagreement is None or summary.disagreement_interval is None:
        return []
    low, high = summary.disagreement_interval
    between = f"{percent_at_least(low)} to {percent_at_most(high)}"
    differ = f"two people differ on {percent(summary.disagreement)} of items ({between})"
    lines = [f"people           relative to people's labels; {differ}"]
    if (n := summary.judgements_per_item_measured) is not None:
        lines.append(f"judgements       {n:.2f} an item")
    if summary.true_error_estimate is not None:
        most = percent_at_most(summary.true_error_estimate)
        lines.append(f"against truth    up to {most}, by an estimate of people's own error")
    return lines


def promise_line(summary: CampaignSummary, found: Evaluation) -> str | None:
    """The certified error beside the one that was realised; None without a certificate."""
    if (kept := promise_kept(summary, found)) is None:
        return None
    return f"promise          {'kept' if kept else 'broken'}, {_PROMISES[summary.target]}"


def promise_kept(summary: CampaignSummary, found: Evaluation) -> bool | None:
    """Whether the realised error is within the certified one; None without a certificate."""
    if summary.certified_error is None:
        return None
    realised = found.set_error if summary.target == "set" else found.machine_error or 0.0
    return realised <= summary.certified_error


def continuing_line(folder: Path, summary: CampaignSummary) -> str:
    """What an earlier run has left."""
    people = f"{_count(summary.n_human, 'label')} of people"
    return f"continuing {folder}: {people}, {_count(summary.rounds, 'round')}"


def broken_lines(
    broken: Mapping[int, str], n_pool: int, item_name: Callable[[int], str]
) -> list[str]:
    """One line about items that cannot be read, with the first few and why; none without them."""
    if not broken:
        return []
    named = [f"{item_name(index)} ({why})" for index, why in islice(broken.items(), _MOST_NAMED)]
    if len(broken) > _MOST_NAMED:
        named.append("...")
    return [
        f"{len(broken):,} of {n_pool:,} items cannot be read and go to people: {', '.join(named)}"
    ]


def unfinished_line(n_unlabelled: int, n_pool: int) -> str:
    """What a file or a count made so early lacks."""
    return f"{n_unlabelled:,} of {n_pool:,} items have no label yet"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _bill(summary: CampaignSummary) -> Table:
    table = Table(title="Bill so far" if summary.finished_at is None else "Bill")
    table.add_column("")
    table.add_column("items", justify="right")
    table.add_column("dollars", justify="right")
    if summary.n_known:
        table.add_row("people: known before", f"{summary.n_known:,}", "")
    for purpose, n_bought in summary.n_bought.items():
        if n_bought or purpose != Purpose.AUDIT:
            table.add_row(f"people: {_PURPOSES[purpose]}", f"{n_bought:,}", "")
    table.add_row("people's labels", f"{summary.n_human:,}", _dollars(summary.human_cost_usd))
    table.add_row("machine's labels", f"{summary.n_machine:,}", _dollars(summary.machine_fee_usd))
    if summary.n_unlabelled:
        table.add_row("not labelled yet", f"{summary.n_unlabelled:,}", "")
    table.add_row("training, scoring", "", _dollars(summary.training_cost_usd), end_section=True)
    table.add_row("total", f"{summary.n_pool:,}", _dollars(summary.total_cost_usd))
    if summary.finished_at is None and summary.predicted_total_cost_usd is not None:
        table.add_row("predicted total", "", _dollars(summary.predicted_total_cost_usd))
        low, high = map(_dollars, summary.predicted_interval_usd or (0.0, 0.0))
        if low != high:  # equal once nothing is left to forecast
            table.add_row("with 90 % between", "", f"{low} and {high}")
    if summary.budget_usd is not None:
        table.add_row("budget", "", _dollars(summary.budget_usd))
        table.add_row("reserved of it", "", _dollars(summary.reserved_usd or 0.0))
        table.add_row("left of it", "", _dollars(summary.left_usd or 0.0))
    n_alone = summary.n_pool - summary.n_known
    table.add_row("people alone", f"{n_alone:,}", _dollars(summary.human_only_cost_usd))
    table.add_row("saving", "", percent(summary.saving))
    return table


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}"


def print_evaluation(console: Console, found: Evaluation) -> None:
    """Errors against the truth, by who gave the label."""
    table = Table(title="Against the truth")
    for heading in ("labels by", "items", "wrong", "share wrong"):
        table.add_column(heading, justify="left" if heading == "labels by" else "right")
    for source, tally in found.by_source.items():
        if tally.n:
            table.add_row(source, f"{tally.n:,}", f"{tally.n_errors:,}", percent(tally.error))
    table.add_section()
    total = f"{found.n_errors:,}"
    table.add_row("all", f"{found.n_delivered:,}", total, percent(found.realised_error))
    console.print(table)
    is_whole = found.n_delivered == found.n_pool
    base = "all items" if is_whole else "items with a label"
    lines = [
        f"realised error   {percent(found.realised_error)} (all wrong labels / {base})",
    ]
    if is_whole or found.machine_error is not None:
        lines += [
            f"of all items     {percent(found.set_error)} have a wrong machine label",
            f"machine's labels {percent(found.machine_error)} of them wrong",
        ]
    if not is_whole:
        lines.insert(
            0, f"so far           {found.n_delivered:,} of {found.n_pool:,} items have a label"
        )
    if found.n_no_label:
        lines.append(f"no class fits    {found.n_no_label:,} items, not counted as wrong")
    print_lines(console, lines)
