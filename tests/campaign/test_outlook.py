"""Replicas reduced to an outlook, against the same replica by replica."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mcal.bootstrap import CurveReplicas, PlanReplicas
from mcal.campaign.label_cost import label_cost
from mcal.campaign.outlook import SCATTER, Outlook, look_out
from mcal.planning import TrainingCost
from mcal.settings import Settings

KNOTS = np.array([100, 150, 300, 500])
LABELS = label_cost(10_000, Settings())
TRAINING = TrainingCost(2.0, 0.01)
HUMAN_ONLY = 400.0
# Three replicas; no purchase as small as to 150 fits.
COST = np.array(
    [[300.0, np.nan, 200.0, 250.0], [320.0, np.nan, 330.0, 360.0], [390.0, np.nan, 391.0, 395.0]]
)


def replicas(cost: Any = COST) -> PlanReplicas:
    n = len(cost)
    curves = CurveReplicas(
        np.ones(1), KNOTS, np.zeros((n, 1, KNOTS.size)), np.zeros(n, np.int32), ("power",)
    )
    zeros = np.zeros(n)
    return PlanReplicas(
        curves, zeros.astype(np.int64), zeros, zeros.astype(np.int64),
        zeros, zeros, zeros, cost, HUMAN_ONLY,
    )  # fmt: skip


def outlook(cost: Any = COST, labels: Any = ((0, 0, 0, 0),) * 3, n_free: int = 0) -> Outlook:
    return look_out(
        replicas(cost),
        np.asarray(labels, float)[: len(cost)],
        n_free=n_free,
        training=TRAINING,
        labels=LABELS,
    )


def test_going_on_is_one_size_for_all_and_stopping_the_first() -> None:
    found = outlook()
    # To 300 takes two trainings, at 200 and 300, not the one that replicas were planned with.
    assert found.go_on_n_train == 300
    assert found.go_on_cost_usd == pytest.approx((200.0 + 330.0 + 391.0) / 3 + 2.0 + 0.01 * 200)
    assert found.stop_cost_usd == pytest.approx((300.0 + 320.0 + 390.0) / 3)
    assert found.gain_usd == pytest.approx(found.stop_cost_usd - found.go_on_cost_usd)


def test_totals_are_each_replica_s_own_best() -> None:
    found = outlook()
    assert (found.total_cost_usd[0], found.total_cost_usd[50]) == pytest.approx((204.0, 320.0))
    assert found.total_cost_usd[100] == 390.0
    assert (found.n_train[0], found.n_train[100]) == (100.0, 300.0)
    assert found.cost_interval(0.5) == pytest.approx((262.0, 355.0))
    assert found.n_train_interval(0.999999) == pytest.approx((100.0, 300.0), rel=1e-3)


def test_an_audit_makes_every_total_dearer_but_never_than_what_needs_none() -> None:
    found = outlook(labels=[(500, 500, 250, 250)] * 3, n_free=600)
    # Stopping: $20 more each, but never above $400 - 600 labels = $376, where it was not already.
    assert found.stop_cost_usd == pytest.approx((320.0 + 340.0 + 390.0) / 3)
    # To 300: $4 for one more training and $10 more, but not above $376 + $9 for the walk.
    walk = 4.0 + 0.01 * 500
    assert found.go_on_cost_usd == pytest.approx(
        (214.0 + 344.0 + max(395.0, min(405.0, 376.0 + walk))) / 3
    )


def test_every_replica_has_an_audit_of_its_own() -> None:
    found = outlook(labels=[(100, 0, 0, 0), (-100, 0, 0, 0), (50, 0, 0, 0)])
    assert found.stop_cost_usd == pytest.approx((304.0 + 316.0 + 392.0) / 3)


def test_a_predicted_interval_holds_what_replicas_do_not_foresee() -> None:
    rng = np.random.default_rng(0)
    totals = np.sort(rng.normal(200.0, 15.0, 101))
    found = Outlook(tuple(totals.tolist()), (1.0,) * 101, 0.0, None, None)
    drawn = rng.choice(totals, 400_000) * np.exp(SCATTER * rng.standard_normal(400_000))
    for confidence in (0.5, 0.9):
        tails = [0.5 - confidence / 2, 0.5 + confidence / 2]
        by_hand = np.quantile(drawn, tails) + 7.0
        assert found.predicted_interval(confidence, 1e9, 7.0) == pytest.approx(by_hand, rel=0.005)
        low, high = found.predicted_interval(confidence, 1e9, 7.0)
        assert low < found.cost_interval(confidence)[0] + 7.0
        assert high > found.cost_interval(confidence)[1] + 7.0
    assert found.predicted_interval(0.9, 205.0, 7.0)[1] == 212.0, "people alone bound the total"


def test_the_probability_that_machine_labels_pay() -> None:
    found = outlook()
    assert found.pays_probability(HUMAN_ONLY, 0.0) == 1.0
    assert found.pays_probability(HUMAN_ONLY, 300.0) == 0.0
    assert found.pays_probability(HUMAN_ONLY, 80.0) == pytest.approx(0.5, abs=0.01)


def test_nothing_left_to_buy() -> None:
    found = outlook(np.array([[300.0, np.nan, np.nan, np.nan]]))
    assert (found.go_on_cost_usd, found.go_on_n_train, found.gain_usd) == (None, None, None)
    assert found.stop_cost_usd == found.total_cost_usd[7] == 300.0


def test_people_alone_bound_the_total() -> None:
    assert outlook(np.full((2, 4), 500.0)).total_cost_usd[0] == HUMAN_ONLY


def test_an_outlook_survives_its_record() -> None:
    for found in (outlook(), outlook(np.array([[300.0, np.nan, np.nan, np.nan]]))):
        assert Outlook.from_json(json.loads(json.dumps(found.to_json()))) == found
    short = outlook().in_short(HUMAN_ONLY, 10.0)
    assert short["predicted_interval_90_usd"] == outlook().predicted_interval(0.9, HUMAN_ONLY, 10.0)
    assert short["pays_probability"] == 100 / 101, "the dearest costs what people do"
