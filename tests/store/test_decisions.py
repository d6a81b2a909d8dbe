"""Actions, machine labels, the end."""

from __future__ import annotations

import numpy as np
import pytest

from mcal.errors import StoreError
from mcal.types import Purpose

LABELLING = {
    "round": 4,
    "classifier": "cnn18/fast",
    "indices": np.array([30, 10, 20]),
    "labels": np.array([2, 0, 1]),
    "confidence": np.array([1.0, 0.0, 1 - 1e-12]),
    "fee_usd_each": 0.001,
    "reason": "another training does not pay",
    "details": {"estimated_error": 0.03},
}


def test_actions_are_read_back_in_order(create):
    store = create()
    store.add_action(round=0, name="ask", reason="first", details={"n": np.int64(5)})
    store.add_action(round=0, name="stop", reason="second", details={})
    first, second = store.actions()
    assert (first.round, first.name, first.reason, first.details) == (0, "ask", "first", {"n": 5})
    assert second.name == "stop"
    assert first.created_at <= second.created_at


def test_machine_labels_come_with_their_fee_and_the_action(create):
    store = create()
    assert store.machine_labels() is None
    assert store.machine_labelling is None
    store.add_machine_labels(**LABELLING)
    machine = store.machine_labels()
    assert machine.indices.tolist() == [10, 20, 30]
    assert machine.labels.tolist() == [0, 1, 2]
    assert machine.confidence.tolist() == [0.0, 1 - 1e-12, 1.0]
    assert (machine.classifier, machine.round, machine.fee_usd_each) == ("cnn18/fast", 4, 0.001)
    assert store.machine_labelling.n_items == 3
    assert store.spend()["machine_fee"] == 0.003
    (action,) = store.actions()
    assert (action.name, action.round) == ("machine_label", 4)
    assert action.details == {"estimated_error": 0.03}
    with pytest.raises(StoreError, match="recorded already"):
        store.add_machine_labels(**LABELLING)


def test_a_machine_may_label_nothing(create):
    store = create()
    store.add_machine_labels(**(LABELLING | {"indices": [], "labels": [], "confidence": []}))
    assert store.machine_labels().indices.size == 0
    assert store.spend()["machine_fee"] == 0.0


def test_an_item_belongs_to_people_or_to_the_machine(create, buy):
    store = create()
    buy(store, [20])
    with pytest.raises(StoreError, match="with people already"):
        store.add_machine_labels(**LABELLING)
    assert store.machine_labels() is None
    assert store.actions() == []
    store.add_machine_labels(**(LABELLING | {"indices": [1, 2, 3]}))
    with pytest.raises(StoreError, match="has its machine label already"):
        buy(store, [40, 2])
    assert len(store.batches()) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": [1, 1, 2]}, "found 1 twice"),
        ({"indices": [1, 2, 100]}, "found 100"),
        ({"labels": [0, 1]}, "labels: expected 3, found 2"),
        ({"labels": [0, 1, -1]}, "labels: expected 0 <= value < 3, found -1"),
        ({"labels": [0, 1, 3]}, "found 3"),
        ({"confidence": [0.5]}, r"confidence: expected shape \(3,\)"),
        ({"confidence": [0.5, np.nan, 1]}, "expected 0 to 1, found nan"),
        ({"confidence": [0.5, 1.5, 1]}, "found 1.5"),
        ({"fee_usd_each": -1}, "fee_usd_each"),
    ],
)
def test_labels_that_do_not_fit_are_the_caller_s_mistake(create, changes, message):
    store = create()
    with pytest.raises(ValueError, match=message):
        store.add_machine_labels(**(LABELLING | changes))
    assert store.machine_labels() is None


def test_a_finished_campaign_takes_nothing_more(create, buy):
    store = create()
    batch_id = buy(store, [1, 2], purpose=Purpose.REST)
    store.tell(batch_id, [1], [0])
    with pytest.raises(StoreError, match="cannot finish, 1 labels are still awaited"):
        store.finish(stop_reason="done", details={})
    store.tell(batch_id, [2], [0])
    assert store.finished is None
    store.finish(stop_reason="done", details={"estimated_error": 0.04})
    assert store.finished.stop_reason == "done"
    assert store.finished.details == {"estimated_error": 0.04}
    assert store.tell(batch_id, [1, 2], [0, 0]) == 0  # a late repeat is harmless
    attempts = [
        lambda: buy(store, [3]),
        lambda: store.finish(stop_reason="again", details={}),
        lambda: store.add_machine_labels(**LABELLING),
        lambda: store.add_action(round=0, name="", reason="", details={}),
        lambda: store.add_estimates(0, "a", {"plan": {}}),
        lambda: store.start_run(round=0, classifier="", n_train=0, seed=0, device=""),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="the campaign is finished"):
            attempt()
