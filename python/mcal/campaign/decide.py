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
from .sizes import first_batch_size, most_growth, smallest_batch

__all__ = [
    "MIN_ROUNDS",
    "Decision",
    "Verdict",
    "decide",
    "leader_of",
]

MIN_ROUNDS = 4
"""Trainings before a forecast may end the buying, or drop a candidate: three points and one that
tests them."""

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


def decide(
    plans: Mapping[str, Sequence[Plan]],
    *,
    n_pool: int,
    n_train: int,
    n_left: int,
    n_machine_now: Mapping[str, int],
    training_spent_usd: float,
    next_training_usd: Mapping[str, float],
    settings: Settings,
    outlooks: Mapping[str, Outlook | None] | None = None,
    n_known: int = 0,
    unfit: Mapping[str, str] | None = None,
) -> Decision:
    """Decide what follows a round.

    Parameters
    ----------
    plans : mapping of candidate name to its plans, one per round, oldest first
        Only candidates that are still trained; all with the same number of rounds.
    n_pool, n_train, n_left : int
        Items in the pool, people's labels in B, items no one has labelled yet.
    n_machine_now : mapping of candidate name to int
        Machine labels that its latest model may give now, measured on T, no forecast; 0 where
        labels would cost no less with them.
    training_spent_usd : float
        Spent so far on training and scoring, every candidate's included.
    next_training_usd : mapping of candidate name to float
        Forecast for one more training of it, on as much as may be bought for it; those dropped now
        are not counted.
    settings : Settings
        Rules and prices.
    outlooks : mapping of candidate name to Outlook or None, optional
        What the replicas say about the latest plans. Where there is none, and as printed, the
        plans decide alone.
    n_known : int
        Labels in B that were known before the campaign.
    unfit : mapping of candidate name to str, optional
        Candidates that are dropped whatever their plans, each with the reason; the leader never.

    Returns
    -------
    Decision
        The leader is that of ``leader_of``.
        Another is dropped when its total is dearer than the leader's beyond doubt: the 5 %
        quantile above the leader's 95 %; or, once the leader's plan is stable, dearer by more than
        ``stable_share``, or at all when every plan is stable.
    """
    as_printed = settings.preset == "paper"
    known = {} if as_printed else {k: o for k, o in (outlooks or {}).items() if o is not None}
    leader = leader_of(plans)
    settled = {
        name: _settled(history, known.get(name), settings) for name, history in plans.items()
    }
    enough = as_printed or len(plans[leader]) >= MIN_ROUNDS
    stable = enough and settled[leader]
    dropped = _dropped(plans, leader, known, settled if stable else {}, settings.plan.stable_share)
    dropped |= {name: why for name, why in (unfit or {}).items() if name != leader}
    standing = _Standing(
        history=plans[leader],
        outlook=known.get(leader) if enough else None,
        enough=enough,
        stable=stable,
        n_pool=n_pool,
        n_train=n_train,
        n_known=n_known,
        n_left=n_left,
        n_machine_now=n_machine_now[leader] if n_left else 0,
        batch_min=min(n_left, smallest_batch(n_pool, settings)),
        spent_usd=training_spent_usd,
        next_usd=sum(usd for name, usd in next_training_usd.items() if name not in dropped),
        settings=settings,
    )
    ending = _ending(standing)
    if ending is not None:
        return Decision(ending[0], leader, 0, stable, dropped, ending[1])
    n_buy, why = _purchase(standing)
    reason = f"buy {n_buy:,} labels: {why}"
    return Decision(Verdict.BUY, leader, n_buy, stable, dropped, reason)


def leader_of(plans: Mapping[str, Sequence[Plan]]) -> str:
    """The candidate with the cheapest latest plan; ties go to the first named."""
    return min(plans, key=lambda name: plans[name][-1].total_cost_usd)


@dataclass(frozen=True)
class _Standing:
    """Where the leader stands."""

    history: Sequence[Plan]
    outlook: Outlook | None  # None too before a forecast may decide
    enough: bool  # trainings for a forecast to decide
    stable: bool
    n_pool: int
    n_train: int
    n_known: int
    n_left: int
    n_machine_now: int
    batch_min: int
    spent_usd: float
    next_usd: float
    settings: Settings

    @property
    def plan(self) -> Plan:
        return self.history[-1]

    @property
    def human_only_usd(self) -> float:
        return self.plan.human_only_cost_usd  # as the totals were rounded that it is held against

    @property
    def least_gain_usd(self) -> float:
        return self.settings.plan.min_gain_share * self.human_only_usd


