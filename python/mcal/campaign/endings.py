"""How a campaign ends: the audit and its certificate, machine labels, people's rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..profiles import largest_cut
from ..selection import smallest_k
from ..store import summarise
from ..types import FloatArray, Guesses, IndexArray, Purpose
from .audit import FrozenAudit, certify_ranking, freeze, how_drawn
from .decide import Decision, Verdict
from .label_cost import that_pay
from .moves import round_of
from .recording import Recording
from .training import Trained

__all__ = ["Endings"]


class Endings(Recording):
    """The moves after the last purchase for training.

    Methods that answer a decision do its slow work first and return what is then recorded in one
    transaction.
    """

    def audit(self, decision: Decision, round_: int, trained: Trained) -> Callable[[], None]:
        """Freeze the model in hand, and let people check a sample of its surest labels."""
        name, settings = decision.classifier, self.expected()
        profile = self.facts.profile(round_, name)
        frozen = freeze(
            trained.scores,
            self.positions_left(trained),
            profile,
            n_pool=self.pool.n_pool,
            settings=settings,
            order_seed=self.seed(round_, "audit:order"),
            draw_seed=self.seed(round_, "audit:draw"),
        )
        n_audit, frame = frozen.plan.n_audit, frozen.plan.frame
        first = f"people check {n_audit:,} of the {frame:,} items that {name} is surest of"
        first += how_drawn(frozen.plan, profile, settings)
        words = first if n_audit else "an audit would cost more labels than it saves"
        reason = f"{decision.reason}; {words}"
        details = self.details(decision, is_folded=trained.is_folded)
        return self.record_audit(frozen, reason, words, round_, name, details)

    def record_audit(
        self,
        frozen: FrozenAudit,
        reason: str,
        words: str,
        round_: int,
        classifier: str,
        details: Mapping[str, Any],
    ) -> Callable[[], None]:
        """What records a frozen ranking and sends its audit; ``words`` go with the audit."""

        def record() -> None:
            self.store.add_action(
                round=round_,
                name=Verdict.AUDIT,
                reason=reason,
                details={
                    **details,
                    **frozen.details(),
                    "confidence": self.settings.certificate.confidence,
                },
            )
            self.store.add_ranking(
                round=round_,
                classifier=classifier,
                indices=frozen.indices,
                labels=frozen.labels,
                deficit=frozen.deficit,
            )
            if frozen.plan.n_audit:
                self.add_batch(Purpose.AUDIT, round_, frozen.audited, "random", words)

        return record

    def certify(self) -> bool:
        """Let the machine label what the audit allows; only the recorded ranking counts."""
        round_ = round_of(self.store.batches())
        drawn, ranking = self.facts.last_decision(round_), self.store.ranking()
        assert drawn is not None  # recorded together, before this move
        assert ranking is not None
        found = certify_ranking(
            ranking,
            self.store.labels(Purpose.AUDIT),
            drawn=drawn.details,
            n_pool=self.pool.n_pool,
            n_classes=len(self.pool.classes),
            settings=self.expected(),
        )
        certificate, chosen = found.certificate, found.chosen
        words, n_machine = found.words(), certificate.n_machine
        profile = self.facts.profile(round_, ranking.classifier)
        above = profile.errors_above(certificate.cut) / self.pool.n_pool
        error = above * n_machine / max(1, certificate.cut)
        self._machine_labels(
            round_,
            ranking.classifier,
            ranking.indices[chosen],
            ranking.labels[chosen],
            ranking.deficit[chosen],
            reason=words,
            details={
                "classifier": ranking.classifier,
                "estimated_error": self.in_target(error, n_machine),
                **found.details(),
            },
        )
        self.say("label", words)
        return True

    def machine_label(
        self, decision: Decision, round_: int, trained: Trained
    ) -> Callable[[], None]:
        """The model in hand labels what it is surest of (line 26), by the point estimate."""
        count, error = self.cut(round_, decision.classifier)
        left, scores = self.positions_left(trained), trained.scores
        chosen = np.sort(left[smallest_k(scores.deficit[left], count)])
        details = self.details(
            decision, estimated_error=self.in_target(error, count), n_machine=count
        )
        return lambda: self._machine_labels(
            round_,
            decision.classifier,
            scores.indices[chosen],
            scores.labels[chosen],
            scores.deficit[chosen],
            reason=decision.reason,
            details=details,
        )

    def people(self, decision: Decision, round_: int) -> Callable[[], None]:
        """Without machine labels none of them is wrong: that is sure, and needs no audit."""
        sure: dict[str, Any] = {"estimated_error": 0.0, "n_machine": 0}
        if self.settings.is_audited:
            confidence = self.settings.certificate.confidence
            sure |= {"certified_error": 0.0, "confidence": confidence, "n_audit": 0}
        return lambda: self.record(decision, round_, self.details(decision, **sure))

    def ask_rest(self) -> bool:
        round_ = round_of(self.store.batches())
        rest = self.facts.unasked()
        self.add_batch(
            Purpose.REST,
            round_,
            rest,
            "rest",
            "what no machine labels",
            guesses=self.guesses_at_end(rest, round_),
        )
        self.say("ask", f"people label the remaining {rest.size:,} items")
        return True

    def guesses_at_end(self, indices: IndexArray, round_: int) -> Guesses | None:
        """What the last model says, as far as it is known: the frozen ranking keeps the surest.

        Nothing is scored again to be shown: that would cost money.
        """
        ranking = self.store.ranking()
        if ranking is None:
            return None
        model_round = self.facts.model_round(ranking.round, ranking.classifier)
        return self.guesses(indices, ranking, ranking.classifier, model_round)

    def finish(self) -> bool:
        decided = self.facts.decisions(round_of(self.store.batches()))[0]
        self.store.finish(stop_reason=decided.reason, details={})
        summary = summarise(self.store)
        self.say("done", f"{summary.n_pool:,} items are labelled: {decided.reason}")
        return True

    def cut(self, round_: int, name: str) -> tuple[int, float]:
        """How many items the model of a round may label, and the errors expected / n_pool.

        None where people's labels cost no more.
        """
        settings, n_pool = self.expected(), self.pool.n_pool
        count, error = largest_cut(
            self.facts.profile(round_, name),
            n_pool=n_pool,
            target_error=settings.target_error,
            target=settings.target,
            safety=0.0 if settings.preset == "paper" else settings.plan.safety,
        )
        return (count, error) if that_pay(count, n_pool, settings) else (0, 0.0)

    def in_target(self, error: float, n_machine: int) -> float:
        """Errors / n_pool in the sense of the target: of "machine", errors / machine labels."""
        if self.settings.target == "set" or not n_machine:
            return error
        return error * self.pool.n_pool / n_machine

    def positions_left(self, trained: Trained) -> IndexArray:
        """Positions in a model's scores of the items nobody has been asked for."""
        return np.flatnonzero(np.isin(trained.scores.indices, self.facts.unasked()))

    def _machine_labels(
        self,
        round_: int,
        classifier: str,
        indices: IndexArray,
        labels: IndexArray,
        deficit: FloatArray,
        *,
        reason: str,
        details: Mapping[str, Any],
    ) -> None:
        if not indices.size:
            self.store.add_action(
                round=round_, name=Verdict.MACHINE_LABEL, reason=reason, details=details
            )
            return
        self.store.add_machine_labels(
            round=round_,
            classifier=classifier,
            indices=indices,
            labels=labels,
            confidence=1.0 - deficit,
            fee_usd_each=self.settings.prices.machine_fee,
            reason=reason,
            details=details,
        )
