from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcal.campaign.decide import MIN_ROUNDS, Verdict, decide
from mcal.campaign.outlook import Outlook
from mcal.planning import Plan
from mcal.settings import PlanSettings, PriceSettings, Settings

N_POOL = 10_000  # $400 by people alone


def plan(**change: Any) -> Plan:
    """A plan to buy on from 400 to 1,000 in three steps, for $150 against $180."""
    base = Plan(
        n_train=1000,
        theta=0.8,
        n_machine=7000,
        n_steps=3,
        batch_size=200,
        total_cost_usd=150.0,
        error=0.04,
        stop_cost_usd=180.0,
        stop_theta=0.6,
        stop_n_machine=5500,
        go_on_cost_usd=150.0,
        human_only_cost_usd=400.0,
    )
    return replace(base, **change)


STOP = plan(
    n_train=400, theta=0.6, n_machine=5500, n_steps=0, batch_size=0, total_cost_usd=180.0,
    go_on_cost_usd=181.0,
)  # fmt: skip
HOPELESS = replace(
    STOP, theta=0.0, n_machine=0, stop_n_machine=0, stop_theta=0.0, stop_cost_usd=400.0,
    total_cost_usd=400.0, go_on_cost_usd=401.0,
)  # fmt: skip


def outlook(low: float = 140.0, high: float = 170.0, **change: Any) -> Outlook:
    """Totals evenly between two ends, and $20 to gain by going on to 900."""
    base = Outlook(
        total_cost_usd=tuple(np.linspace(low, high, 101).tolist()),
        n_train=tuple(np.linspace(800.0, 1200.0, 101).tolist()),
        stop_cost_usd=175.0,
        go_on_cost_usd=155.0,
        go_on_n_train=900,
    )
    return replace(base, **change)


def verdict_after(plans: dict[str, list[Plan]], **change: Any) -> Any:
    facts: dict[str, Any] = {
        "n_pool": N_POOL,
        "n_train": 400,
        "n_left": 9000,
        "n_machine_now": dict.fromkeys(plans, 5500),
        "training_spent_usd": 1.0,
        "next_training_usd": dict.fromkeys(plans, 0.5),
        "settings": Settings(),
    }
    return decide(plans, **(facts | change))


def test_few_trainings_never_end_the_buying() -> None:
    for rounds in range(1, MIN_ROUNDS):
        for p in (STOP, HOPELESS):
            decision = verdict_after({"a": [p] * rounds})
            assert decision.verdict is Verdict.BUY
            assert decision.n_buy >= 100


def test_a_settled_plan_that_pays_is_followed_in_its_own_steps() -> None:
    decision = verdict_after({"a": [plan()] * MIN_ROUNDS})
    assert (decision.verdict, decision.n_buy, decision.stable) == (Verdict.BUY, 200, True)
    assert "$151.00" in decision.reason, "with the dollar that training has cost"
    assert "$181.00" in decision.reason


def test_a_jump_never_more_than_doubles_the_training_set() -> None:
    far = plan(n_train=4000, n_steps=1, batch_size=3600)
    assert verdict_after({"a": [far] * MIN_ROUNDS}).n_buy == 400


def test_an_unsettled_plan_buys_on() -> None:
    moving = [plan(total_cost_usd=c) for c in (300.0, 250.0, 200.0, 150.0)]
    decision = verdict_after({"a": moving})
    assert (decision.verdict, decision.stable) == (Verdict.BUY, False)
    assert "settled" in decision.reason


def test_a_settled_plan_to_stop_lets_the_model_label() -> None:
    decision = verdict_after({"a": [STOP] * MIN_ROUNDS})
    assert decision.verdict is Verdict.MACHINE_LABEL
    assert decision.n_buy == 0


def test_a_small_gain_is_not_worth_a_training() -> None:
    # 0.2 % of $400 is $0.80.
    nearly = plan(stop_cost_usd=150.79)
    assert verdict_after({"a": [nearly] * MIN_ROUNDS}).verdict is Verdict.MACHINE_LABEL
    enough = plan(stop_cost_usd=150.81)
    assert verdict_after({"a": [enough] * MIN_ROUNDS}).verdict is Verdict.BUY


def test_a_plan_to_stop_settles_although_the_training_set_grows() -> None:
    grown = [replace(STOP, n_train=n) for n in (100, 200, 300, 400)]
    assert verdict_after({"a": grown}).verdict is Verdict.MACHINE_LABEL


