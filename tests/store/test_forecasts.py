"""What each round forecast."""

from __future__ import annotations

import numpy as np
import pytest

from mcal.settings import Settings
from mcal.store import forecasts, summarise
from mcal.types import Purpose


def train(store, round_, classifier, *, cost_usd):
    run_id = store.start_run(round=round_, classifier=classifier, n_train=8, seed=0, device="cpu")
    store.finish_run(
        run_id,
        train_s=1.0,
        score_s=1.0,
        cost_usd=cost_usd,
        fixed_cost_usd=0.01,
        checkpoint="c",
        checkpoint_sha256="0",
    )


def plan(total_usd, **more):
    return {"plan": {"total_cost_usd": total_usd, "n_machine": 5, "estimated_error": 0.04, **more}}


def give(store, batch_id, indices):
    store.tell(batch_id, indices, np.zeros(len(indices), dtype=np.int64))


@pytest.fixture
def store(create, buy):
    """Two rounds: 10 test items and 10, then 20, for training, at 4 cents; two candidates."""
    store = create()
    give(store, buy(store, np.arange(10), purpose=Purpose.TEST), np.arange(10))
    for round_, first in ((0, 10), (1, 20)):
        items = np.arange(first, first + 10)
        give(store, buy(store, items, round=round_), items)
        train(store, round_, "a", cost_usd=0.02)
        train(store, round_, "b", cost_usd=0.03)
        dearer = {"predicted_total_cost_usd": 2.0, "predicted_interval_90_usd": (1.5, 3.0)}
        store.add_estimates(round_, "a", plan(2.0 - round_, **dearer))
        store.add_estimates(round_, "b", plan(1.5))
    return store


def test_every_round_has_its_cheapest_plan_with_what_was_spent_by_then(store):
    first, second = forecasts(store)
    assert (first.round, first.classifier, first.n_train) == (0, "b", 10)
    assert first.spent_usd == pytest.approx(20 * 0.04 + 0.07)
    assert first.predicted_usd == pytest.approx(1.5 + 0.07)
    assert first.interval_usd is None
    assert (second.round, second.classifier, second.n_train) == (1, "a", 20)
    assert second.spent_usd == pytest.approx(30 * 0.04 + 0.14)
    assert second.predicted_usd == pytest.approx(1.0 + 0.14)


def test_an_interval_moves_with_what_was_trained_since_it_was_recorded(store):
    # Recorded with a total of 2.00 beside 1.00 to pay: 1.00 was sunk then, 0.14 is now.
    assert forecasts(store)[1].interval_usd == pytest.approx((1.5 - 1.0 + 0.14, 3.0 - 1.0 + 0.14))


def test_the_last_forecast_is_the_summary_s(store):
    last, summary = forecasts(store)[-1], summarise(store)
    assert last.predicted_usd == summary.predicted_total_cost_usd
    assert last.interval_usd == summary.predicted_interval_usd
    assert last.spent_usd == summary.total_cost_usd


def test_audits_and_the_rest_are_not_spent_before_a_plan(store, buy):
    before = forecasts(store)[-1]
    items = np.arange(40, 50)
    give(store, buy(store, items, purpose=Purpose.AUDIT, round=1), items)
    assert forecasts(store)[-1] == before


def test_a_first_round_without_machine_labels_predicts_nothing(create):
    store = create()
    store.add_estimates(0, "a", plan(4.0, n_machine=0))
    (only,) = forecasts(store)
    assert only.predicted_usd is only.interval_usd is None


def test_no_forecast_is_above_a_budget(create):
    store = create(settings_json=Settings(budget_usd=1.0).model_dump_json())
    store.add_estimates(
        1, "a", plan(4.0, predicted_interval_90_usd=(0.5, 5.0), predicted_total_cost_usd=4.0)
    )
    (only,) = forecasts(store)
    assert (only.predicted_usd, only.interval_usd) == (1.0, (0.5, 1.0))


def test_a_campaign_without_a_plan_has_none(create):
    assert forecasts(create()) == ()
