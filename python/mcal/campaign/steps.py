"""The moves of a campaign: each does its work and records it in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np

from ..errors import AnnotatorError
from ..store import KNOWN
from ..types import (
    Annotator,
    BatchStatus,
    IndexArray,
    Progress,
    Purpose,
)
from .cold_start import choose_first, who_sees
from .collapse import find_hopeless
from .decide import Decision, Verdict, decide, leader_of
from .estimate import estimate_plan, n_test_items
from .models import Models
from .moves import round_of
from .opening import beginning, least_items
from .purse import first_training_usd, least_audit
from .scoring import choose_batch, choose_engine, would_be_bought
from .sizes import first_purchase, most_next
from .training import OutOfMoney

__all__ = ["Steps"]


class Steps(Models):
    """What ``Move`` names, done. Every method returns False when people are waited for."""

    problems: tuple[str, ...] = ()

    def ask_first(self) -> bool:
        """Draw T, a simple random sample, and B0 from all items whose labels are not known.

        Those are the items that the machine may come to label: T says how well it would.
        """
        settings, n_pool = self.settings, self.pool.n_pool
        unasked = self.facts.unasked()
        readable = self.facts.readable(unasked)
        n_test = n_test_items(n_pool, settings)
        n_first = first_purchase(n_pool, self.facts.n_by_class(), settings)
        for action in self.store.actions():
            if action.name == KNOWN:
                self.say("known", action.reason)
        if settings.n_known and readable.size < least_items(n_test, n_first) and self.all_paid():
            return self._done(self._people_at_once(unasked.size, n_test, n_first), 0)
        test = _draw(readable, n_test, self.seed(0, "test"))
        first, how, words = self._first(np.setdiff1d(readable, test), n_first)
        with self.store.transaction():
            if settings.budget_usd is not None:
                self.record_first(test.size + first.size)
            self.add_batch(Purpose.TEST, 0, test, "random", "the test set, drawn at random")
            if first.size:
                self.add_batch(Purpose.TRAIN, 0, first, how, words)
        self.say("ask", f"buy {test.size:,} test and {first.size:,} first training labels")
        return True

    def _first(self, candidates: IndexArray, n_first: int) -> tuple[IndexArray, str, str]:
        """B0, how it was chosen, and that in words; a choice that costs too much is left to chance.

        It may cost half of what the first training may, for what is done by then is kept for it.
        """
        how, seed = self.settings.plan.first, self.seed(0, "first")
        words = "the first batch, drawn at random"
        if how == "random" or not n_first:
            return _draw(candidates, n_first, seed), "random", words
        by = None if self.pool.kind == "embeddings" else who_sees(self.classifiers.values())
        leader = next(iter(self.classifiers.values())) if by is None else by
        limit_usd = self.limit_usd(leader.name, 0)
        if self.settings.budget_usd is not None:
            limit_usd = min(limit_usd, first_training_usd(1, self.settings))

        def choose(progress: Progress) -> IndexArray:
            return choose_first(
                self.pool, candidates, n_first, how=how, by=by, seed=seed, progress=progress
            )

        try:
            chosen = self.trainer.prepare(
                leader.name,
                leader.device,
                choose,
                seed=seed,
                progress=self.progress("train", "first batch:"),
                limit_usd=0.5 * limit_usd,
            )
        except OutOfMoney:
            why = f"{words}: to choose it, {how}, would have cost more than ${0.5 * limit_usd:,.2f}"
            return _draw(candidates, n_first, seed), "random", why
        seen_by = "the pool's vectors" if by is None else by.name
        return chosen, how, f"the first batch, {how} by {seen_by}"

    def _people_at_once(self, n_left: int, n_test: int, n_first: int) -> Decision:
        """What known labels leave is too little to teach a machine for."""
        why = "the labels of all items are known"
        if n_left:
            what = beginning(n_test, n_first, self.settings)
            why = f"{n_left:,} items are left, too few for {what}"
        return Decision(Verdict.PEOPLE, self.facts.live()[0], 0, False, {}, why)

    def collect(self) -> bool:
        """Take in labels; again and again while they are made without people."""
        if self.annotator is None:
            return False
        told = 0
        while True:
            n_new, wait_s = self._collect_once(self.annotator)
            told += n_new
            still_open = self.first_open()
            if still_open is None:
                self.say("ask", f"{told:,} labels came in")
                return True
            self.say("wait", f"waiting for labels of batch {still_open.batch_id}")
            if wait_s is None:
                return False
            time.sleep(wait_s)

    def _collect_once(self, annotator: Annotator) -> tuple[int, float | None]:
        """How many labels were new, and when to look again, if that needs no people."""
        problems: list[str] = []
        waits_s: list[float] = []
        told = 0
        for record in self.store.batches():
            if record.status is BatchStatus.CLOSED:
                continue
            batch = self.batch(record)
            ticket = record.ticket
            if ticket is None:
                ticket = annotator.submit(batch)
                self.store.submit_batch(batch.batch_id, ticket)
            answers = annotator.collect(batch, ticket)
            problems += answers.problems
            agreeing = self.facts.agrees(record.purpose, answers)
            problems += [
                f"{self.pool.item_name(int(index))}: the first answer stands, a later one differs"
                for index in answers.indices[~agreeing]
            ]
            with self.store.transaction():
                self.record_judgements(batch, answers)
                told += self.store.tell(
                    batch.batch_id, answers.indices[agreeing], answers.labels[agreeing]
                )
            if answers.complete and self.facts.n_missing(batch.batch_id):
                raise AnnotatorError(
                    f"batch {batch.batch_id}: {annotator.name} says that it is complete, "
                    f"but {self.facts.n_missing(batch.batch_id):,} labels are missing"
                )
            if answers.wait_s is not None and not answers.complete:
                waits_s.append(answers.wait_s)
        self.problems = tuple(dict.fromkeys(problems))  # batches may share one
        return told, min(waits_s, default=None)

    def train(self) -> bool:
        """Train and score the next candidate, and record what follows from it, in one piece."""
        self.refuse_below_disagreement()
        store, settings = self.store, self.expected()
        round_ = round_of(store.batches())
        name = self.facts.untrained(round_)[0]
        within = settings.budget_usd is not None
        if within:
            instead = self.instead_of_training(name, round_)
            if instead is not None:
                return self._done(instead, round_)
            n_audit = least_audit(settings)
            limit_usd = self.spare_usd(len(self.facts.untrained(round_)), n_audit)
            try:
                found = self.train_and_measure(name, round_, limit_usd)
            except OutOfMoney:
                return self._done(self.out_of_money(name, round_, limit_usd), round_)
        else:
            limit_usd = self.limit_usd(name, round_)
            try:
                found = self.train_and_measure(name, round_, limit_usd)
            except OutOfMoney:
                return self._too_dear(name, round_, limit_usd)
        profile, cells = found.profile, found.cells
        with store.transaction():
            self.record_trained(found)
            n_train, cost_usd = self.facts.training_history(name)
            estimates = estimate_plan(
                [*self.facts.profiles(name), profile],
                n_train,
                cost_usd,
                n_pool=self.pool.n_pool,
                n_withheld=self.facts.n_withheld(),
                n_classes=len(self.pool.classes),
                settings=settings,
                cells=[] if within else [*self.facts.cells(name), cells],
                seed=self.seed(round_, "replicas"),
            )
            plan, outlook = estimates.plan, estimates.outlook
            store.add_estimates(
                round_,
                name,
                {
                    "profile": profile.to_json(),
                    **({} if settings.preset == "paper" else {"cells": cells.to_json()}),
                    "fit": estimates.fits.to_json(),
                    "cost": asdict(estimates.training),
                    **({"outlook": outlook.to_json()} if outlook else {}),
                },
            )
            spent_usd = self.facts.training_spent_usd()
            more = outlook.in_short(plan.human_only_cost_usd, spent_usd) if outlook else {}
            if within:
                plan, more = self.record_plan(name, round_)
            predicted_usd = plan.total_cost_usd + spent_usd
            estimated_error = self.in_target(plan.error, plan.n_machine)
            store.add_estimates(
                round_,
                name,
                {
                    "plan": {
                        **plan.to_json(),
                        "predicted_total_cost_usd": predicted_usd,
                        "estimated_error": estimated_error,
                        "ranked_by": found.model.scores.ranked_by,
                        **more,
                    }
                },
            )
        self.keep(found)
        device = self.classifiers[name].device
        engine, reason = choose_engine(device)
        if engine == "cpu" and device != "cpu":
            self.say("score", f"selection runs on the CPU, not on {device}: {reason}")
        self.say(
            "plan",
            f"round {round_}, {name}: ${predicted_usd:,.2f} in all, "
            f"with {plan.n_train:,} training and {plan.n_machine:,} machine labels"
            + (f", {estimated_error:.2%} expected wrong" if within else ""),
        )
        return True

    def decide(self) -> bool:
        store = self.store
        round_ = round_of(store.batches())
        if self.settings.budget_usd is not None:
            return self._done(self._decide_in_budget(round_), round_)
        live = self.facts.live()
        n_train = store.labels(Purpose.TRAIN).indices.size
        n_left, n_known = self.facts.readable(self.facts.unasked()).size, self.facts.n_known_train()
        n_new = most_next(self.pool.n_pool, n_train, n_left, self.settings, n_known=n_known)
        plans = {name: self.facts.plans(name) for name in live}
        decision = decide(
            plans,
            outlooks={name: self.facts.outlook(round_, name) for name in live},
            n_pool=self.pool.n_pool,
            n_train=n_train,
            n_known=n_known,
            n_left=n_left,
            n_machine_now={name: self.cut(round_, name)[0] for name in live if n_left},
            training_spent_usd=self.facts.training_spent_usd(),
            next_training_usd={
                name: self.facts.next_training_usd(name, round_, n_train, n_new)
                for name in live
                if n_left
            },
            settings=self.expected(),
            unfit=self._unfit(round_, leader_of(plans)),
        )
        return self._done(decision, round_)

    def _too_dear(self, name: str, round_: int, limit_usd: float) -> bool:
        """A training costs more than it may: others go on, or the campaign gives up.

        Then the model of the round before labels what it may, if there is one, and people the rest.
        """
        reason = self.why_too_dear(name, round_, limit_usd)
        if len(self.facts.live()) > 1:
            self.store.add_action(
                round=round_, name="drop", reason=reason, details={"classifier": name}
            )
            return True
        people = Decision(Verdict.PEOPLE, name, 0, False, {}, reason)
        if not round_:
            return self._done(people, round_)
        with self.store.transaction():
            self.record_stopped(name, round_, reason)
            if not self.cut(round_, name)[0]:
                return self._done(people, round_)
            return self._done(replace(people, verdict=Verdict.MACHINE_LABEL), round_)

    def _unfit(self, round_: int, leader: str) -> dict[str, str]:
        """Candidates that need no forecast to be dropped, each with the reason."""
        if self.settings.preset == "paper":
            return {}
        cells = {name: self.facts.cells(name) for name in self.facts.trained(round_)}
        fallen = {name: action.reason for name, action in self.facts.collapsed(round_).items()}
        return fallen | find_hopeless(cells, leader, len(self.pool.classes))

    def certify(self) -> bool:
        return super().certify() if self.settings.budget_usd is None else self.promise()

    def _decide_in_budget(self, round_: int) -> Decision:
        """Decide, and again where a killed process's scores had to be paid for once more."""
        while True:
            decision, before = self.decide_in_budget(round_), self.purse()
            if decision.verdict is not Verdict.PEOPLE:
                self.scored(decision.classifier, round_)
            if self.purse() == before:
                unfit = self._unfit(round_, decision.classifier)
                unfit.pop(decision.classifier, None)
                return replace(decision, dropped={**decision.dropped, **unfit})

    def _done(self, decision: Decision, round_: int) -> bool:
        """Do what was decided, and record it."""
        record = self._follow(decision, round_)
        with self.store.transaction():
            for name, reason in decision.dropped.items():
                self.store.add_action(
                    round=round_, name="drop", reason=reason, details={"classifier": name}
                )
            record()
        self.say("decide", decision.reason)
        return True

    def _follow(self, decision: Decision, round_: int) -> Callable[[], None]:
        """Do a decision's slow work, and return what is then recorded in one transaction."""
        if decision.verdict is Verdict.PEOPLE:
            return self.people(decision, round_)
        if decision.verdict is Verdict.BUY:
            return self._buy(decision, round_)
        if self.settings.budget_usd is not None:
            held = self.facts.last_trained(round_, decision.classifier)
            assert held is not None  # a decision to machine-label names a model
            return self.end_in_budget(decision, round_, self.scored(decision.classifier, held[0]))
        if not self.settings.is_audited:
            trained = self.scored(decision.classifier, round_)
            return self.machine_label(decision, round_, trained)
        trained, why = self.folded(decision.classifier, round_)
        if why:
            self.say("train", why)
            decision = replace(decision, reason=f"{decision.reason}; {why}")
        return self.audit(decision, round_, trained)

    def _buy(self, decision: Decision, round_: int) -> Callable[[], None]:
        trained, selection = self.scored(decision.classifier, round_), self.settings.selection
        centers, seed = self.facts.labels_for_training()[0], self.seed(round_, "choose")

        def choose() -> IndexArray:
            return choose_batch(
                trained.scores,
                self.positions_left(trained),
                decision.n_buy,
                selection=selection,
                seed=seed,
                model=trained.model,
                pool=self.pool,
                centers=centers,
                progress=self.progress("score", "embeddings"),
            )

        if selection == "k_center":
            device = self.classifiers[decision.classifier].device
            indices = self.trainer.score_embeddings(trained, centers.size, seed, device, choose)
        else:
            indices = choose()

        committed: dict[str, float] = {}
        if self.settings.budget_usd is not None:
            n_most, committed = self.buy_in_budget(decision.n_buy, round_)
            if not n_most:
                return self.end_in_budget(decision, round_, trained)
            indices = indices[:n_most]

        taken = would_be_bought(trained.scores, indices, self.facts.test_like_pool())
        details = self.details(decision, test_taken=taken.tolist(), **committed)

        def record() -> None:
            self.record(decision, round_, details)
            self.add_batch(
                Purpose.TRAIN,
                round_ + 1,
                indices,
                selection,
                decision.reason,
                engine=trained.scores.engine,
                guesses=self.guesses_by(trained, indices),
            )

        return record


def _draw(indices: IndexArray, count: int, seed: int) -> IndexArray:
    return np.random.default_rng(seed).permutation(indices)[:count]
