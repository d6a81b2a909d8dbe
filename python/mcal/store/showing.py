"""A summary as it shows itself in notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mcal.notebook import html_table
from mcal.shares import percent, percent_at_most

if TYPE_CHECKING:
    from .summary import CampaignSummary

__all__ = ["summary_html"]

_TARGETS = {"set": "of all items", "machine": "of the machine's labels"}


def summary_html(summary: CampaignSummary, title: str = "Campaign") -> str:
    """What was promised and found, who labelled, and the bill, as a ``<table>``."""
    rounds = f"{summary.rounds:,} round{'s' * (summary.rounds != 1)}"
    words = [f"{title}: {summary.phase}", rounds, *filter(None, [summary.classifier])]
    rows = [*_promise(summary), *_bill(summary)]
    if summary.stop_reason is not None:
        rows.append(("stopped because", summary.stop_reason))
    return html_table(", ".join(words), ("items", "dollars"), rows)


def _promise(summary: CampaignSummary) -> Iterator[tuple[str, ...]]:
    of_what = _TARGETS[summary.target]
    met = {None: "", True: "; met", False: "; not met"}[summary.target_met]
    most = percent(summary.target_error)
    yield "target", f"at most {most} {of_what} wrongly labelled by the machine{met}"
    if summary.certified_error is None:
        yield "estimated error", f"{percent(summary.estimated_error)} ({summary.estimate_kind})"
    else:
        certified = percent_at_most(summary.certified_error)
        yield "certified error", f"at most {certified} ({summary.estimate_kind})"


def _bill(summary: CampaignSummary) -> Iterator[tuple[str, ...]]:
    n_pool = f"{summary.n_pool:,}"
    if summary.n_known:
        yield "known before", f"{summary.n_known:,}", ""
    n_bought = summary.n_human - summary.n_known
    yield "people's labels", f"{n_bought:,}", _usd(summary.human_cost_usd)
    yield "machine's labels", f"{summary.n_machine:,}", _usd(summary.machine_fee_usd)
    if summary.n_unlabelled:
        yield "not labelled yet", f"{summary.n_unlabelled:,}", ""
    yield "training, scoring", "", _usd(summary.training_cost_usd)
    yield "total", n_pool, _usd(summary.total_cost_usd)
    if summary.finished_at is None and summary.predicted_total_cost_usd is not None:
        yield "predicted total", "", _usd(summary.predicted_total_cost_usd)
        low, high = summary.predicted_interval_usd or (0.0, 0.0)
        if low < high:
            yield "with 90 % between", "", f"{_usd(low)} and {_usd(high)}"
    if summary.budget_usd is not None:
        yield "budget", "", _usd(summary.budget_usd)
    yield "people alone", f"{summary.n_pool - summary.n_known:,}", _usd(summary.human_only_cost_usd)
    yield "saving", "", percent(summary.saving)


def _usd(usd: float) -> str:
    return f"${usd:,.2f}"
