"""What every step of a campaign is made of: its parts, how it records, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..settings import Settings
from ..store import BatchRecord, Store, summarise
from ..types import (
    Annotator,
    Batch,
    BatchStatus,
    Event,
    IndexArray,
    Pool,
    Progress,
    Purpose,
    derive_seed,
)
from .decide import Decision
from .facts import Facts

__all__ = ["OnEvent", "Recording"]

OnEvent = Callable[[Event], None]


class Recording:
    """The campaign's parts. ``Endings`` derives from it, ``Steps`` from those."""

    def __init__(
        self,
        store: Store,
        facts: Facts,
        *,
        pool: Pool,
        annotator: Annotator | None,
        settings: Settings,
    ) -> None:
        self.store, self.facts = store, facts
        self.pool, self.annotator, self.settings = pool, annotator, settings
        self.report: OnEvent = lambda event: None

    def first_open(self) -> Batch | None:
        """The oldest batch whose labels are not all there."""
        for record in self.store.batches():
            if record.status is not BatchStatus.CLOSED:
                return self.batch(record)
        return None

    def add_batch(
        self,
        purpose: Purpose,
        round_: int,
        indices: IndexArray,
        selection: str,
        reason: str,
        *,
        engine: str = "cpu",
    ) -> None:
        n_before = sum(batch.n_items for batch in self.store.batches())
        self.store.add_batch(
            purpose=purpose,
            round=round_,
            indices=indices,
            selection=selection,
            engine=engine,
            price_per_label=self.settings.prices.people.purchase(n_before, indices.size),
            reason=reason,
        )

    def batch(self, record: BatchRecord) -> Batch:
        indices = self.store.batch_indices(record.batch_id)
        return Batch(
            record.batch_id,
            record.purpose,
            record.round,
            indices,
            tuple(self.pool.item_name(int(i)) for i in indices),
            self.pool.classes,
            self.settings.prices.judgements_per_item,
            told=np.intersect1d(indices, self.store.labels(record.purpose).indices),
        )

    def details(self, decision: Decision, **more: Any) -> dict[str, Any]:
        return {
            "classifier": decision.classifier,
            "n_buy": decision.n_buy,
            "stable": decision.stable,
            **more,
        }

    def record(
        self, decision: Decision, round_: int, details: Mapping[str, Any] | None = None
    ) -> None:
        self.store.add_action(
            round=round_,
            name=decision.verdict,
            reason=decision.reason,
            details=details or self.details(decision),
        )

    def seed(self, round_: int, purpose: str) -> int:
        return derive_seed(self.settings.seed, round_, purpose)

    def progress(self, phase: str, about: str = "") -> Progress:
        def report(share: float, words: str) -> None:
            self.report(Event(phase, f"{about} {words}".strip(), share))

        return report

    def say(self, phase: str, words: str) -> None:
        summary = summarise(self.store)
        self.report(
            Event(
                phase,
                words,
                facts={
                    "round": summary.rounds,
                    "n_pool": summary.n_pool,
                    "n_human": summary.n_human,
                    "spent_usd": summary.total_cost_usd,
                    "human_only_usd": summary.human_only_cost_usd,
                    "predicted_usd": summary.predicted_total_cost_usd,
                    "predicted_interval_usd": summary.predicted_interval_usd,
                    "certified_error": summary.certified_error,
                },
            )
        )
