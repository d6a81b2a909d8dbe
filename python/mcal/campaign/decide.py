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
from .outlook import Outlook

__all__ = ["MIN_ROUNDS", "Decision", "Verdict", "decide", "first_batch_size", "smallest_batch"]

MIN_ROUNDS = 4
"""Trainings before a forecast may end the buying: three points and one that tests them."""

MIN_ROUNDS_TO_DROP = 3
"""Trainings before a candidate may be dropped on intervals alone."""

LEAST_PROBABILITY = 0.05
"""That machine labels pay at all; below it the campaign gives up."""

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
    dropped: Mapping[str, str]  # candidates that are trained no further, each with its reason
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
    outlooks: Mapping[str, Outlook | None] | None = None,
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
    outlooks : mapping of candidate name to Outlook or None, optional
        What the replicas say about the latest plans. Where there is none, and as printed, the
        plans decide alone.

    Returns
    -------
    Decision
        The leader is the candidate with the cheapest latest plan; ties go to the first named.
        Another is dropped when its total is dearer than the leader's beyond doubt: the 5 %
        quantile above the leader's 95 %; or, once the leader's plan is stable, dearer by more than
        ``stable_share``, or at all when every plan is stable.
    """
    rules = settings.plan
    as_printed = settings.preset == "paper"
    known = {} if as_printed else {k: o for k, o in (outlooks or {}).items() if o is not None}
    leader = min(plans, key=lambda name: plans[name][-1].total_cost_usd)
    plan, outlook = plans[leader][-1], known.get(leader)
    rounds = len(plans[leader])
    settled = {
        name: _settled(history, known.get(name), settings) for name, history in plans.items()
    }
    enough = as_printed or rounds >= MIN_ROUNDS
    stable = enough and settled[leader]
    dropped = _dropped(plans, leader, known, settled if stable else {}, rules.stable_share)

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
    give_up = Verdict.MACHINE_LABEL if n_machine_now[leader] else Verdict.PEOPLE
    if training_spent_usd + next_training_usd > exploration and in_all_usd >= human_only:
        return verdict(
            give_up,
            f"training has cost ${training_spent_usd:,.2f} and another would pass the limit for "
            f"exploring, ${exploration:,.2f}, while no plan beats people alone",
        )
    if enough and outlook is not None:
        pays = outlook.pays_probability(human_only, training_spent_usd)
        if pays < LEAST_PROBABILITY:
            return verdict(
                give_up,
                f"after {rounds} trainings for ${training_spent_usd:,.2f} the probability that "
                f"machine labels pay is {pays:.0%}, below {LEAST_PROBABILITY:.0%}",
            )
    goes_on = True
    if outlook is not None and enough:
        gain_usd, least_usd = outlook.gain_usd, rules.min_gain_share * human_only
        goes_on = gain_usd is not None and gain_usd > 0.0 and gain_usd >= least_usd
    elif stable:
        goes_on = (
            _cost_still_falls(plans[leader])
            if as_printed
            else worth_going_on(plan, human_only, rules.min_gain_share)
        )
    if not goes_on:
        if plan.stop_n_machine == 0:
            return verdict(
                Verdict.PEOPLE,
                f"after {rounds} trainings no training size makes machine labels pay",
            )
        if outlook is None:
            why = "no plan that buys more saves enough"
        elif outlook.go_on_cost_usd is None:
            why = "no further batch fits"
        else:
            why = f"{_expected(outlook)}, short of ${least_usd:,.2f}"
        return verdict(
            Verdict.MACHINE_LABEL, f"stopping now is forecast at ${stop_usd:,.2f} in all; {why}"
        )
    target = plan.n_train
    if enough and outlook is not None and outlook.go_on_n_train is not None:
        target = outlook.go_on_n_train
    if enough and not as_printed and not (stable and plan.batch_size):
        towards_best = min(target - n_train, round(UNSETTLED_GROWTH * n_train))
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
    elif outlook is not None:
        why = _expected(outlook) + ("" if stable else "; the plan has not settled")
    elif not stable:
        why = "the plan has not settled"
    else:
        why = (
            f"${in_all_usd:,.2f} at {plan.n_train:,} training labels beats "
            f"${stop_usd:,.2f} for stopping now"
        )
    return verdict(Verdict.BUY, f"buy {n_buy:,} labels: {why}", n_buy)


def _expected(outlook: Outlook) -> str:
    gain_usd = outlook.gain_usd or 0.0
    end = f"save ${gain_usd:,.2f}" if gain_usd >= 0.0 else f"cost ${-gain_usd:,.2f} more"
    return f"going on to {outlook.go_on_n_train:,} training labels is expected to {end}"


def _settled(history: Sequence[Plan], outlook: Outlook | None, settings: Settings) -> bool:
    """Line 19: as printed, or as algorithm.md reads it."""
    plan, previous = history[-1], history[-2] if len(history) > 1 else None
    share = settings.plan.stable_share
    if settings.preset == "paper":
        return previous is not None and _cost_settled(plan, previous, share)
    interval = outlook.cost_interval() if outlook else None
    return is_stable(plan, previous, share, cost_interval_usd=interval)


def _dropped(
    plans: Mapping[str, Sequence[Plan]],
    leader: str,
    outlooks: Mapping[str, Outlook],
    settled: Mapping[str, bool],
    tolerance: float,
) -> dict[str, str]:
    """Candidates that are trained no further, and why; ``settled`` is empty until the leader is."""
    dropped = {}
    best_usd = plans[leader][-1].total_cost_usd
    first = outlooks.get(leader)
    for name, history in plans.items():
        if name == leader:
            continue
        usd, own = history[-1].total_cost_usd, outlooks.get(name)
        if first is not None and own is not None and len(history) >= MIN_ROUNDS_TO_DROP:
            low, high = own.cost_interval()[0], first.cost_interval()[1]
            if low > high:
                dropped[name] = (
                    f"its total is above ${low:,.2f} and that of {leader} below ${high:,.2f}, "
                    "each with 95% probability"
                )
                continue
        if settled and (all(settled.values()) or usd > (1.0 + tolerance) * best_usd):
            dropped[name] = (
                f"its plan costs ${usd:,.2f} from here, that of {leader}, which is stable, "
                f"${best_usd:,.2f}"
            )
    return dropped


def _cost_settled(plan: Plan, previous: Plan, tolerance: float) -> bool:
    """Line 19 as printed."""
    return abs(plan.total_cost_usd - previous.total_cost_usd) < tolerance * plan.total_cost_usd


def _cost_still_falls(plans: Sequence[Plan]) -> bool:
    """Line 9 with section 4's text: go on until the total of a step exceeds the one before."""
    latest = plans[-1]
    return latest.n_steps > 0 and latest.total_cost_usd <= plans[-2].total_cost_usd
