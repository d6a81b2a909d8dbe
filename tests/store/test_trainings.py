"""Runs and estimates."""

from __future__ import annotations

import numpy as np
import pytest

from mcal.errors import StoreError
from mcal.store import Store

FINISH = {"fixed_cost_usd": 0.5, "checkpoint": "models/0.pt", "checkpoint_sha256": "ab" * 32}


def start(store, **changes):
    facts = {"round": 0, "classifier": "cnn18/fast", "n_train": 50, "seed": 2**62, "device": "cpu"}
    return store.start_run(**(facts | changes))


def test_a_finished_run_costs_what_its_end_says(create):
    store = create()
    run_id = start(store)
    store.heartbeat_run(run_id, train_s=10.0, score_s=0.0, cost_usd=0.1)
    store.heartbeat_run(run_id, train_s=20.0, score_s=1.0, cost_usd=0.2)
    (run,) = store.runs()
    assert (run.status, run.train_s, run.score_s, run.cost_usd) == ("started", 20.0, 1.0, 0.2)
    assert (run.checkpoint, run.ended_at) == (None, None)
    store.finish_run(run_id, train_s=21.0, score_s=2.0, cost_usd=0.25, **FINISH)
    (run,) = store.runs()
    assert (run.status, run.train_s, run.score_s) == ("finished", 21.0, 2.0)
    assert (run.cost_usd, run.fixed_cost_usd) == (0.25, 0.5)
    assert (run.round, run.classifier, run.n_train) == (0, "cnn18/fast", 50)
    assert (run.seed, run.device, run.run_id) == (2**62, "cpu", run_id)
    assert (run.checkpoint, run.checkpoint_sha256) == ("models/0.pt", "ab" * 32)
    assert store.spend() == {"labels": 0, "machine_fee": 0, "training": 0.25, "fixed": 0.5}


def test_an_open_run_is_interrupted_for_the_next_writer_and_charged_to_its_last_sign(
    create, tmp_path
):
    folder = tmp_path / "campaign"
    with create() as store:
        silent, seen, done = start(store), start(store, round=1), start(store, round=2)
        store.heartbeat_run(seen, train_s=5.0, score_s=1.0, cost_usd=0.06)
        store.heartbeat_run(seen, train_s=7.0, score_s=2.0, cost_usd=0.09)
        store.finish_run(done, train_s=1.0, score_s=1.0, cost_usd=0.01, **FINISH)
    with Store.open(folder, read_only=True) as reader:
        assert [run.status for run in reader.runs()] == ["started", "started", "finished"]
    with Store.open(folder) as store:
        for _ in range(2):
            runs = store.runs()
            assert [run.status for run in runs] == ["interrupted", "interrupted", "finished"]
            assert [(run.train_s, run.cost_usd) for run in runs[:2]] == [(0.0, 0.0), (7.0, 0.09)]
            assert runs[0].ended_at == runs[0].started_at
        assert store.spend()["training"] == 0.1
        for call in (silent, seen, done, 99):
            with pytest.raises(StoreError, match=f"run {call} is not under way"):
                store.heartbeat_run(call, train_s=9.0, score_s=9.0, cost_usd=9.0)
        again = start(store, round=1)
    with Store.open(folder) as store:
        assert store.runs()[-1].run_id == again
        assert store.runs()[-1].status == "interrupted"


def test_a_run_s_cost_never_falls(create):
    store = create()
    run_id = start(store)
    store.heartbeat_run(run_id, train_s=5.0, score_s=1.0, cost_usd=0.06)
    with pytest.raises(ValueError, match=r"cost_usd: expected at least 0.06, charged"):
        store.heartbeat_run(run_id, train_s=5.0, score_s=1.0, cost_usd=0.05)
    with pytest.raises(ValueError, match="fixed_cost_usd"):
        store.finish_run(
            run_id, train_s=5.0, score_s=1.0, cost_usd=0.07, **(FINISH | {"fixed_cost_usd": -1.0})
        )
    assert store.spend()["training"] == 0.06  # the refused end left nothing behind
    assert store.runs()[0].status == "started"
    with pytest.raises(StoreError, match="CHECK"):
        store.heartbeat_run(run_id, train_s=-1.0, score_s=1.0, cost_usd=0.06)


def test_estimates_are_read_back_by_round_and_classifier(create):
    store = create()
    store.add_estimates(1, "a", {"plan": {"n_train": 7}, "fit": {"status": ["converged"]}})
    store.add_estimates(0, "b", {"plan": {"n_train": 5}})
    store.add_estimates(1, "b", {"plan": {"n_train": 6}})
    plans = store.estimates("plan")
    assert [(p.round, p.classifier, p.payload["n_train"]) for p in plans] == [
        (0, "b", 5),
        (1, "a", 7),
        (1, "b", 6),
    ]
    assert {plan.kind for plan in plans} == {"plan"}
    assert [plan.round for plan in store.estimates("plan", classifier="b")] == [0, 1]
    assert [plan.classifier for plan in store.estimates("plan", round=1)] == ["a", "b"]
    assert [fit.payload for fit in store.estimates("fit")] == [{"status": ["converged"]}]
    assert store.estimates("cost") == []


def test_an_estimate_is_made_once(create):
    store = create()
    store.add_estimates(0, "a", {"plan": {"n_train": 5}})
    with pytest.raises(StoreError, match="UNIQUE"):
        store.add_estimates(0, "a", {"profile": {}, "plan": {"n_train": 6}})
    assert store.estimates("profile") == []
    with pytest.raises(StoreError, match="CHECK"):
        store.add_estimates(0, "a", {"gossip": {}})


def test_payloads_may_hold_arrays_and_numbers_that_are_none(create):
    store = create()
    payload = {
        "theta": np.array([0.5, 1.0]),
        "error": (np.float32(0.25), float("nan"), -np.inf),
        "n": np.int64(3),
        "rows": np.array([[1, 2], [3, 4]]),
        "bad": np.array([np.nan, 1.0]),
        "word": "Zürich",
        "nothing": None,
        "yes": np.bool_(True),
    }
    store.add_estimates(0, "a", {"fit": payload})
    assert store.estimates("fit")[0].payload == {
        "theta": [0.5, 1.0],
        "error": [0.25, None, None],
        "n": 3,
        "rows": [[1, 2], [3, 4]],
        "bad": [None, 1.0],
        "word": "Zürich",
        "nothing": None,
        "yes": True,
    }
    with pytest.raises(ValueError, match=r"payloads\['plan'\]: expected what JSON can hold"):
        store.add_estimates(0, "a", {"plan": {"x": {1, 2}}})