def test_an_unsettled_plan_grows_by_a_quarter_at_most() -> None:
    moving = [plan(total_cost_usd=c, n_train=n) for c, n in ((300, 900), (200, 2000)) * 2]
    assert verdict_after({"a": moving}, n_train=1000).n_buy == 250
    near = [plan(total_cost_usd=c, n_train=1120) for c in (300, 200, 300, 200)]
    assert verdict_after({"a": near}, n_train=1000).n_buy == 120


def test_an_unsettled_plan_to_stop_buys_little() -> None:
    falling = [
        replace(STOP, total_cost_usd=c, stop_cost_usd=c, go_on_cost_usd=c + 1)
        for c in (300.0, 250.0, 200.0, 180.0)
    ]
    decision = verdict_after({"a": falling})
    assert (decision.verdict, decision.n_buy) == (Verdict.BUY, 100)


def test_when_nothing_pays_people_label_everything() -> None:
    decision = verdict_after({"a": [HOPELESS] * MIN_ROUNDS})
    assert decision.verdict is Verdict.PEOPLE
    assert "pay" in decision.reason


def test_the_exploration_tax_is_bounded() -> None:
    # 10 % of $400 is $40; the next training counts, because it cannot be taken back.
    last = {"training_spent_usd": 30.0, "next_training_usd": {"a": 10.0}}
    assert verdict_after({"a": [HOPELESS]}, **last).verdict is Verdict.BUY
    over = {"training_spent_usd": 30.0, "next_training_usd": {"a": 10.01}}
    stopped = verdict_after({"a": [HOPELESS]}, n_machine_now={"a": 0}, **over)
    assert stopped.verdict is Verdict.PEOPLE
    assert "$30.00" in stopped.reason
    # A few labels may still come from the model in hand: they are paid for.
    assert verdict_after({"a": [HOPELESS]}, **over).verdict is Verdict.MACHINE_LABEL
    assert verdict_after({"a": [plan()]}, **over).verdict is Verdict.BUY, "it beats people"


def test_losers_are_dropped_once_every_plan_is_stable() -> None:
    dear = plan(total_cost_usd=170.0, go_on_cost_usd=170.0)
    moving = [plan(total_cost_usd=c) for c in (390.0, 330.0, 270.0, 210.0)]
    two = verdict_after({"dear": [dear] * 4, "cheap": [plan()] * 4})
    assert (two.classifier, set(two.dropped)) == ("cheap", {"dear"})
    three = verdict_after({"dear": [dear] * 4, "cheap": [plan()] * 4, "moving": moving})
    assert (three.classifier, set(three.dropped)) == ("cheap", {"dear", "moving"})
    near = [plan(total_cost_usd=c) for c in (390.0, 330.0, 270.0, 155.0)]
    four = verdict_after({"cheap": [plan()] * 4, "near": near})
    assert four.dropped == {}, "within 5 % of the leader and still moving"


def test_ties_go_to_the_first_candidate_and_drop_none() -> None:
    tied = verdict_after({"first": [plan()] * 4, "second": [plan()] * 4})
    assert (tied.classifier, tied.dropped) == ("first", {})


def test_the_exploration_limit_counts_only_candidates_that_are_kept() -> None:
    # $30 spent of $40; dear is dropped now, so that its $10 more are never paid.
    dear = replace(HOPELESS, total_cost_usd=450.0)
    last = {"training_spent_usd": 30.0, "next_training_usd": {"cheap": 9.0, "dear": 10.0}}
    plans = {"cheap": [HOPELESS] * 4, "dear": [dear] * 4}
    found = verdict_after(plans, outlooks={"cheap": outlook(360.0, 390.0)}, **last)
    assert set(found.dropped) == {"dear"}
    assert "limit for exploring" not in found.reason
    both = verdict_after({"cheap": [HOPELESS] * 4, "dear": [HOPELESS] * 4}, **last)
    assert both.dropped == {}
    assert "limit for exploring" in both.reason


@pytest.mark.parametrize(("rest", "verdict"), [(100, "machine_label"), (101, "buy")])
def test_nothing_is_bought_that_could_not_save_its_price(rest: int, verdict: str) -> None:
    # The smallest batch is 100: it pays only when more than 100 labels are left to people.
    decision = verdict_after({"a": [plan()]}, n_machine_now={"a": 9000 - rest})
    assert decision.verdict == verdict


def test_nothing_left_to_buy_ends_it() -> None:
    assert verdict_after({"a": [plan()]}, n_left=0).verdict is Verdict.PEOPLE