def _ending(s: _Standing) -> tuple[Verdict, str] | None:
    """How the buying ends and why, or None when it goes on."""
    if s.n_left == 0:
        return Verdict.PEOPLE, "people have labelled every item"
    give_up = Verdict.MACHINE_LABEL if s.n_machine_now else Verdict.PEOPLE
    if s.settings.preset != "paper" and s.n_left - s.n_machine_now <= s.batch_min:
        return (
            give_up,
            f"the model in hand may label {s.n_machine_now:,} of the {s.n_left:,} items left; "
            f"no further batch of {s.batch_min:,} labels can cost less",
        )
    exploration_usd = s.settings.plan.exploration_share * s.human_only_usd
    beats_people = s.plan.total_cost_usd + s.spent_usd < s.human_only_usd
    if s.spent_usd + s.next_usd > exploration_usd and not beats_people:
        return (
            give_up,
            f"training has cost ${s.spent_usd:,.2f} and another would pass the limit for "
            f"exploring, ${exploration_usd:,.2f}, while no plan beats people alone",
        )
    rounds = len(s.history)
    if s.outlook is not None:
        pays = s.outlook.pays_probability(s.human_only_usd, s.spent_usd)
        if pays < LEAST_PROBABILITY:
            return (
                give_up,
                f"after {rounds} trainings for ${s.spent_usd:,.2f} the probability that "
                f"machine labels pay is {pays:.0%}, below {LEAST_PROBABILITY:.0%}",
            )
    if _goes_on(s):
        return None
    if s.outlook is None:
        why = "no plan that buys more saves enough"
    elif s.outlook.gain_usd is None:
        why = "no further batch fits"
    else:
        why = _expected(s.outlook)
        if s.outlook.gain_usd > 0.0:
            why += f", short of the least that is worth it, ${s.least_gain_usd:,.2f}"
    if s.plan.stop_n_machine == 0:
        return Verdict.PEOPLE, f"after {rounds} trainings no machine label pays; {why}"
    decided_by = s.outlook or s.plan
    stop_usd = decided_by.stop_cost_usd + s.spent_usd
    return Verdict.MACHINE_LABEL, f"stopping now is forecast at ${stop_usd:,.2f} in all; {why}"


def _goes_on(s: _Standing) -> bool:
    """Line 9: in expectation where there are replicas, else by a plan that has settled."""
    if s.outlook is not None:
        gain_usd = s.outlook.gain_usd
        return gain_usd is not None and gain_usd > 0.0 and gain_usd >= s.least_gain_usd
    if not s.stable:
        return True
    if s.settings.preset == "paper":
        return _cost_still_falls(s.history)
    return worth_going_on(s.plan, s.human_only_usd, s.settings.plan.min_gain_share)


def _purchase(s: _Standing) -> tuple[int, str]:
    """How many labels to buy next, and why."""
    follows_plan = s.stable and s.plan.batch_size > 0
    if s.settings.preset == "paper" or not s.enough or follows_plan:
        n_buy = next_batch_size(
            s.plan,
            n_train=s.n_train,
            n_left=s.n_left,
            stable=s.stable,
            batch_min=s.batch_min,
            batch_initial=first_batch_size(s.n_pool, s.settings),
            preset=s.settings.preset,
        )
    else:
        best = s.outlook.go_on_n_train if s.outlook is not None else s.plan.n_train
        towards_best = min((best or 0) - s.n_train, round(UNSETTLED_GROWTH * s.n_train))
        n_buy = min(s.n_left, max(s.batch_min, towards_best))
    if not follows_plan and s.settings.preset != "paper":
        growth = most_growth(s.n_pool, s.n_train, s.n_known, s.settings)
        n_buy = min(n_buy, max(s.batch_min, growth))
    if not s.enough:
        return n_buy, f"training {len(s.history)} of the {MIN_ROUNDS} that a forecast needs"
    if s.outlook is not None:
        step = "" if s.stable else "; the plan has not settled"
        if follows_plan:
            step = f"; a step of the plan, which ends at {s.plan.n_train:,}"
        return n_buy, _expected(s.outlook) + step
    if not s.stable:
        return n_buy, "the plan has not settled"
    return n_buy, (
        f"${s.plan.total_cost_usd + s.spent_usd:,.2f} at {s.plan.n_train:,} training labels beats "
        f"${s.plan.stop_cost_usd + s.spent_usd:,.2f} for stopping now"
    )


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
        if first is not None and own is not None and len(history) >= MIN_ROUNDS:
            low, high = own.cost_interval()[0], first.cost_interval()[1]
            if low > high:
                dropped[name] = (
                    f"its total from here is above ${low:,.2f} and that of {leader} below "
                    f"${high:,.2f}, each with 95% probability"
                )
                continue
        margin = 0.0 if all(settled.values()) else tolerance
        if settled and usd > (1.0 + margin) * best_usd:
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
