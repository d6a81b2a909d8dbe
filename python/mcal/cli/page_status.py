"""What the labelling page tells about its campaign."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mcal.annotators.web.status import BillRow, Phase, Status
from mcal.campaign.background import Background
from mcal.store import CampaignSummary, Store, summarise

from .tables import estimate_line

__all__ = ["CampaignStatus", "bill_rows"]

_FRESH_S = 1.0
_ELSEWHERE = "New items come by themselves when `mcal run` has chosen them."


class CampaignStatus:
    """Where the campaign in ``folder`` stands, read from its store at most once a second.

    ``background`` runs it; None when another process does.
    """

    def __init__(self, folder: Path, background: Background | None) -> None:
        self._folder, self._background = folder, background
        self._lock = threading.Lock()
        self._read_at_s = -_FRESH_S
        self._summary: CampaignSummary | None = None

    def __call__(self) -> Status:
        summary = self._fresh_summary()
        phase, words, share = self._phase(summary)
        if summary is None:
            return Status(phase, words, share)
        is_done = phase == "done"
        return Status(
            phase,
            words,
            share,
            n_pool=summary.n_pool,
            n_human=summary.n_human - summary.n_known,
            spent_usd=summary.total_cost_usd,
            predicted_usd=summary.predicted_total_cost_usd,
            human_only_usd=summary.human_only_cost_usd,
            bill=tuple(bill_rows(summary)) if is_done else (),
            promise=" ".join(estimate_line(summary).split()).capitalize() if is_done else "",
        )

    def _phase(self, summary: CampaignSummary | None) -> tuple[Phase, str, float | None]:
        if summary is not None and summary.finished_at is not None:
            return "done", "", None
        runner = self._background
        if runner is None or runner.state == "busy":
            if summary is not None and summary.open_batch is not None:
                return "people", "", None
            return "elsewhere", _ELSEWHERE, None
        match runner.state, runner.event:
            case "failed", _:
                return "failed", str(runner.error), None
            case "people", _:
                return "people", "", None
            case "working", event if event is not None:
                return "working", event.words, event.share
            case _:
                return "opening", "", None

    def _fresh_summary(self) -> CampaignSummary | None:
        with self._lock:
            if time.monotonic() - self._read_at_s >= _FRESH_S and Store.exists(self._folder):
                with Store.open(self._folder, read_only=True) as store:
                    self._summary = summarise(store)
                self._read_at_s = time.monotonic()
            return self._summary


def bill_rows(summary: CampaignSummary) -> Iterator[BillRow]:
    """The bill, line by line."""
    if summary.n_known:
        yield BillRow("People's labels, known before", summary.n_known, 0.0)
    n_bought = summary.n_human - summary.n_known
    yield BillRow("People's labels", n_bought, summary.human_cost_usd)
    yield BillRow("The machine's labels", summary.n_machine, summary.machine_fee_usd)
    yield BillRow("Training and scoring", None, summary.training_cost_usd)
    yield BillRow("Total", summary.n_pool, summary.total_cost_usd)
    yield BillRow("People alone", summary.n_pool - summary.n_known, summary.human_only_cost_usd)
