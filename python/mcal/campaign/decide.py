"""What to do after a round: pure rules from plans to a decision, each with its reason in words.

Source: paper, Algorithm 1 lines 9 and 18-26, read as algorithm.md section 4 says; with
``preset = "paper"``, as printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..planning import Plan, is_stable, next_batch_size, worth_going_on
from ..settings import Settings

__all__ = ["MIN_ROUNDS", "Decision", "Verdict", "decide", "first_batch_size", "smallest_batch"]

MIN_ROUNDS = 4
"""Trainings before a forecast may end the buying: three points and one that tests them."""

UNSETTLED_GROWTH = 0.25
"""Growth of |B| while a plan does not settle: few trainings, and no leap on a doubtful forecast."""


class Verdict(StrEnum):
    """What happens to the unlabelled items."""

    BUY = "buy"
    """Buy a further batch and train again."""
    MACHINE_LABEL = "machine_label"
    """The model in hand labels what it is surest of, people the rest."""
    AUDIT = "audit"
    """The same, once people have checked a sample; recorded in its place, never decided here."""
    PEOPLE = "people"
    """No machine labels: people label everything."""


@dataclass(frozen=True)
class Decision:
    """The verdict after a round."""

    verdict: Verdict
    classifier: str  # the leader, whose scores choose
    n_buy: int  # labels to buy, 0 unless BUY
    stable: bool  # whether the leader's plan has settled
    dropped: tuple[str, ...]  # candidates that are trained no further
    reason: str


def first_batch_size(n_pool: int, settings: Settings) -> int:
    """|B0|: ``initial_share`` of N, and enough of a small pool to train on at all."""
    return max(_least(n_pool, settings), round(settings.plan.initial_share * n_pool))


def smallest_batch(n_pool: int, settings: Settings) -> int:
    """Fewest labels worth a training: delta_min of algorithm.md section 4."""
    return max(_least(n_pool, settings), round(settings.plan.delta_min_share * n_pool))


def _least(n_pool: int, settings: Settings) -> int:
    """A batch below some 20 labels teaches little and costs people a wait; 5 % of a small pool."""
    return 1 if settings.preset == "paper" else max(1, min(20, round(0.05 * n_pool)))


def decide(
    plans: Mapping[str, Sequence[Plan]],
    *,
    n_pool: int,
    n_train: int,
    n_left: int,
    n_machine_now: Mapping[str, int],
    training_spent_usd: float,
    next_training_usd: float,
    settings: Settings,
) -> Decision:
    """Decide what follows a round.

    Parameters
    ----------
    plans : mapping of candidate name to its plans, one per round, oldest first
        Only candidates that are still trained; all with the same number of rounds.
    n_pool, n_train, n_left : int
        Items in the pool, people's labels in B, items no one has labelled yet.
    n_machine_now : mapping of candidate name to int
        Machine labels that its latest model may give now, measured on T, no forecast.
    training_spent_usd : float
        Spent so far on training and scoring, every candidate's included.
    next_training_usd : float
        Forecast for one more training of every candidate.
    settings : Settings
        Rules and prices.

    Returns
    -------
    Decision
        The leader is the candidate with the cheapest latest plan; ties go to the first named.
        Once its plan is stable, candidates dearer by more than ``stable_share`` are dropped, and
        all others once theirs are stable too.
    """
    rules = settings.plan
    as_printed = settings.preset == "paper"
    leader = min(plans, key=lambda name: plans[name][-1].total_cost_usd)
    plan = plans[leader][-1]
    rounds = len(plans[leader])
    settled = {
        name: len(history) > 1
        and (
            _cost_settled(history[-1], history[-2], rules.stable_share)
            if as_printed
            else is_stable(history[-1], history[-2], rules.stable_share)
        )
        for name, history in plans.items()
    }
    enough = as_printed or rounds >= MIN_ROUNDS
    stable = enough and settled[leader]
    dropped: tuple[str, ...] = ()
    if stable:
        close_usd = (1.0 + rules.stable_share) * plan.total_cost_usd
        dropped = tuple(
            name
            for name, history in plans.items()
            if name != leader and (all(settled.values()) or history[-1].total_cost_usd > close_usd)
        )

    def verdict(kind: Verdict, reason: str, n_buy: int = 0) -> Decision:
        return Decision(kind, leader, n_buy, stable, dropped, reason)

    batch_min = min(n_left, smallest_batch(n_pool, settings))
    human_only = settings.prices.price_per_label * n_pool
    exploration = rules.exploration_share * human_only
    if n_left == 0:
        return verdict(Verdict.PEOPLE, "people have labelled every item")
    if not as_printed and n_left - n_machine_now[leader] <= batch_min:
        return verdict(
            Verdict.MACHINE_LABEL,
            f"the model in hand may label {n_machine_now[leader]:,} of the {n_left:,} items left; "
            f"no further batch of {batch_min:,} labels can cost less",
        )
    in_all_usd = plan.total_cost_usd + training_spent_usd
    stop_usd = plan.stop_cost_usd + training_spent_usd
    if training_spent_usd + next_training_usd > exploration and in_all_usd >= human_only:
        return verdict(
            Verdict.MACHINE_LABEL if n_machine_now[leader] else Verdict.PEOPLE,
            f"training has cost ${training_spent_usd:,.2f} and another would pass the limit for "
            f"exploring, ${exploration:,.2f}, while no plan beats people alone",
        )
    if stable and not (
        _cost_still_falls(plans[leader])
        if as_printed
        else worth_going_on(plan, human_only, rules.min_gain_share)
    ):
        if plan.stop_n_machine == 0:
            return verdict(
                Verdict.PEOPLE,
                f"after {rounds} trainings no training size makes machine labels pay",
            )
        return verdict(
            Verdict.MACHINE_LABEL,
            f"stopping now is forecast at ${stop_usd:,.2f} in all; no plan that buys more saves "
            "enough",
        )
    if enough and not stable and not as_printed:
        towards_best = min(plan.n_train - n_train, round(UNSETTLED_GROWTH * n_train))
        n_buy = min(n_left, max(batch_min, towards_best))
    else:
        n_buy = next_batch_size(
            plan,
            n_train=n_train,
            n_left=n_left,
            stable=stable,
            batch_min=batch_min,
            batch_initial=first_batch_size(n_pool, settings),
            preset=settings.preset,
        )
    if not enough:
        why = f"training {rounds} of the {MIN_ROUNDS} that a forecast needs"
    elif not stable:
        why = "the plan has not settled"
    else:
        why = (
            f"${in_all_usd:,.2f} at {plan.n_train:,} training labels beats "
            f"${stop_usd:,.2f} for stopping now"
        )
    return verdict(Verdict.BUY, f"buy {n_buy:,} labels: {why}", n_buy)


def _cost_settled(plan: Plan, previous: Plan, tolerance: float) -> bool:
    """Line 19 as printed."""
    return abs(plan.total_cost_usd - previous.total_cost_usd) < tolerance * plan.total_cost_usd


def _cost_still_falls(plans: Sequence[Plan]) -> bool:
    """Line 9 with section 4's text: go on until the total of a step exceeds the one before."""
    latest = plans[-1]
    return latest.n_steps > 0 and latest.total_cost_usd <= plans[-2].total_cost_usd