class TestReplicas:
    """With an outlook the expectation over replicas decides, not the point plan."""

    def test_goes_on_while_that_is_expected_to_save_enough(self) -> None:
        # 0.2 % of $400 is $0.80; the point plan would stop.
        enough = {"a": outlook(go_on_cost_usd=174.2)}
        bought = verdict_after({"a": [STOP] * MIN_ROUNDS}, outlooks=enough)
        assert (bought.verdict, bought.n_buy) == (Verdict.BUY, 100)
        assert "900 training labels is expected to save $0.80" in bought.reason
        short = {"a": outlook(go_on_cost_usd=174.21)}
        stopped = verdict_after({"a": [plan()] * MIN_ROUNDS}, outlooks=short)
        assert stopped.verdict is Verdict.MACHINE_LABEL
        assert "is expected to save $0.79, short of the least" in stopped.reason
        assert "stopping now is forecast at $176.00 in all" in stopped.reason, "the replicas' $175"

    def test_a_purchase_tells_whose_step_it_is(self) -> None:
        plans = {"a": [plan()] * MIN_ROUNDS}
        bought = verdict_after(plans, outlooks={"a": outlook()})
        assert bought.reason == (
            "buy 200 labels: going on to 900 training labels is expected to save $20.00; "
            "a step of the plan, which ends at 1,000"
        )

    def test_free_training_pays_nothing_where_every_total_is_people_s(self) -> None:
        people_usd = 100 * 0.29  # in floating point below the $29 that people are paid
        assert people_usd < 29.0
        plans = {"a": [plan(human_only_cost_usd=people_usd)] * MIN_ROUNDS}
        at_most = {"a": outlook(people_usd, people_usd)}
        settings = Settings(prices=PriceSettings(price_per_label=0.29))
        found = verdict_after(
            plans, outlooks=at_most, settings=settings, n_pool=100, n_left=80, n_train=10,
            n_machine_now={"a": 0}, training_spent_usd=0.0,
        )  # fmt: skip
        assert "the probability that machine labels pay is 0%" in found.reason

    def test_a_loss_is_told_as_one(self) -> None:
        dear = {"a": outlook(go_on_cost_usd=180.0)}
        reason = verdict_after({"a": [plan()] * MIN_ROUNDS}, outlooks=dear).reason
        assert reason.endswith("is expected to cost $5.00 more"), "a loss is short of nothing"

    def test_stops_where_no_batch_fits(self) -> None:
        last = {"a": outlook(go_on_cost_usd=None, go_on_n_train=None)}
        stopped = verdict_after({"a": [plan()] * MIN_ROUNDS}, outlooks=last)
        assert stopped.verdict is Verdict.MACHINE_LABEL
        assert "no further batch fits" in stopped.reason

    def test_few_trainings_never_end_the_buying(self) -> None:
        hopeless = {"a": outlook(400.0, 420.0, go_on_cost_usd=180.0)}
        for rounds in range(1, MIN_ROUNDS):
            decision = verdict_after({"a": [STOP] * rounds}, outlooks=hopeless)
            assert decision.verdict is Verdict.BUY

    def test_gives_up_when_machine_labels_hardly_ever_pay(self) -> None:
        # With the dollar spent, 5 of the 101 quantiles are below $399.
        seldom = {"a": outlook(398.0, 420.0)}
        plans = {"a": [plan()] * MIN_ROUNDS}
        given_up = verdict_after(plans, outlooks=seldom)
        assert given_up.verdict is Verdict.MACHINE_LABEL, "what needs no further label is taken"
        assert "for $1.00 the probability that machine labels pay is 5%" in given_up.reason
        nothing = verdict_after(plans, outlooks=seldom, n_machine_now={"a": 0})
        assert nothing.verdict is Verdict.PEOPLE
        oftener = {"a": outlook(397.7, 420.0)}
        assert verdict_after(plans, outlooks=oftener).verdict is Verdict.BUY

    def test_a_narrow_interval_is_stable(self) -> None:
        moving = [plan(total_cost_usd=c) for c in (300.0, 250.0, 200.0, 150.0)]
        narrow = {"a": outlook(146.0, 154.0)}  # 90 % of it is below 5 % of $150
        assert verdict_after({"a": moving}, outlooks=narrow).stable
        wide = verdict_after({"a": moving}, outlooks={"a": outlook()})
        assert not wide.stable
        assert "settled" in wide.reason

    def test_never_more_than_doubles(self) -> None:
        far = plan(n_train=4000, n_steps=1, batch_size=3600)
        there = {"a": outlook(go_on_n_train=4000)}
        assert verdict_after({"a": [far] * MIN_ROUNDS}, outlooks=there).n_buy == 400

    def test_an_unsettled_plan_grows_towards_what_is_best_on_average(self) -> None:
        moving = [plan(total_cost_usd=c, n_train=2000) for c in (300, 200, 300, 200)]
        near = {"a": outlook(go_on_n_train=1130)}
        assert verdict_after({"a": moving}, n_train=1000, outlooks=near).n_buy == 130

    def test_a_candidate_dearer_beyond_doubt_is_dropped(self) -> None:
        moving = [plan(total_cost_usd=c) for c in (300.0, 250.0, 200.0, 150.0)]
        plans = {"cheap": moving, "dear": [plan(total_cost_usd=250.0)] * MIN_ROUNDS}
        # 5 % of its totals are below $169.50; 5 % of the leader's above $168.50.
        apart = {"cheap": outlook(), "dear": outlook(168.0, 198.0)}
        found = verdict_after(plans, outlooks=apart)
        assert found.verdict is Verdict.BUY
        assert found.dropped == {
            "dear": "its total from here is above $169.50 and that of cheap below $168.50, each "
            "with 95% probability"
        }
        early = {name: history[1:] for name, history in plans.items()}
        assert verdict_after(early, outlooks=apart).dropped == {}
        overlapping = apart | {"dear": outlook(166.5, 196.5)}
        assert verdict_after(plans, outlooks=overlapping).dropped == {}
        assert verdict_after(plans, outlooks=apart | {"dear": None}).dropped == {}

    def test_without_an_outlook_the_plan_decides_as_before(self) -> None:
        for history in ([plan()] * 4, [STOP] * 4, [HOPELESS] * 4):
            plans = {"a": history}
            assert verdict_after(plans, outlooks={"a": None}) == verdict_after(plans)

    def test_nothing_of_it_counts_as_printed(self) -> None:
        settings = Settings(preset="paper")
        plans = {"a": [plan(), plan()]}
        dear = {"a": outlook(400.0, 420.0, go_on_cost_usd=300.0)}
        printed = verdict_after(plans, settings=settings)
        assert verdict_after(plans, settings=settings, outlooks=dear) == printed


