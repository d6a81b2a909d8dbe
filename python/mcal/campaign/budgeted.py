"""How a campaign with a budget trains, plans and ends: the moves that count its money."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..bootstrap import MeasuredRound, bootstrap_curves
from ..certificate import AuditPlan, audit_order
from ..errors import BudgetError
from ..fitting import CurveFits
from ..money import to_nano, to_usd
from ..planning import Plan, TrainingCost, curve_knots
from ..profiles import Profile
from ..types import Purpose
from .audit import FrozenAudit, explain, promise_ranking
from .budget_plan import (
    BudgetPlan,
    ErrorCurves,
    decide_within,
    end_within,
    kept_for_training_usd,
    search_within,
)
from .decide import Decision, Verdict
from .endings import Endings
from .moves import round_of
from .purse import Purse, first_training_usd, least_audit
from .sizes import most_growth, smallest_batch
from .training import Trained

__all__ = ["Budgeted"]


class Budgeted(Endings):
    """The moves of a campaign whose settings have a budget; the others never call them.

    Whatever is bought leaves enough for the next training, as forecast with a margin, and for an
    end: the least audit, the broken items, the machine's fee. A training that outruns what is
    left above that end is stopped. Where a killed process had to repeat a training, later
    purchases shrink.
    """

    def purse(self) -> Purse:
        """What is left of the budget once all that was ordered is paid."""
        others = (usd for kind, usd in self.store.spend().items() if kind != "labels")
        other_nano = sum(to_nano("spend", usd) for usd in others)
        n_bought = sum(batch.n_items for batch in self.store.batches())
        return Purse.of(self.settings, other_nano, n_bought)

    def all_paid(self) -> bool:
        """Whether there is money for people to label every item left."""
        if self.settings.budget_usd is None:
            return True
        n_items = sum(self.left())
        return self.purse().most_people(n_items) >= n_items

    def left(self) -> tuple[int, int]:
        """How many items nobody has been asked for: readable ones, broken ones."""
        unasked = self.facts.unasked()
        n_left = int(self.facts.readable(unasked).size)
        return n_left, int(unasked.size) - n_left

    def spare_usd(self, n_candidates: int, n_audit: int) -> float:
        """What trainings may take now, fixed costs aside, so that an end is still paid."""
        n_left, n_broken = self.left()
        purse = self.purse()
        end_nano = purse.end_nano(n_broken + min(n_audit, n_left), n_left + n_broken)
        fixed_usd = n_candidates * self.settings.prices.fixed_cost_per_training
        return to_usd(purse.left_nano - end_nano - to_nano("fixed", fixed_usd))

    def committed(self, purse: Purse, n_people: int, usd: float = 0.0) -> dict[str, float]:
        """For a record: the total once all that is meant by then is paid, the end included."""
        n_left, n_broken = self.left()
        n_items = n_left + n_broken
        end_nano = purse.end_nano(min(n_people, n_items), n_items)
        return {"committed_usd": to_usd(purse.spent_nano + end_nano) + usd}

    def kept_usd(self, round_: int) -> float:
        """What to keep back for the next training of every candidate, after this round's."""
        n_train = self.store.labels(Purpose.TRAIN).indices.size
        n_new = smallest_batch(self.pool.n_pool, self.settings)
        live = self.facts.live()
        forecast_usd = sum(self.facts.next_training_usd(x, round_, n_train, n_new) for x in live)
        return kept_for_training_usd(forecast_usd, len(live), self.settings)

    def record_first(self, n_first: int) -> None:
        """Say what the budget is divided into before anything is bought."""
        purse, n_audit = self.purse(), least_audit(self.settings)
        _, n_broken = self.left()
        training_usd = first_training_usd(len(self.facts.live()), self.settings)
        audit = f"at least {n_audit:,} for the audit, " if n_audit else ""
        self.store.add_action(
            round=0,
            name="budget",
            reason=f"of ${purse.left_usd:,.2f}, {n_first:,} first labels, {audit}{n_broken:,} for "
            f"items that cannot be read, ${training_usd:,.2f} for the first training; the rest as "
            "rounds teach",
            details=self.committed(purse, n_first + n_audit + n_broken, training_usd),
        )

    def instead_of_training(self, name: str, round_: int) -> Decision | None:
        """The end that takes the place of a training: people can be paid, or it cannot.

        Raises ``BudgetError`` when there is not even a first model.
        """
        n_left, n_broken = self.left()
        purse, n_items = self.purse(), n_left + n_broken
        if purse.most_people(n_items) >= n_items:
            return Decision(
                Verdict.PEOPLE,
                name,
                0,
                False,
                {},
                f"the ${purse.left_usd:,.2f} left of the budget pay people for every item left",
            )
        forecast_usd = 0.0
        if round_ and self.facts.has_cost(round_ - 1, name):
            forecast_usd = self.facts.this_training_usd(name, round_)
            forecast_usd -= self.settings.prices.fixed_cost_per_training
        spare_usd = self.spare_usd(len(self.facts.untrained(round_)), least_audit(self.settings))
        if spare_usd >= max(0.0, forecast_usd):
            return None
        return self.out_of_money(name, round_, max(0.0, forecast_usd))

    def out_of_money(self, name: str, round_: int, wanted_usd: float) -> Decision:
        """End with a model of an earlier training; ``BudgetError`` when there is none."""
        left_usd = self.purse().left_usd
        held = self.facts.last_trained(round_)
        if held is None:
            raise self.stuck(f"to train {name} for the first time and to end")
        return Decision(
            Verdict.MACHINE_LABEL,
            held[1],
            0,
            False,
            {},
            f"the ${left_usd:,.2f} left of the budget do not pay for the next training, forecast "
            f"at ${wanted_usd:,.2f}{', and the audit' if self.settings.is_audited else ''}; the "
            f"model of round {held[0]} labels",
        )

    def stuck(self, purpose: str) -> BudgetError:
        """The error that says what the money left does not pay for, and what would; recorded."""
        live = self.facts.live()
        wanted_usd = max(
            first_training_usd(len(live), self.settings), self.facts.training_spent_usd()
        )
        short_usd = max(0.0, wanted_usd - self.spare_usd(0, least_audit(self.settings)))
        budget_usd = self.settings.budget_usd
        assert budget_usd is not None  # of a campaign with a budget
        reason = (
            f"${self.purse().left_usd:,.2f} are left of the budget of ${budget_usd:,.2f}, too "
            f"little {purpose}: nothing more is bought; go on with budget_usd = "
            f"{math.ceil(100.0 * (budget_usd + short_usd)) / 100.0:.2f} or more"
        )
        actions = self.store.actions()
        if not actions or (actions[-1].name, actions[-1].reason) != ("stuck", reason):
            round_ = round_of(self.store.batches())
            self.store.add_action(round=round_, name="stuck", reason=reason, details={})
        return BudgetError(reason)

    def buy_in_budget(self, n_buy: int, round_: int) -> tuple[int, dict[str, float]]:
        """How many labels of a batch the money pays for now, and what that commits.

        Choosing it may have cost money that was still there when it was decided on.
        """
        (n_left, n_broken), purse, kept_usd = self.left(), self.purse(), self.kept_usd(round_)
        n_audit = least_audit(self.settings)
        n_most = max(0, min(n_buy, purse.most_labels(n_left, n_broken, n_audit, kept_usd)))
        if n_most < min(n_buy, self.settings.prices.min_batch):
            n_most = 0
        n_people = n_most + n_broken + min(n_audit, n_left - n_most)
        return n_most, self.committed(purse, n_people, kept_usd)

    def decide_in_budget(self, round_: int) -> Decision:
        """What follows a round, as the money stands now."""
        (n_left, n_broken), live = self.left(), self.facts.trained(round_)
        if not n_left:
            why = "people have labelled every item"
            return Decision(Verdict.PEOPLE, self.facts.live()[0], 0, False, {}, why)
        rounds = min(len(self.facts.profiles(name)) for name in live)
        return decide_within(
            {name: self.plan_in_budget(name, round_) for name in live},
            self.purse(),
            rounds=rounds,
            growth=most_growth(
                self.pool.n_pool,
                self.store.labels(Purpose.TRAIN).indices.size,
                self.facts.n_known_train(),
                self.settings,
            ),
            n_left=n_left,
            n_broken=n_broken,
            batch_min=min(n_left, smallest_batch(self.pool.n_pool, self.settings)),
            kept_usd=self.kept_usd(round_),
            settings=self.settings,
        )

    def plan_in_budget(self, name: str, round_: int) -> BudgetPlan:
        """The plan of a candidate from what its rounds have recorded, as the money stands now."""
        (n_left, n_broken), purse = self.left(), self.purse()
        n_train = self.store.labels(Purpose.TRAIN).indices.size
        (cost,) = self.store.estimates("cost", round=round_, classifier=name)
        n_most = max(0, purse.most_people(n_left))
        curves = _curves(
            self.facts.profiles(name),
            self.facts.cells(name),
            self.facts.fits(round_, name),
            n_train,
            n_train + n_most,
            n_classes=len(self.pool.classes),
            n_replicas=self.settings.plan.replicas,
            seed=self.seed(round_, "replicas"),
        )
        return search_within(
            purse,
            curves,
            TrainingCost(**cost.payload),
            n_pool=self.pool.n_pool,
            n_left=n_left,
            n_broken=n_broken,
            batch_min=smallest_batch(self.pool.n_pool, self.settings),
            settings=self.settings,
        )

    def record_plan(self, name: str, round_: int) -> tuple[Plan, dict[str, Any]]:
        """A candidate's plan within the budget in the terms of every other plan."""
        found, (n_left, _) = self.plan_in_budget(name, round_), self.left()
        (cost,) = self.store.estimates("cost", round=round_, classifier=name)
        n_train = self.store.labels(Purpose.TRAIN).indices.size
        path_usd = TrainingCost(**cost.payload).path(n_train, found.n_train, found.n_steps)
        prices, n_pool = self.settings.prices, self.pool.n_pool

        def labels_usd(n_machine: int) -> float:
            return prices.people.total_usd(n_pool - n_machine) + prices.machine_fee * n_machine

        assert self.settings.budget_usd is not None  # of a campaign with a budget
        # The search prices the way in one step; more of them leave less for people.
        most_usd = max(0.0, self.settings.budget_usd - self.facts.training_spent_usd())
        n_best = n_left - (found.n_train - n_train)
        plan = Plan(
            n_train=found.n_train,
            theta=found.best.n_frame / max(1, n_best),
            n_machine=found.best.n_machine,
            n_steps=found.n_steps,
            batch_size=found.batch_size,
            total_cost_usd=min(labels_usd(found.best.n_machine) + path_usd, most_usd),
            error=found.best.error,
            stop_cost_usd=labels_usd(found.stop.n_machine),
            stop_theta=found.stop.n_frame / max(1, n_left),
            stop_n_machine=found.stop.n_machine,
            go_on_cost_usd=None,
            human_only_cost_usd=labels_usd(0),
        )
        return plan, {"budget": found.to_json(), "promised_error": found.best.promised}

    def end_in_budget(
        self, decision: Decision, round_: int, trained: Trained
    ) -> Callable[[], None]:
        """The model in hand labels what the money does not buy from people, surest first."""
        n_left, n_broken = self.left()
        scores, left = trained.scores, self.positions_left(trained)
        order_seed, draw_seed = self.seed(round_, "audit:order"), self.seed(round_, "audit:draw")
        ranked = left[audit_order(scores.deficit[left], seed=order_seed)]
        curves = _measured(self.facts.profile(trained.round, trained.classifier), 1)
        ranks, wrong = curves.along(1, n_left)
        purse = self.purse()
        finale = end_within(purse, ranks, wrong, n_broken, self.pool.n_pool, self.settings)
        if finale is None:
            raise self.stuck(f"to label the last {n_left + n_broken:,} items in any way")
        kept, n_people = ranked[: finale.n_frame], finale.n_audit + finale.n_rest + n_broken
        details = self.details(decision, **self.committed(purse, n_people))
        if not self.settings.is_audited:
            return lambda: self._machine_labels(
                round_,
                trained.classifier,
                scores.indices[kept],
                scores.labels[kept],
                scores.deficit[kept],
                reason=decision.reason,
                details=details
                | {
                    "estimated_error": self.in_target(finale.error, finale.n_machine),
                    "n_machine": finale.n_machine,
                },
            )
        plan = AuditPlan(
            frame=finale.n_frame,
            n_audit=finale.n_audit,
            start=None,
            expected_cut=finale.n_frame,
            expected_machine=finale.n_machine,
            expected_human=float(finale.n_audit + finale.n_rest),
        )
        frozen = FrozenAudit(
            plan,
            int(ranked.size),
            scores.indices[kept],
            scores.labels[kept],
            scores.deficit[kept],
            scores.indices[ranked[plan.draw(draw_seed)]],
            {"order_seed": order_seed, "draw_seed": draw_seed},
        )
        words = (
            f"people check {finale.n_audit:,} of the {finale.n_frame:,} items that "
            f"{trained.classifier} is surest of"
        )
        if finale.n_rest + n_broken:
            words += f", and label the other {finale.n_rest + n_broken:,}"
        return self.record_audit(
            frozen, f"{decision.reason}; {words}", words, round_, trained.classifier, details
        )

    def promise(self) -> bool:
        """The machine labels all that was left to it; the audit says how well."""
        round_ = round_of(self.store.batches())
        ranking = self.store.ranking()
        assert ranking is not None  # recorded before this move
        found = promise_ranking(
            ranking,
            self.store.labels(Purpose.AUDIT),
            n_pool=self.pool.n_pool,
            n_classes=len(self.pool.classes),
            settings=self.settings,
        )
        c, words = found.certificate, explain(found.certificate)
        estimated = c.n_wrong / c.n_audit if c.n_audit else None
        if self.settings.target == "set" and estimated is not None:
            estimated *= c.n_machine / self.pool.n_pool
        self._machine_labels(
            round_,
            ranking.classifier,
            ranking.indices[found.chosen],
            ranking.labels[found.chosen],
            ranking.deficit[found.chosen],
            reason=words,
            details={
                "classifier": ranking.classifier,
                "estimated_error": estimated,
                **found.details(),
            },
        )
        self.say("label", words)
        return True


