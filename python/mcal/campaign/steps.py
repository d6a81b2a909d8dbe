"""The moves of a campaign: each does its work and records it in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ..errors import AnnotatorError
from ..profiles import largest_cut
from ..selection import smallest_k
from ..settings import Settings
from ..store import BatchRecord, Store, summarise
from ..types import (
    Annotator,
    Batch,
    BatchStatus,
    Classifier,
    Event,
    IndexArray,
    Pool,
    Progress,
    Purpose,
    derive_seed,
)
from .decide import Decision, Verdict, decide, first_batch_size, smallest_batch
from .estimate import estimate_plan, n_test_items
from .facts import Facts
from .moves import round_of
from .scoring import choose_batch, choose_engine, would_be_bought
from .training import Trained, Trainer

__all__ = ["OnEvent", "Steps"]

OnEvent = Callable[[Event], None]


class Steps:
    """What ``Move`` names, done. Every method returns False when people are waited for."""

    def __init__(
        self,
        store: Store,
        facts: Facts,
        trainer: Trainer,
        *,
        pool: Pool,
        annotator: Annotator | None,
        classifiers: Mapping[str, Classifier],
        settings: Settings,
    ) -> None:
        self.store, self.facts, self.trainer = store, facts, trainer
        self.pool, self.annotator, self.settings = pool, annotator, settings
        self.classifiers = classifiers
        self.report: OnEvent = lambda event: None
        self.problems: tuple[str, ...] = ()
        self._trained: dict[str, Trained] = {}

    def ask_first(self) -> bool:
        settings, n_pool = self.settings, self.pool.n_pool
        readable = self.facts.readable(np.arange(n_pool, dtype=np.int64))
        test = _draw(readable, n_test_items(n_pool, settings), self._seed(0, "test"))
        rest = np.setdiff1d(readable, test)
        first = _draw(rest, first_batch_size(n_pool, settings), self._seed(0, "first"))
        with self.store.transaction():
            self._add_batch(Purpose.TEST, 0, test, "random", "the test set, drawn at random")
            self._add_batch(Purpose.TRAIN, 0, first, "random", "the first batch, drawn at random")
        self._say("ask", f"buy {test.size:,} test and {first.size:,} first training labels")
        return True

    def collect(self) -> bool:
        if self.annotator is None:
            return False
        problems: list[str] = []
        told = 0
        for record in self.store.batches():
            if record.status is BatchStatus.CLOSED:
                continue
            batch = self.batch(record)
            ticket = record.ticket
            if ticket is None:
                ticket = self.annotator.submit(batch)
                self.store.submit_batch(batch.batch_id, ticket)
            answers = self.annotator.collect(batch, ticket)
            problems += answers.problems
            agreeing = self.facts.agrees(record.purpose, answers)
            problems += [
                f"{self.pool.item_name(int(index))}: the first answer stands, a later one differs"
                for index in answers.indices[~agreeing]
            ]
            told += self.store.tell(
                batch.batch_id, answers.indices[agreeing], answers.labels[agreeing]
            )
            if answers.complete and self.facts.n_missing(batch.batch_id):
                raise AnnotatorError(
                    f"batch {batch.batch_id}: {self.annotator.name} says that it is complete, "
                    f"but {self.facts.n_missing(batch.batch_id):,} labels are missing"
                )
        self.problems = tuple(problems)
        still_open = self.first_open()
        if still_open is not None:
            self._say("wait", f"waiting for labels of batch {still_open.batch_id}")
            return False
        self._say("ask", f"{told:,} labels came in")
        return True

    def train(self) -> bool:
        """Train and score the next candidate, and record what follows from it, in one piece."""
        store, settings = self.store, self.settings
        round_ = round_of(store.batches())
        name = self.facts.untrained(round_)[0]
        trained = self._train_and_score(name, round_)
        profile = self.facts.measure(trained.scores, matched=settings.preset != "paper")
        with store.transaction():
            self.trainer.finish(trained)
            n_train, cost_usd = self.facts.training_history(name)
            estimates = estimate_plan(
                [*self.facts.profiles(name), profile],
                n_train,
                cost_usd,
                n_pool=self.pool.n_pool,
                n_withheld=self.facts.n_withheld(),
                n_classes=len(self.pool.classes),
                settings=settings,
            )
            plan = estimates.plan
            predicted_usd = plan.total_cost_usd + self.facts.training_spent_usd()
            store.add_estimates(
                round_,
                name,
                {
                    "profile": profile.to_json(),
                    "fit": estimates.fits.to_json(),
                    "cost": asdict(estimates.training),
                    "plan": {
                        **plan.to_json(),
                        "predicted_total_cost_usd": predicted_usd,
                        "estimated_error": self._in_target(plan.error, plan.n_machine),
                    },
                },
            )
        self._trained[name] = trained
        device = self.classifiers[name].device
        engine, reason = choose_engine(device)
        if engine == "cpu" and device != "cpu":
            self._say("score", f"selection runs on the CPU, not on {device}: {reason}")
        self._say(
            "plan",
            f"round {round_}, {name}: ${predicted_usd:,.2f} in all, "
            f"with {plan.n_train:,} training and {plan.n_machine:,} machine labels",
            predicted_usd=predicted_usd,
        )
        return True

    def decide(self) -> bool:
        store = self.store
        round_ = round_of(store.batches())
        live = self.facts.live()
        n_train = store.labels(Purpose.TRAIN).indices.size
        n_left = self.facts.readable(self.facts.unasked()).size
        n_new = smallest_batch(self.pool.n_pool, self.settings)
        decision = decide(
            {name: self.facts.plans(name) for name in live},
            n_pool=self.pool.n_pool,
            n_train=n_train,
            n_left=n_left,
            n_machine_now={name: self._cut(round_, name)[0] for name in live if n_left},
            training_spent_usd=self.facts.training_spent_usd(),
            next_training_usd=sum(
                self.facts.next_training_usd(name, round_, n_train, n_new)
                for name in live
                if n_left
            ),
            settings=self.settings,
        )
        record = {
            Verdict.BUY: self._buy,
            Verdict.MACHINE_LABEL: self._machine_label,
            Verdict.PEOPLE: self._people,
        }[decision.verdict](decision, round_)
        with store.transaction():
            for name in decision.dropped:
                store.add_action(
                    round=round_,
                    name="drop",
                    reason=f"{decision.classifier} is cheaper and every plan is stable",
                    details={"classifier": name},
                )
            record()
        self._say("decide", decision.reason)
        return True

    # Each verdict does its slow work first and returns what is then recorded in one transaction.

    def _buy(self, decision: Decision, round_: int) -> Callable[[], None]:
        trained, selection = self._scored(decision.classifier, round_), self.settings.selection
        centers, seed = self.facts.labels_for_training()[0], self._seed(round_, "choose")

        def choose() -> IndexArray:
            return choose_batch(
                trained.scores,
                self._positions_left(trained),
                decision.n_buy,
                selection=selection,
                seed=seed,
                model=trained.model,
                pool=self.pool,
                centers=centers,
                progress=self._progress("score", "embeddings"),
            )

        if selection == "k_center":
            device = self.classifiers[decision.classifier].device
            indices = self.trainer.score_embeddings(trained, centers.size, seed, device, choose)
        else:
            indices = choose()

        taken = would_be_bought(trained.scores, indices, self.facts.test_like_pool())
        details = self._details(decision, test_taken=taken.tolist())

        def record() -> None:
            self._record(decision, round_, details)
            self._add_batch(
                Purpose.TRAIN,
                round_ + 1,
                indices,
                selection,
                decision.reason,
                engine=trained.scores.engine,
            )

        return record

    def _machine_label(self, decision: Decision, round_: int) -> Callable[[], None]:
        """The model in hand labels what it is surest of (line 26)."""
        trained, settings = self._scored(decision.classifier, round_), self.settings
        count, error = self._cut(round_, decision.classifier)
        left, scores = self._positions_left(trained), trained.scores
        chosen = np.sort(left[smallest_k(scores.deficit[left], count)])

        details = self._details(
            decision, estimated_error=self._in_target(error, count), n_machine=count
        )

        def record() -> None:
            if not count:
                self._record(decision, round_, details)
                return
            self.store.add_machine_labels(
                round=round_,
                classifier=decision.classifier,
                indices=scores.indices[chosen],
                labels=scores.labels[chosen],
                confidence=1.0 - scores.deficit[chosen],
                fee_usd_each=settings.prices.machine_fee,
                reason=decision.reason,
                details=details,
            )

        return record

    def _cut(self, round_: int, name: str) -> tuple[int, float]:
        """How many items the model of a round may label, and the errors expected / n_pool."""
        settings = self.settings
        return largest_cut(
            self.facts.profile(round_, name),
            n_pool=self.pool.n_pool,
            target_error=settings.target_error,
            target=settings.target,
            safety=0.0 if settings.preset == "paper" else settings.plan.safety,
        )

    def _in_target(self, error: float, n_machine: int) -> float:
        """Errors / n_pool in the sense of the target: of "machine", errors / machine labels."""
        if self.settings.target == "set" or not n_machine:
            return error
        return error * self.pool.n_pool / n_machine

    def _people(self, decision: Decision, round_: int) -> Callable[[], None]:
        return lambda: self._record(decision, round_)

    def ask_rest(self) -> bool:
        round_ = round_of(self.store.batches())
        rest = self.facts.unasked()
        self._add_batch(Purpose.REST, round_, rest, "rest", "what no machine labels")
        self._say("ask", f"people label the remaining {rest.size:,} items")
        return True

    def finish(self) -> bool:
        last = self.facts.last_decision(round_of(self.store.batches()))
        assert last is not None  # a move to FINISH needs a verdict
        self.store.finish(stop_reason=last.reason, details={})
        summary = summarise(self.store)
        self._say("done", f"{summary.n_pool:,} items are labelled: {last.reason}")
        return True

    def first_open(self) -> Batch | None:
        """The oldest batch whose labels are not all there."""
        for record in self.store.batches():
            if record.status is not BatchStatus.CLOSED:
                return self.batch(record)
        return None

    # -- what the steps are made of ------------------------------------------------------------

    def _train_and_score(self, name: str, round_: int) -> Trained:
        indices, labels = self.facts.labels_for_training()
        test = self.store.labels(Purpose.TEST).indices
        to_score = np.union1d(test, self.facts.readable(self.facts.unasked()))
        trained = self.trainer.train(
            self.classifiers[name],
            round_,
            self._seed(round_, f"train:{name}"),
            indices,
            labels,
            to_score,
            on_train=self._progress("train", f"{name} on {indices.size:,} labels"),
            on_score=self._progress("score", name),
        )
        self.trainer.forget_before(name, round_)
        return trained

    def _scored(self, name: str, round_: int) -> Trained:
        """The model of a round, scored again when a killed process took the scores with it."""
        trained = self._trained.get(name)
        if trained is None or trained.round != round_:
            trained = self._train_and_score(name, round_)
            self.trainer.finish(trained)
            self._trained[name] = trained
        return trained

    def _positions_left(self, trained: Trained) -> IndexArray:
        """Positions in a model's scores of the items nobody has been asked for."""
        return np.flatnonzero(np.isin(trained.scores.indices, self.facts.unasked()))

    def _add_batch(
        self,
        purpose: Purpose,
        round_: int,
        indices: IndexArray,
        selection: str,
        reason: str,
        *,
        engine: str = "cpu",
    ) -> None:
        self.store.add_batch(
            purpose=purpose,
            round=round_,
            indices=indices,
            selection=selection,
            engine=engine,
            price_per_label=self.settings.prices.price_per_label,
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
        )

    def _details(self, decision: Decision, **more: Any) -> dict[str, Any]:
        return {
            "classifier": decision.classifier,
            "n_buy": decision.n_buy,
            "stable": decision.stable,
            **more,
        }

    def _record(
        self, decision: Decision, round_: int, details: Mapping[str, Any] | None = None
    ) -> None:
        self.store.add_action(
            round=round_,
            name=decision.verdict,
            reason=decision.reason,
            details=details or self._details(decision),
        )

    def _seed(self, round_: int, purpose: str) -> int:
        return derive_seed(self.settings.seed, round_, purpose)

    def _progress(self, phase: str, about: str = "") -> Progress:
        def report(share: float, words: str) -> None:
            self.report(Event(phase, f"{about} {words}".strip(), share))

        return report

    def _say(self, phase: str, words: str, **facts: Any) -> None:
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
                    **facts,
                },
            )
        )


def _draw(indices: IndexArray, count: int, seed: int) -> IndexArray:
    return np.random.default_rng(seed).permutation(indices)[:count]
