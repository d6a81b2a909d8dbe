"""What to do with a budget after a round: pure rules from curves and money to a decision.

Source: paper, section 4, "Accommodating a budget constraint"; algorithm.md, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..planning import TrainingCost
from ..settings import Settings
from ..types import FloatArray, IndexArray
from .decide import MIN_ROUNDS, Decision, Verdict
from .finale import Finale, plan_finale
from .purse import SAFETY, Purse, least_audit

__all__ = [
    "BudgetPlan",
    "ErrorCurves",
    "decide_within",
    "end_within",
    "kept_for_training_usd",
    "search_within",
]


@dataclass(frozen=True, eq=False)
class ErrorCurves:
    """Wrong labels expected along the ranking of what is left, at each training size."""

    n_knots: IndexArray  # (K,) rising from |B|
    shares: FloatArray  # (T,) of the unlabelled items, rising from 0 to 1
    wrong: FloatArray  # (K, T) wrong labels above each share / unlabelled items

    def along(self, n_train: int, n_items: int) -> tuple[FloatArray, FloatArray]:
        """Ranks among ``n_items`` and wrong labels above them, linear between knots."""
        right = int(np.searchsorted(self.n_knots, n_train))
        wrong = self.wrong[right]
        if self.n_knots[right] != n_train:
            low, high = self.n_knots[right - 1 : right + 1]
            part = (n_train - low) / (high - low)
            wrong = (1.0 - part) * self.wrong[right - 1] + part * wrong
        return self.shares * n_items, wrong * n_items


@dataclass(frozen=True)
class BudgetPlan:
    """What ``search_within`` found."""

    n_train: int  # |B| to reach; what is bought already when the plan is to stop
    n_steps: int  # equal steps on the way; 0 when the plan is to stop
    batch_size: int  # items of the next step, rounded up; 0 when the plan is to stop
    best: Finale
    stop: Finale  # with the model in hand

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, for a store."""
        return asdict(self)


