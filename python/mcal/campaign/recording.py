"""What every step of a campaign is made of: its parts, how it records, and what it tells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..annotators.consensus import consolidates
from ..consensus import select
from ..errors import AnnotatorError
from ..settings import Settings
from ..store import (
    LEAST_ITEMS,
    BatchRecord,
    Ranking,
    Store,
    enough_judges,
    expected_settings,
    least_label_error,
    measured_disagreement,
    summarise,
)
from ..types import (
    Annotator,
    Answers,
    Batch,
    BatchStatus,
    Event,
    Guesses,
    IndexArray,
    Pool,
    Progress,
    Purpose,
    derive_seed,
)
from .decide import Decision
from .facts import Facts
from .guesses import guesses_of
from .scoring import ItemScores

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
        guesses: Guesses | None = None,
    ) -> None:
        n_before = sum(batch.n_items for batch in self.store.batches())
        with self.store.transaction():
            batch = self.store.add_batch(
                purpose=purpose,
                round=round_,
                indices=indices,
                selection=selection,
                engine=engine,
                price_per_label=self.settings.prices.people.purchase(n_before, indices.size),
                reason=reason,
            )
            if guesses is not None:
                self.store.add_guesses(batch.batch_id, guesses)

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
            recorded=self.store.judgements(record.batch_id),
            told=np.intersect1d(indices, self.store.labels(record.purpose).indices),
            guesses=self.store.guesses(record.batch_id),
        )

    def guesses(
        self, wanted: IndexArray, said: ItemScores | Ranking, classifier: str, round_: int
    ) -> Guesses | None:
        """What a model says about ``wanted``, where the settings let people see it."""
        if not self.settings.shows_guesses:
            return None
        return guesses_of(wanted, said, f"{classifier}, round {round_}")

    def record_judgements(self, batch: Batch, answers: Answers) -> None:
        """Record who said what, with the labels made of it: until then people may change it."""
        said = answers.judgements
        if said is None:
            return
        stand = [
            rows for rows in (batch.told, answers.indices, answers.settled) if rows is not None
        ]
        more = self.settings.consensus.third_on_disagreement
        self.store.add_judgements(
            batch.batch_id,
            select(said, np.isin(said.indices, np.concatenate(stand))),
            n_ordered=batch.n_judgements,
            further_usd=self.further_usd(batch.batch_id) if more else None,
        )

    def further_usd(self, batch_id: str) -> float:
        """What a judgement beyond those ordered costs: as one ordered right after the batch."""
        prices, n_items = self.settings.prices, 0
        for record in self.store.batches():
            n_items += 0 if record.is_known else record.n_items
            if record.batch_id == batch_id:
                break
        ((_, usd),) = prices.judgement.purchase(prices.judgements_per_item * n_items, 1)
        return usd

    def expected(self) -> Settings:
        """The settings with prices as items are expected to cost in the end: for plans."""
        return expected_settings(self.store, self.settings)

    def refuse_below_disagreement(self) -> None:
        """A target that people themselves do not reach is no promise worth buying.

        Whatever the consensus, ``least_label_error`` of the disagreement's lower end is held
        against it. With a budget the target is no promise, and nothing is refused.

        Raises ``AnnotatorError`` before anything beyond the first batches is trained or bought.
        """
        settings, found = self.settings, measured_disagreement(self.store)
        if settings.budget_usd is not None or found is None or found.n_items < LEAST_ITEMS:
            return
        third = settings.consensus.third_on_disagreement
        n_judges = settings.prices.judgements_per_item + third
        least = least_label_error(found.low, n_judges)
        if settings.target_error >= least:
            return
        remedies = [f"target_error = {math.ceil(least * 1000.0) / 1000.0:g} or more"]
        n_enough = enough_judges(found.low, settings.target_error, n_judges)
        if n_enough is not None:
            remedies.insert(0, f"prices.judgements_per_item = {n_enough}")
            knows_people = self.annotator is not None and not consolidates(self.annotator)
            if n_enough == 3 and settings.prices.judgements_per_item == 2 and knows_people:
                remedies.insert(0, "consensus.third_on_disagreement = true")
        raise AnnotatorError(
            f"target_error {settings.target_error:.2%} is below what people reach: two of them "
            f"differ on {found.share:.1%} of {found.n_items:,} items ({found.low:.1%} to "
            f"{found.high:.1%}), so that at least about {least:.1%} of their labels are wrong. "
            f"Begin again with {' or '.join(remedies)}; the labels bought are in this folder "
            "(`mcal export`)"
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
                    "n_known": summary.n_known,
                    "spent_usd": summary.total_cost_usd,
                    "human_only_usd": summary.human_only_cost_usd,
                    "predicted_usd": summary.predicted_total_cost_usd,
                    "predicted_interval_usd": summary.predicted_interval_usd,
                    "certified_error": summary.certified_error,
                },
            )
        )
