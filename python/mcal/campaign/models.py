"""A round's models: trained, scored, held against the one before, and scored again after a kill."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..bootstrap import MeasuredRound
from ..errors import AnnotatorError
from ..profiles import Profile
from ..settings import Settings
from ..store import Store
from ..types import NO_LABEL, Annotator, Classifier, Guesses, IndexArray, Pool, Purpose, WarmStarts
from .budgeted import Budgeted
from .collapse import find_collapse
from .facts import COLLAPSE, Facts
from .folding import LEAST_SAVING, differs_too_much, folding_saves_usd
from .training import OutOfMoney, Trained, Trainer, TrainingSpec

__all__ = ["Measured", "Models"]


@dataclass(frozen=True)
class Measured:
    """The model that a candidate has after a round, and its test set.

    ``runs`` are to be finished with it; where its training went wrong, or was stopped, ``why`` says
    so, and ``model`` is the former one, scored on what is left now.
    """

    model: Trained  # its round is the one just trained for
    profile: Profile
    cells: MeasuredRound
    runs: tuple[Trained, ...]
    why: str | None = None


class Models(Budgeted):
    """The parts of a campaign that train, and the models that this process has at hand."""

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
        super().__init__(store, facts, pool=pool, annotator=annotator, settings=settings)
        self.trainer, self.classifiers = trainer, classifiers
        self.at_hand: dict[str, Trained] = {}

    def exploration_usd(self) -> float:
        """What training may cost without a plan that beats people alone."""
        people_usd = self.expected().prices.people.total_usd(self.pool.n_pool)
        return self.settings.plan.exploration_share * people_usd

    def allowed_usd(self, round_: int) -> float:
        """What training may have cost in all after a round's, every candidate's included.

        The exploration tax, or what the best plan before the round saves over people, its next
        trainings aside, where that is more: a plan that saves less than they cost beats nobody.
        """
        if self.settings.preset == "paper":
            return math.inf
        people_usd = self.expected().prices.people.total_usd(self.pool.n_pool)
        live = self.facts.live()
        plans = [e for e in self.store.estimates("plan", round=round_ - 1) if e.classifier in live]
        best_usd = min((float(e.payload["total_cost_usd"]) for e in plans), default=people_usd)
        next_usd = sum(self._forecast_usd(name, round_) for name in live)
        return max(self.exploration_usd(), people_usd - best_usd + next_usd)

    def limit_usd(self, name: str, round_: int) -> float:
        """What a candidate's training may take, its fixed cost aside.

        Of what is left, each candidate that is still to be trained has its forecast and an equal
        part of the rest, so that a dear one does not take what the others need.
        """
        untrained = self.facts.untrained(round_)
        fixed_usd = self.settings.prices.fixed_cost_per_training
        left_usd = self.allowed_usd(round_) - self.facts.training_spent_usd()
        left_usd -= len(untrained) * fixed_usd
        forecasts = {x: max(0.0, self._forecast_usd(x, round_) - fixed_usd) for x in untrained}
        own_usd, all_usd = forecasts[name], sum(forecasts.values())
        if 0.0 < left_usd < all_usd:
            return left_usd * own_usd / all_usd
        return own_usd + (left_usd - all_usd) / len(untrained)

    def why_too_dear(self, name: str, round_: int, limit_usd: float) -> str:
        """In words, of a training that would pass its limit."""
        allowed_usd = self.allowed_usd(round_)
        explores = allowed_usd <= self.exploration_usd()
        limit = "the limit for exploring" if explores else "what the best plan saves"
        limit += f", ${allowed_usd:,.2f}"
        if limit_usd <= 0.0:
            return f"nothing is left to train {name} with of {limit}"
        return f"training {name} would cost more than the ${limit_usd:,.2f} it may take of {limit}"

    def _forecast_usd(self, name: str, round_: int) -> float:
        """Of a round's training, by the round before; 0 where there is none."""
        if not round_ or not self.facts.has_cost(round_ - 1, name):
            return 0.0
        return self.facts.this_training_usd(name, round_)

    def train_and_measure(self, name: str, round_: int, limit_usd: float = math.inf) -> Measured:
        """Train a candidate and measure it on T; its former model stands in for a collapsed one.

        That one, trained on fewer labels, was right more often about the same items. It is loaded,
        and scored on what is left now: the round is then one whose labels have taught nothing, and
        the next trains anew. A killed process comes to the same end. Raises ``OutOfMoney``.
        """
        matched = self.settings.preset != "paper"
        trained = self._train_and_score(name, round_, limit_usd)
        profile, cells = self.facts.measure(trained.scores, matched=matched)
        before = self.facts.last_cells(name, round_) if matched else None
        why = find_collapse(cells, before[1]) if before is not None else None
        if before is None or why is None:
            return Measured(trained, profile, cells, (trained,))
        spare_usd = math.inf if math.isinf(limit_usd) else limit_usd - trained.meter.cost_usd()
        former = self._train_and_score(name, self.facts.model_round(before[0], name), spare_usd)
        profile, cells = self.facts.measure(former.scores, matched=matched)
        why = f"{name}: {why}; that model, of round {former.model_round}, stands in"
        return Measured(replace(former, round=round_), profile, cells, (trained, former), why)

    def record_stopped(self, name: str, round_: int, reason: str) -> None:
        """Put the model of the round before in the place of one whose training was stopped.

        It is measured on what is left now. A process that has it not at hand pays for its scores
        beyond any limit; without them all that was spent on it were lost.
        """
        former, facts = self.scored(name, round_ - 1), self.facts
        left = np.union1d(self.store.labels(Purpose.TEST).indices, facts.readable(facts.unasked()))
        model = replace(former, round=round_, scores=former.scores.of(left))
        profile, cells = facts.measure(model.scores, matched=True)
        why = f"{reason}; its model of round {model.model_round} stands in"
        self.record_trained(Measured(model, profile, cells, (), why))
        self.store.add_estimates(round_, name, {"profile": profile.to_json()})
        self.at_hand[name] = model

    def record_trained(self, found: Measured) -> None:
        """Close the runs, and say which model stands; in the transaction that records the round."""
        for run in found.runs:
            self.trainer.finish(run)
        if found.why is not None:
            self.store.add_action(
                round=found.model.round,
                name=COLLAPSE,
                reason=found.why,
                details={
                    "classifier": found.model.classifier,
                    "model_round": found.model.model_round,
                },
            )

    def keep(self, found: Measured) -> None:
        """Once its round is recorded: have the model at hand, and delete what it succeeds."""
        name = found.model.classifier
        self.at_hand[name] = found.model
        self.trainer.forget_before(name, found.model.model_round)
        if found.why is not None:
            self.say("train", found.why)

    def scored(self, name: str, round_: int) -> Trained:
        """The model of a round, scored again when a killed process took the scores with it."""
        trained = self.at_hand.get(name)
        if trained is None or trained.round != round_:
            limit_usd = math.inf if self.settings.budget_usd is None else self.spare_usd(0, 0)
            try:
                trained = self._train_and_score(
                    name, self.facts.model_round(round_, name), limit_usd
                )
            except OutOfMoney as error:
                raise self.stuck(f"to score with {name} again") from error
            self.trainer.finish(trained)
            trained = self.at_hand[name] = replace(trained, round=round_)
        return trained

    def folded(self, name: str, round_: int) -> tuple[Trained, str]:
        """The model that is to label, and the words for it where T was folded into its training.

        Only before an audit, whose labels are fresh. The audit is planned with the profile of the
        model in hand, for nothing has measured the other one. A killed process decides anew, finds
        the checkpoint and comes to the same end; its seconds are charged.
        """
        held = self.scored(name, round_)
        if not self.settings.plan.fold_test or self.facts.model_round(round_, name) != round_:
            return held, ""
        test = self.store.labels(Purpose.TEST)
        usable = test.labels != NO_LABEL
        indices, labels = self.facts.labels_for_training(round_)
        n_test, profile, settings = (
            int(usable.sum()),
            self.facts.profile(round_, name),
            self.expected(),
        )
        saves_usd = folding_saves_usd(
            self.facts.fits(round_, name),
            profile,
            indices.size,
            n_test,
            n_pool=self.pool.n_pool,
            settings=settings,
        )
        costs_usd = self.facts.next_training_usd(name, round_, indices.size, n_test)
        people_usd = settings.prices.people.total_usd(self.pool.n_pool)
        if saves_usd - costs_usd < LEAST_SAVING * people_usd:
            return held, ""
        words = (
            f"one more training, for ${costs_usd:,.2f}, on the {n_test:,} test items too is "
            f"expected to save ${saves_usd:,.2f}"
        )
        try:
            spec = TrainingSpec(
                round_,
                self.seed(round_, f"fold:{name}"),
                np.concatenate([indices, test.indices[usable]]),
                np.concatenate([labels, test.labels[usable]]),
                self._spec(name, round_) if self._starts_warm(name) else None,
            )
            trained = self._train_on(
                name,
                spec,
                self.facts.readable(self.facts.unasked()),
                saves_usd - settings.prices.fixed_cost_per_training,
            )
        except OutOfMoney:
            return held, f"{words}, but was stopped when it had cost as much"
        self.trainer.finish(trained)
        before = held.scores.labels[np.isin(held.scores.indices, trained.scores.indices)]
        if differs_too_much(trained.scores.labels, before, profile):
            words += ", but its model differs too much from the one in hand, which stays"
            return held, words
        self.at_hand[name] = trained = replace(trained, is_folded=True)
        return trained, words

    def guesses_by(self, trained: Trained, indices: IndexArray) -> Guesses | None:
        """What a model says, by the name of the round it was trained in."""
        return self.guesses(indices, trained.scores, trained.classifier, trained.model_round)

    def guesses_at_end(self, indices: IndexArray, round_: int) -> Guesses | None:
        trained = self.at_hand.get(self.facts.decisions(round_)[0].details["classifier"])
        if trained is None:
            return super().guesses_at_end(indices, round_)
        return self.guesses_by(trained, indices)

    def _train_and_score(self, name: str, round_: int, limit_usd: float) -> Trained:
        spec = self._spec(name, round_)
        if not spec.indices.size:
            raise AnnotatorError(
                f"training: expected labels, found that no class fits any of the "
                f"{self.store.no_label_counts()[Purpose.TRAIN]:,} items bought so far: are the "
                "classes right, and does the annotator answer with them? What was bought is kept"
            )
        test = self.store.labels(Purpose.TEST).indices
        to_score = np.union1d(test, self.facts.readable(self.facts.unasked()))
        return self._train_on(name, spec, to_score, limit_usd)

    def _starts_warm(self, name: str) -> bool:
        classifier = self.classifiers[name]
        return isinstance(classifier, WarmStarts) and classifier.warm_start

    def _spec(self, name: str, round_: int) -> TrainingSpec:
        """What makes a candidate's model of a round; with a warm start, the one that it had before.

        By the record, so that a killed process comes to the same.
        """
        former = None
        before = self.facts.last_trained(round_ - 1, name) if self._starts_warm(name) else None
        if before is not None:
            former = self._spec(name, self.facts.model_round(before[0], name))
        indices, labels = self.facts.labels_for_training(round_)
        return TrainingSpec(round_, self.seed(round_, f"train:{name}"), indices, labels, former)

    def _train_on(
        self, name: str, spec: TrainingSpec, to_score: IndexArray, limit_usd: float
    ) -> Trained:
        return self.trainer.train(
            self.classifiers[name],
            spec,
            to_score,
            on_train=self.progress("train", f"{name} on {spec.indices.size:,} labels"),
            on_score=self.progress("score", name),
            limit_usd=limit_usd,
        )
