"""Where a campaign stands."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mcal.store import Store, summarise
from mcal.types import NO_LABEL, Purpose


def start(store, classifier):
    return store.start_run(round=0, classifier=classifier, n_train=8, seed=0, device="cpu")


def end(store, run_id, *, cost_usd):
    store.finish_run(
        run_id,
        train_s=1.0,
        score_s=1.0,
        cost_usd=cost_usd,
        fixed_cost_usd=0.01,
        checkpoint="c",
        checkpoint_sha256="0",
    )


def test_a_new_campaign_knows_only_its_pool(create):
    summary = summarise(create())
    assert summary.phase == "new"
    assert (summary.n_pool, summary.n_human, summary.n_unlabelled) == (100, 0, 100)
    assert (summary.total_cost_usd, summary.human_only_cost_usd) == (0.0, 4.0)
    assert (summary.target_error, summary.target) == (0.05, "set")
    assert summary.predicted_total_cost_usd is summary.saving is summary.estimated_error is None
    assert summary.stop_reason is summary.classifier is summary.finished_at is None
    assert summary.open_batch is None
    assert summary.certified_error is summary.confidence is None
    assert summary.n_audit == 0


def test_a_campaign_is_followed_to_its_end(create, buy, tmp_path):
    store = create()
    test = buy(store, np.arange(10), purpose=Purpose.TEST)
    store.submit_batch(test, "box")
    store.tell(test, [0, 1, 2], [NO_LABEL, 0, 1])
    summary = summarise(store)
    assert summary.phase == "waiting for people"
    assert (summary.n_test, summary.n_human, summary.n_no_label) == (2, 3, 1)
    assert summary.n_bought == {"test": 3, "train": 0, "audit": 0, "rest": 0}
    assert summary.human_cost_usd == summary.total_cost_usd == 0.12
    assert summary.open_batch["batch_id"] == test
    assert (summary.open_batch["n_told"], summary.open_batch["ticket"]) == (3, "box")

    store.tell(test, np.arange(3, 10), [2] * 7)
    store.tell(buy(store, np.arange(10, 20)), np.arange(10, 20), [0] * 10)
    assert summarise(store).phase == "deciding"
    run_id = start(store, "b")
    assert summarise(store).phase == "training"
    end(store, run_id, cost_usd=0.03)
    summary = summarise(store)
    assert (summary.rounds, summary.classifier, summary.saving) == (1, "b", None)

    end(store, start(store, "a"), cost_usd=0.02)
    for name, predicted in (("a", 1.5), ("b", 2.5), ("c", None)):
        store.add_estimates(
            0, name, {"plan": {"total_cost_usd": predicted, "estimated_error": 0.04}}
        )
    summary = summarise(store)
    assert (summary.classifier, summary.rounds) == ("a", 1)
    assert summary.predicted_total_cost_usd == pytest.approx(1.5 + 0.07), "with both trainings"
    assert summary.saving == pytest.approx(1 - 1.57 / 4)
    assert summary.estimated_error == 0.04

    store.add_machine_labels(
        round=1,
        classifier="b",
        indices=np.arange(20, 100),
        labels=np.zeros(80, dtype=np.int64),
        confidence=np.ones(80),
        fee_usd_each=0.001,
        reason="enough",
        details={"estimated_error": 0.03},
    )
    assert summarise(store).estimated_error == 0.03
    assert summarise(store).classifier == "b"
    store.finish(stop_reason="no gain", details={})
    store.close()
    with Store.open(tmp_path / "campaign", read_only=True) as reader:
        summary = summarise(reader)
    assert (summary.phase, summary.stop_reason) == ("done", "no gain")
    assert (summary.n_test, summary.n_train) == (9, 10)
    assert (summary.n_human, summary.n_machine, summary.n_unlabelled) == (20, 80, 0)
    assert summary.human_cost_usd == 0.8
    assert summary.training_cost_usd == 0.07
    assert summary.machine_fee_usd == 0.08
    assert summary.total_cost_usd == 0.95
    assert summary.saving == 1 - 0.95 / 4
    assert summary.estimate_kind == "point estimate, not certified"
    assert summary.finished_at is not None
    as_json = json.loads(json.dumps(summary.to_json()))
    assert as_json["n_machine"] == 80
    promised = """n_pool n_human n_machine human_cost_usd training_cost_usd total_cost_usd
        human_only_cost_usd saving target_error estimated_error certified_error confidence n_audit
        estimate_kind stop_reason rounds classifier"""
    assert set(promised.split()) <= set(as_json)


def test_only_the_latest_round_s_plans_count(create):
    store = create()
    for round_, predicted in ((0, 1.0), (1, 3.0)):
        store.add_estimates(round_, "a", {"plan": {"total_cost_usd": predicted}})
    assert summarise(store).predicted_total_cost_usd == 3.0


def test_one_round_that_plans_no_machine_labels_is_no_forecast(create):
    store = create()
    plan = {"total_cost_usd": 4.0, "estimated_error": 0.0, "n_machine": 0}
    for round_ in (0, 1):
        run_id = store.start_run(round=round_, classifier="a", n_train=8, seed=0, device="cpu")
        end(store, run_id, cost_usd=0.1)
        store.add_estimates(round_, "a", {"plan": plan})
        summary = summarise(store)
        if round_ == 0:
            assert summary.estimated_error is summary.saving is None
        else:
            assert summary.estimated_error == 0.0
            assert summary.saving == pytest.approx(1 - (4.0 + 2 * 0.11) / 4)


def test_what_later_candidates_cost_is_added_to_total_and_interval(create):
    store = create()
    end(store, start(store, "a"), cost_usd=0.09)  # and $0.01 fixed
    payload = {
        "total_cost_usd": 2.0,
        "predicted_total_cost_usd": 2.1,
        "predicted_interval_90_usd": [1.6, 2.6],
    }
    store.add_estimates(0, "a", {"plan": payload})
    alone = summarise(store)
    assert alone.predicted_total_cost_usd == pytest.approx(2.1)
    assert alone.predicted_interval_usd == pytest.approx((1.6, 2.6))
    end(store, start(store, "b"), cost_usd=0.29)
    store.add_estimates(0, "b", {"plan": {"total_cost_usd": 3.0, "predicted_total_cost_usd": 3.4}})
    both = summarise(store)
    assert both.predicted_total_cost_usd == pytest.approx(2.0 + both.training_cost_usd)
    assert both.predicted_interval_usd == pytest.approx((1.9, 2.9))


@pytest.mark.parametrize("name", ["people", "machine_label"])
def test_once_the_buying_has_ended_the_total_is_known(create, buy, name):
    store = create()
    store.tell(buy(store, np.arange(10)), np.arange(10), [0] * 10)
    end(store, start(store, "a"), cost_usd=3.99)
    plan = {
        "total_cost_usd": 2.0,
        "predicted_total_cost_usd": 6.0,
        "predicted_interval_90_usd": [5.5, 7.0],
        "n_machine": 50,
    }
    store.add_estimates(0, "a", {"plan": plan})
    assert summarise(store).predicted_interval_usd == pytest.approx((5.5, 7.0))
    n_machine = 0
    if name == "people":
        store.add_action(round=0, name=name, reason="nothing pays", details={})
    else:
        n_machine = 30
        store.add_machine_labels(
            round=0,
            classifier="a",
            indices=np.arange(20, 50),
            labels=np.zeros(30, dtype=np.int64),
            confidence=np.ones(30),
            fee_usd_each=0.001,
            reason="enough",
            details={},
        )
    bill = 4.0 + 0.04 * (100 - n_machine) + 0.001 * n_machine
    rest = np.setdiff1d(np.arange(10, 100), np.arange(20, 20 + n_machine))
    said = [summarise(store)]
    batch = buy(store, rest, purpose=Purpose.REST)
    said.append(summarise(store))
    store.tell(batch, rest[:5], [0] * 5)
    said.append(summarise(store))
    store.tell(batch, rest[5:], [0] * (rest.size - 5))
    said.append(summarise(store))
    assert said[-1].total_cost_usd == pytest.approx(bill)
    for summary in said:
        assert summary.predicted_total_cost_usd == said[-1].total_cost_usd
        assert summary.predicted_interval_usd == (said[-1].total_cost_usd,) * 2
        assert summary.saving == 1.0 - said[-1].total_cost_usd / 4.0


def test_a_certificate_is_told_once_it_is_there(create, buy):
    store = create()
    audit = buy(store, [1, 2, 3], purpose=Purpose.AUDIT)
    store.add_action(round=0, name="audit", reason="people check", details={"confidence": 0.9})
    store.tell(audit, [1, 2], [0, NO_LABEL])
    summary = summarise(store)
    assert (summary.n_audit, summary.n_human) == (2, 2)
    assert (summary.certified_error, summary.confidence) == (None, None)
    assert summary.estimate_kind == "point estimate, not certified"
    store.tell(audit, [3], [0])
    details = {"estimated_error": 0.02, "certified_error": 0.04, "confidence": 0.9}
    store.add_action(round=0, name="machine_label", reason="certified", details=details)
    summary = summarise(store)
    assert (summary.n_audit, summary.certified_error, summary.confidence) == (3, 0.04, 0.9)
    assert summary.estimated_error == 0.02
    assert summary.estimate_kind == "certified with 90% confidence"


def test_without_machine_labels_no_error_is_certain(create):
    store = create()
    details = {"estimated_error": 0.0, "certified_error": 0.0, "confidence": 0.95}
    store.add_estimates(
        0, "a", {"plan": {"predicted_total_cost_usd": 4.0, "estimated_error": 0.03}}
    )
    store.add_action(round=0, name="people", reason="nothing pays", details=details)
    summary = summarise(store)
    assert (summary.estimated_error, summary.certified_error, summary.n_audit) == (0.0, 0.0, 0)


def test_items_that_cannot_be_read_are_counted(create):
    assert summarise(create()).n_broken == 1