def _curves(
    profiles: Sequence[Profile],
    cells: Sequence[MeasuredRound],
    fits: CurveFits,
    n_train: int,
    n_most: int,
    *,
    n_classes: int,
    n_replicas: int,
    seed: int,
) -> ErrorCurves:
    """The mean of the replicas' curves; without replicas the fitted one; from one round none."""
    knots = curve_knots(n_train, n_most)
    error = fits.predict(knots)
    if n_replicas and len(cells) == len(profiles) > 1:
        replicas = bootstrap_curves(
            cells, knots, n_classes=n_classes, seed=seed, n_replicas=n_replicas
        )
        known = replicas.form >= 0
        if known.any():
            error = replicas.error[known].mean(axis=0)
    fitted = np.flatnonzero(~np.isnan(error).any(axis=1))
    if len(profiles) < 2 or fits.thetas.size - 1 not in fitted:
        return _measured(profiles[-1], n_train)
    shares = np.concatenate([[0.0], fits.thetas[fitted]])
    wrong = np.concatenate([np.zeros((1, knots.size)), fits.thetas[fitted, None] * error[fitted]])
    return ErrorCurves(knots, shares, wrong.T)


def _measured(profile: Profile, n_train: int) -> ErrorCurves:
    """What a profile says about the model it was measured on, and nothing about another."""
    edges = profile.bin_edges.astype(np.float64)
    wrong = np.concatenate([[0.0], np.cumsum(profile.bin_error * np.diff(edges))])
    return ErrorCurves(np.array([n_train]), edges / edges[-1], wrong[None, :] / edges[-1])
