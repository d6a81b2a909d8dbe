"""The search within a budget against every plan there is, and the rules for what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcal.campaign.budget_plan import (
    BudgetPlan,
    ErrorCurves,
    decide_within,
    kept_for_training_usd,
    search_within,
)
from mcal.campaign.decide import Verdict
from mcal.campaign.finale import Finale, plan_finale
from mcal.campaign.purse import Purse
from mcal.planning import TrainingCost
from mcal.settings import CertificateSettings, PlanSettings, PriceSettings, Settings

TRAINING = TrainingCost(0.3, 0.001)
SHARES = np.linspace(0.0, 1.0, 6)


def settings(budget_usd: float, kind: str = "audit", fee: float = 0.0, **plan: Any) -> Settings:
    return Settings(
        budget_usd=budget_usd,
        certificate=CertificateSettings.model_validate({"kind": kind}),
        prices=PriceSettings(machine_fee=fee),
        plan=PlanSettings(**plan),
    )


def curves(knots: list[int], gamma: float = 0.4) -> ErrorCurves:
    error = 0.9 * np.asarray(knots, float) ** -gamma
    return ErrorCurves(np.asarray(knots), SHARES, error[:, None] * SHARES**3)


def brute_force(asked: Settings, n_left: int, n_broken: int, batch_min: int) -> dict[int, float]:
    """The error to be promised at each training size that the money reaches."""
    budget_usd = asked.budget_usd
    assert budget_usd is not None
    found = {}
    for n_new in [0, *range(batch_min, n_left + 1)]:
        n_train, n_items = 20 + n_new, n_left - n_new
        cost_usd = TRAINING.of(n_train, n_new) if n_new else 0.0
        ends = []
        for n_people in range(n_broken, n_items + n_broken + 1):
            n_machine = n_items + n_broken - n_people
            usd = cost_usd + 0.04 * (n_new + n_people) + asked.prices.machine_fee * n_machine
            if usd <= budget_usd + 1e-9:
                wrong = 0.9 * n_train**-0.4 * SHARES**3 * n_items
                confidence = asked.certificate.confidence if asked.is_audited else None
                end = plan_finale(
                    n_people - n_broken,
                    SHARES * n_items,
                    wrong,
                    n_pool=400,
                    confidence=confidence,
                )
                ends.append((n_people, end.promised))
        if ends:
            found[n_train] = max(ends)[1]  # with every label that the money buys
    return found


@pytest.mark.parametrize("kind", ["audit", "none"])
@pytest.mark.parametrize("fee", [0.0, 0.002])
@pytest.mark.parametrize("budget_usd", [0.3, 1.0, 2.0, 3.0, 4.0])
def test_the_search_finds_what_a_loop_over_everything_finds(
    budget_usd: float, fee: float, kind: str
) -> None:
    asked = settings(budget_usd, kind, fee, max_steps=1)
    n_left, n_broken = 70, 3
    expected = brute_force(asked, n_left, n_broken, 5)
    found = search_within(
        Purse.of(asked),
        curves(list(range(20, 20 + n_left + 1))),
        TRAINING,
        n_pool=400,
        n_left=n_left,
        n_broken=n_broken,
        batch_min=5,
        settings=asked,
    )
    best = min(expected.values(), default=n_left / 400)
    assert found.best.promised == pytest.approx(best)
    assert found.stop.promised == pytest.approx(expected.get(20, n_left / 400))
    if found.n_steps:
        assert expected[found.n_train] == pytest.approx(best)
        assert (found.n_steps, found.batch_size) == (1, found.n_train - 20)
    else:
        assert (found.n_train, found.batch_size) == (20, 0)
        assert found.best == found.stop


def test_more_steps_are_taken_while_they_cost_little_error() -> None:
    asked, n_left = settings(3.0, "none", beta=0.05), 200
    arguments: dict[str, Any] = {"n_pool": 400, "n_left": n_left, "n_broken": 0, "batch_min": 5}
    free, dear = (
        search_within(
            Purse.of(asked),
            curves(list(range(20, 221)), gamma=0.9),
            training,
            settings=asked,
            **arguments,
        )
        for training in (TrainingCost(0.0, 0.0), TrainingCost(0.2, 0.0))
    )
    assert free.n_steps == min(10, (free.n_train - 20) // 5) > 1
    assert free.batch_size == -((20 - free.n_train) // free.n_steps)
    assert 0 < dear.n_steps < free.n_steps


def test_a_larger_budget_never_promises_a_larger_error() -> None:
    promised = []
    for budget_usd in np.linspace(0.5, 10.0, 20):
        asked = settings(float(budget_usd))
        found = search_within(
            Purse.of(asked),
            curves(list(range(20, 221))),
            TRAINING,
            n_pool=400,
            n_left=200,
            n_broken=0,
            batch_min=5,
            settings=asked,
        )
        promised.append(found.best.promised)
    assert (np.diff(promised) <= 2e-3).all(), "but for the grid of audits"
    assert promised[-1] == 0.0


FINALE = Finale(n_frame=900, n_audit=100, n_rest=50, error=0.08, promised=0.1)
PLAN = BudgetPlan(
    n_train=400, n_steps=2, batch_size=100, best=replace(FINALE, promised=0.06), stop=FINALE
)


def decide(plans: dict[str, BudgetPlan], budget_usd: float = 20.0, **facts: Any) -> Any:
    known: dict[str, Any] = {"rounds": 4, "growth": 200, "n_left": 5000, "n_broken": 0}
    known |= {"batch_min": 20, "kept_usd": 1.0}
    asked = settings(budget_usd)
    return decide_within(plans, Purse.of(asked), settings=asked, **(known | facts))


def test_the_plan_s_step_is_bought() -> None:
    decision = decide({"a": PLAN})
    assert (decision.verdict, decision.n_buy, decision.classifier) == (Verdict.BUY, 100, "a")
    assert "with 400 training labels an error of 6.00% is to be certified" in decision.reason


def test_no_leap_and_no_more_than_the_money_leaves() -> None:
    leap = replace(PLAN, batch_size=700)
    assert decide({"a": leap}, 60.0).n_buy == 200, "|B| at most doubles"
    # $8 less a training at $1 and the least audit of 60 labels: 115
    assert decide({"a": leap}, 8.0).n_buy == 115


def test_one_training_is_no_curve() -> None:
    first = replace(PLAN, n_train=200, n_steps=0, batch_size=0, best=FINALE)
    assert decide({"a": first}, 60.0, rounds=1).n_buy == 200
    assert decide({"a": first}, 8.0, rounds=1).n_buy == 57
    assert decide({"a": first}, 8.0, rounds=2).verdict is Verdict.MACHINE_LABEL


def test_the_end() -> None:
    people = decide({"a": PLAN}, 40.0, n_left=990, n_broken=10)
    assert people.verdict is Verdict.PEOPLE
    assert "pay people for every item" in people.reason
    poor = decide({"a": PLAN}, 4.1)
    assert poor.verdict is Verdict.MACHINE_LABEL
    assert "do not pay for another 20 labels" in poor.reason
    no_gain = decide({"a": replace(PLAN, best=replace(FINALE, promised=0.0999))})
    assert no_gain.verdict is Verdict.MACHINE_LABEL
    assert "no further training" in no_gain.reason


def test_the_best_leads_and_the_hopeless_is_dropped() -> None:
    worse = replace(PLAN, best=replace(FINALE, promised=0.07))
    alike = replace(PLAN, best=replace(FINALE, promised=0.0605))
    plans = {"worse": worse, "best": PLAN, "alike": alike}
    decision = decide(plans)
    assert decision.classifier == "best"
    assert list(decision.dropped) == ["worse"]
    assert not decide(plans, rounds=3).dropped


def test_seconds_may_overrun_and_fixed_costs_do_not() -> None:
    asked = Settings(prices=PriceSettings(fixed_cost_per_training=2.0))
    assert kept_for_training_usd(5.0, 2, asked) == pytest.approx(4.0 + 1.5 * 1.0)
    assert kept_for_training_usd(3.0, 2, asked) == pytest.approx(4.0)