def search_within(
    purse: Purse,
    curves: ErrorCurves,
    training: TrainingCost,
    *,
    n_pool: int,
    n_left: int,
    n_broken: int,
    batch_min: int,
    settings: Settings,
) -> BudgetPlan:
    """The training size, of all that the budget reaches, with the smallest error at the end.

    At each knot the money that is left after the way there, in one step, buys people's labels as
    ``plan_finale`` divides them, and the machine labels the others. The smallest error to be
    promised wins, the expected error where nothing is audited; equal ones go to the smaller
    training set. As line 20 has it, the way is then divided into as many steps as keep that
    error within a share beta of the best, none of them smaller than ``batch_min``.

    Parameters
    ----------
    purse : Purse
    curves : ErrorCurves
        The first knot is |B| now; with no other, the plan is to stop.
    training : TrainingCost
    n_pool, n_left : int
        The pool, and the readable items nobody has been asked for.
    n_broken : int
        Unreadable items that people have still to label.
    batch_min : int
    settings : Settings
    """
    n_now = int(curves.n_knots[0])

    def end(n_train: int, n_steps: int) -> Finale | None:
        n_new, path_usd = n_train - n_now, training.path(n_now, n_train, n_steps)
        after = purse.without(path_usd, n_new)
        return end_within(after, *curves.along(n_train, n_left - n_new), n_broken, n_pool, settings)

    stop = end(n_now, 0) or Finale(n_left, 0, 0, n_left / n_pool, n_left / n_pool)
    best, n_best = stop, n_now
    for n_train in curves.n_knots.tolist():
        if n_train - n_now >= batch_min and n_train - n_now <= n_left:
            found = end(n_train, 1)
            if found is not None and found.promised < best.promised:
                best, n_best = found, n_train
    if n_best == n_now:
        return BudgetPlan(n_now, 0, 0, stop, stop)
    rules, limit = settings.plan, (1.0 + settings.plan.beta) * best.promised
    for n_steps in range(min(rules.max_steps, (n_best - n_now) // batch_min), 1, -1):
        found = end(n_best, n_steps)
        if found is not None and found.promised <= limit:
            break
    else:
        n_steps = 1
    return BudgetPlan(n_best, n_steps, -((n_now - n_best) // n_steps), best, stop)


def end_within(
    purse: Purse,
    ranks: FloatArray,
    wrong: FloatArray,
    n_broken: int,
    n_pool: int,
    settings: Settings,
) -> Finale | None:
    """The best end that the money left pays for; None where it pays for none.

    ``ranks`` and ``wrong`` as ``plan_finale`` takes them; ``n_broken`` items go to people first.
    """
    n_items = int(ranks[-1])
    n_people = purse.most_people(n_items + n_broken)
    if n_people < n_broken:
        return None
    confidence = settings.certificate.confidence if settings.is_audited else None
    return plan_finale(
        n_people - n_broken,
        ranks,
        wrong,
        n_pool=n_pool,
        confidence=confidence,
        audit_min=settings.prices.min_batch,
    )


def kept_for_training_usd(forecast_usd: float, n_candidates: int, settings: Settings) -> float:
    """What is kept back for the next training of all candidates: seconds may overrun."""
    fixed_usd = n_candidates * settings.prices.fixed_cost_per_training
    return fixed_usd + SAFETY * max(0.0, forecast_usd - fixed_usd)


def decide_within(
    plans: Mapping[str, BudgetPlan],
    purse: Purse,
    *,
    rounds: int,
    growth: int,
    n_left: int,
    n_broken: int,
    batch_min: int,
    kept_usd: float,
    settings: Settings,
) -> Decision:
    """Decide what follows a round within a budget.

    Parameters
    ----------
    plans : mapping of candidate name to its plan, as the money stands
        The leader is the one with the smallest error to be promised; ties go to the first named.
        After ``MIN_ROUNDS`` trainings others are dropped whose error is larger by more than
        ``stable_share``.
    purse : Purse
    rounds : int
        Trainings of the leader. After the first there is no curve yet: |B| grows by ``growth``,
        with half of what the money buys at most.
    growth : int
        By how much |B| may grow at once (``most_growth``).
    n_left, n_broken, batch_min : int
        As for ``search_within``.
    kept_usd : float
        To be kept back for the next training (``kept_for_training_usd``).
    settings : Settings
    """
    leader = min(plans, key=lambda name: plans[name].best.promised)
    plan, enough = plans[leader], rounds >= MIN_ROUNDS

    def end(verdict: Verdict, why: str) -> Decision:
        return Decision(verdict, leader, 0, enough, {}, why)

    def buy(n_buy: int, why: str) -> Decision:
        dropped = _dropped(plans, leader, settings.plan.stable_share) if enough else {}
        reason = f"buy {n_buy:,} labels: {why}"
        return Decision(Verdict.BUY, leader, n_buy, enough, dropped, reason)

    if purse.most_people(n_left + n_broken) >= n_left + n_broken:
        return end(
            Verdict.PEOPLE,
            f"the ${purse.left_usd:,.2f} left of the budget pay people for every item left",
        )
    stop = f"with the model in hand {_expected(plan.stop, settings)}"
    n_most = purse.most_labels(n_left, n_broken, least_audit(settings), kept_usd)
    if n_most < batch_min:
        return end(
            Verdict.MACHINE_LABEL,
            f"the ${max(0.0, purse.left_usd):,.2f} left of the budget do not pay for another "
            f"{batch_min:,} labels{', a' if settings.is_audited else ' and a'} training"
            f"{' and the audit' if settings.is_audited else ''}; {stop}",
        )
    if rounds < 2:
        return buy(max(batch_min, min(growth, n_most // 2)), "one training is no curve")
    least_gain = settings.plan.min_gain_share * plan.stop.promised
    if plan.n_steps == 0 or plan.stop.promised - plan.best.promised <= least_gain:
        return end(Verdict.MACHINE_LABEL, f"{stop}; no further training lowers that enough")
    n_buy = min(n_most, max(batch_min, min(plan.batch_size, growth)))
    why = f"with {plan.n_train:,} training labels {_expected(plan.best, settings)}, {stop}"
    return buy(n_buy, why)


def _dropped(plans: Mapping[str, BudgetPlan], leader: str, tolerance: float) -> dict[str, str]:
    """Candidates that are trained no further, and why."""
    best = plans[leader].best.promised
    return {
        name: f"its plan ends with an error of {plan.best.promised:.2%}, that of {leader} with "
        f"{best:.2%}"
        for name, plan in plans.items()
        if plan.best.promised > (1.0 + tolerance) * best
    }


def _expected(finale: Finale, settings: Settings) -> str:
    kind = "certified" if settings.is_audited else "expected"
    return f"an error of {finale.promised:.2%} is to be {kind}"
