"""What each round forecast of the whole campaign, and what it had cost by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from mcal.money import add_usd
from mcal.types import Purpose

from .records import EstimateRecord
from .store import Store
from .terms import settings_now

__all__ = ["RoundForecast", "best_plan", "forecasts", "predicted_usd", "sunk_usd"]


@dataclass(frozen=True)
class RoundForecast:
    """The cheapest plan of a round, of all candidates; dollars of the whole campaign.

    A first round of which no machine label is forecast has no prediction: a point has no slope.
    """

    round: int
    classifier: str
    n_train: int  # labels bought for training by then
    spent_usd: float  # everything up to then
    predicted_usd: float | None
    interval_usd: tuple[float, float] | None  # 90 %
    plan_n_train: int | None  # |B| at which the plan stops buying
    plan_theta: float | None  # share of what is left then that the machine labels
    plan_n_machine: int | None
    estimated_error: float | None  # of that plan, in the sense of the target
    created_at: str


def forecasts(store: Store) -> tuple[RoundForecast, ...]:
    """One per round that has a plan, oldest first.

    They are kept within a budget, as ``CampaignSummary.predicted_total_cost_usd`` is. Of a campaign
    that somebody else works on, read it within one ``store.transaction()``.
    """
    plans, bought = store.estimates("plan"), _bought(store)
    budget_usd = settings_now(store).budget_usd or inf
    rounds = sorted({plan.round for plan in plans})
    return tuple(
        _forecast(store, [plan for plan in plans if plan.round == round_], bought, budget_usd)
        for round_ in rounds
    )


def _forecast(
    store: Store, plans: list[EstimateRecord], bought: list[_Bought], budget_usd: float
) -> RoundForecast:
    plan = best_plan(plans)
    assert plan is not None  # of a round that has one
    payload, before = plan.payload, [b for b in bought if b.round <= plan.round]
    sunk = sunk_usd(store, plan)
    spent_usd = add_usd(sunk, *(b.cost_usd for b in before))
    total_usd, interval = predicted_usd(plan, sunk)
    if plan.round == 0 and not payload.get("n_machine"):
        total_usd = interval = None
    most_usd = max(budget_usd, spent_usd)
    return RoundForecast(
        round=plan.round,
        classifier=plan.classifier,
        n_train=sum(b.n_items for b in before if b.purpose is Purpose.TRAIN),
        spent_usd=spent_usd,
        predicted_usd=None if total_usd is None else min(total_usd, most_usd),
        interval_usd=interval and (min(interval[0], most_usd), min(interval[1], most_usd)),
        plan_n_train=payload.get("n_train"),
        plan_theta=payload.get("theta"),
        plan_n_machine=payload.get("n_machine"),
        estimated_error=payload.get("estimated_error"),
        created_at=plan.created_at,
    )


@dataclass(frozen=True)
class _Bought:
    """A batch that was paid before its round was planned."""

    purpose: Purpose
    round: int
    n_items: int
    cost_usd: float


def _bought(store: Store) -> list[_Bought]:
    return [
        _Bought(batch.purpose, batch.round, batch.n_items, cost_usd)
        for batch, cost_usd in zip(store.batches(), store.batch_costs_usd(), strict=True)
        if batch.purpose in (Purpose.TEST, Purpose.TRAIN)
    ]


def best_plan(plans: list[EstimateRecord]) -> EstimateRecord | None:
    """Of the plans of the latest round the cheapest: the one that the summary tells of."""
    latest = [plan for plan in plans if plan.round == plans[-1].round]
    return min(latest, key=_to_pay_usd, default=None)


def _to_pay_usd(plan: EstimateRecord) -> float:
    to_pay = _number(plan.payload, "total_cost_usd")  # what is sunk is sunk for every candidate
    return inf if to_pay is None else to_pay


def sunk_usd(store: Store, plan: EstimateRecord) -> float:
    """What training and scoring have cost up to the round of a plan, every candidate's included."""
    runs = [run for run in store.runs() if run.round <= plan.round]
    return add_usd(*(run.cost_usd for run in runs), *(run.fixed_cost_usd for run in runs))


def predicted_usd(
    plan: EstimateRecord, sunk_usd: float
) -> tuple[float | None, tuple[float, float] | None]:
    """The predicted total of a plan and its 90 % interval."""
    to_pay, then = (
        _number(plan.payload, key) for key in ("total_cost_usd", "predicted_total_cost_usd")
    )
    if to_pay is None:
        return None, None
    ends = plan.payload.get("predicted_interval_90_usd")
    if ends is None or then is None:
        return to_pay + sunk_usd, None
    low, high = (float(end) - (then - to_pay) + sunk_usd for end in ends)
    return to_pay + sunk_usd, (low, high)


def _number(payload: Mapping[str, Any], key: str) -> float | None:
    value = payload.get(key)
    return None if value is None else float(value)