class TestAsPrinted:
    """``preset = "paper"``: Algorithm 1 to the letter, where it is a rule at all."""

    settings = Settings(preset="paper")

    def test_buys_the_first_batch_size_until_the_cost_settles(self) -> None:
        moving = [plan(total_cost_usd=c) for c in (300.0, 200.0)]
        decision = verdict_after({"a": moving}, settings=self.settings)
        assert (decision.verdict, decision.n_buy) == (Verdict.BUY, 100)

    def test_then_goes_to_the_best_size_in_one_step(self) -> None:
        far = plan(n_train=4000, n_steps=1, batch_size=3600)
        decision = verdict_after({"a": [far, far]}, settings=self.settings)
        assert (decision.verdict, decision.n_buy) == (Verdict.BUY, 3600)

    def test_only_the_cost_counts_for_stability(self) -> None:
        plans = [plan(n_train=n, theta=t) for n, t in ((3000, 0.3), (1000, 0.8))]
        assert verdict_after({"a": plans}, settings=self.settings).stable
        assert not verdict_after({"a": plans * 2}).stable

    def test_stops_when_the_total_rises(self) -> None:
        plans = [plan(total_cost_usd=150.0), plan(total_cost_usd=151.0)]
        decision = verdict_after({"a": plans}, settings=self.settings)
        assert decision.verdict is Verdict.MACHINE_LABEL


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_the_smallest_batch_follows_the_settings(share: float) -> None:
    settings = Settings(plan=PlanSettings(delta_min_share=share))
    assert verdict_after({"a": [STOP]}, n_train=10, settings=settings).n_buy == share * N_POOL


def test_an_unfit_candidate_is_dropped_in_any_round_but_never_the_leader() -> None:
    plans = {"a": [plan()], "b": [plan(total_cost_usd=160.0)], "c": [plan(total_cost_usd=151.0)]}
    unfit = {"a": "it fell", "b": "it fell too"}
    decision = verdict_after(plans, unfit=unfit)
    assert decision.classifier == "a"
    assert decision.dropped == {"b": "it fell too"}


def test_the_training_of_an_unfit_candidate_does_not_end_the_exploring() -> None:
    plans = {"a": [HOPELESS] * 2, "b": [replace(HOPELESS, total_cost_usd=401.0)] * 2}
    dear = {"a": 1.0, "b": 100.0}
    assert verdict_after(plans, next_training_usd=dear).verdict is not Verdict.BUY
    fit = verdict_after(plans, next_training_usd=dear, unfit={"b": "it fell"})
    assert fit.verdict is Verdict.BUY
