"""Batches and people's labels."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcal.errors import StoreError
from mcal.store import FILE_NAME, Store
from mcal.types import NO_LABEL, BatchStatus, Judgements, Purpose


def test_a_batch_goes_from_planned_to_closed(create, buy):
    store = create()
    batch_id = buy(store, [5, 3, 9], purpose=Purpose.TEST, round=2, reason="measure")
    (batch,) = store.batches()
    assert batch.status is BatchStatus.PLANNED
    assert (batch.batch_id, batch.purpose, batch.round) == (batch_id, Purpose.TEST, 2)
    assert (batch.n_items, batch.n_told, batch.ticket, batch.closed_at) == (3, 0, None, None)
    assert (batch.selection, batch.engine, batch.reason) == ("random", "cpu", "measure")
    assert batch.price_per_label == 0.04
    store.submit_batch(batch_id, "ticket-1")
    assert store.batches()[0].status is BatchStatus.SUBMITTED
    assert store.batches()[0].ticket == "ticket-1"
    assert store.tell(batch_id, [3, 5], [1, 0]) == 2
    assert store.batches()[0].status is BatchStatus.SUBMITTED
    assert store.tell(batch_id, [9], [NO_LABEL]) == 1
    (batch,) = store.batches()
    assert batch.status is BatchStatus.CLOSED
    assert batch.closed_at is not None
    assert batch.closed_at >= batch.created_at


def test_add_batch_returns_the_record_that_is_read_back(create):
    store = create()
    added = store.add_batch(
        purpose=Purpose.REST,
        round=3,
        indices=np.array([2, 1]),
        selection="margin",
        engine="avx2",
        price_per_label=1 / 3,
        reason="",
    )
    assert store.batches() == [added]
    assert added.price_per_label == 0.333333333


def test_ids_are_the_same_in_the_same_campaign_run_again_and_follow_the_items(create, buy):
    store = create()
    first, other = buy(store, [1, 2]), buy(store, [3, 4])
    assert first.startswith("train-000-")
    assert len(first) == len("train-000-") + 8
    assert first != other
    store.close()
    # sha256("f00d\n" + int64 1, 2 little-endian)
    assert first == "train-000-b5cd6f9a"


def test_an_item_is_never_bought_twice(create, buy, tmp_path):
    store = create()
    first = buy(store, [1, 2])
    with pytest.raises(StoreError, match=f"item 2 is in batch {first} already"):
        buy(store, [3, 2])
    assert len(store.batches()) == 1
    store.close()
    raw = sqlite3.connect(tmp_path / "campaign" / FILE_NAME)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        raw.execute("INSERT INTO batch_items VALUES (2, 1, 5)")
    raw.close()


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], "indices: expected at least one item"),
        ([1, 1], "found 1 twice"),
        ([-1], "indices: expected 0 <= value < 100, found -1"),
        ([0, 100], "found 100"),
        ([1.0], "indices: expected integers, found float64"),
        ([[1]], r"indices: expected one dimension, found shape \(1, 1\)"),
        (np.array([2**63], dtype=np.uint64), "64 bits with sign"),
    ],
)
def test_indices_that_are_none_are_the_caller_s_mistake(create, buy, indices, message):
    store = create()
    with pytest.raises(ValueError, match=message):
        buy(store, indices)
    assert store.batches() == []


@pytest.mark.parametrize("price", [-0.01, float("nan"), float("inf"), 1e10])
def test_prices_that_are_none_are_the_caller_s_mistake(create, buy, price):
    with pytest.raises(ValueError, match="price_per_label: expected dollars"):
        buy(create(), [1], price_per_label=price)


def test_submitting_again_needs_the_same_ticket(create, buy):
    store = create()
    batch_id = buy(store, [1])
    store.submit_batch(batch_id, "a")
    store.submit_batch(batch_id, "a")
    with pytest.raises(StoreError, match="was sent with ticket 'a', found another one, 'b'"):
        store.submit_batch(batch_id, "b")
    with pytest.raises(ValueError, match="batch_id: expected a batch of this campaign"):
        store.submit_batch("train-000-nothing", "a")


def test_repeats_that_agree_cost_nothing_and_others_are_refused_whole(create, buy):
    store = create()
    batch_id = buy(store, [1, 2, 3])
    assert store.tell(batch_id, [1, 2, 1], [0, 1, 0]) == 2
    assert store.tell(batch_id, [2, 1], [1, 0]) == 0
    assert store.tell(batch_id, [], []) == 0
    with pytest.raises(StoreError, match=r"item 2 of batch .* was told label 1, which stands"):
        store.tell(batch_id, [3, 2], [0, 0])
    with pytest.raises(StoreError, match=r"item 3 of batch .* is told two labels"):
        store.tell(batch_id, [3, 3], [0, 1])
    assert store.labels().indices.tolist() == [1, 2]
    assert store.spend()["labels"] == 0.08


@pytest.mark.parametrize(
    ("indices", "labels", "message"),
    [
        ([4], [0], "indices: expected items of batch .*, found 4, not in it"),
        ([99], [0], "found 99, not in it"),
        ([1], [3], "labels: expected -1 <= value < 3, found 3"),
        ([1], [-2], "found -2"),
        ([1, 2], [0], "labels: expected 2, found 1"),
        ([1], [0.5], "labels: expected integers"),
        ([True], [0], "indices: expected integers, found bool"),
    ],
)
def test_labels_that_do_not_fit_are_the_caller_s_mistake(create, buy, indices, labels, message):
    store = create()
    batch_id = buy(store, [1, 2])
    buy(store, [4])
    with pytest.raises(ValueError, match=message):
        store.tell(batch_id, indices, labels)
    assert store.labels().indices.size == 0


def test_labels_come_in_chosen_order_whatever_order_they_were_told_in(create, buy):
    store = create()
    test = buy(store, [50, 40], purpose=Purpose.TEST)
    first = buy(store, [9, 1, 5], round=0)
    later = buy(store, [7, 3], round=1)
    store.tell(later, [3], [2])
    store.tell(first, [5, 9], [0, 1])
    store.tell(test, [40, 50], [1, NO_LABEL])
    everything = store.labels()
    assert everything.indices.tolist() == [50, 40, 9, 5, 3]
    assert everything.labels.tolist() == [NO_LABEL, 1, 1, 0, 2]
    assert everything.batches.tolist() == [0, 0, 1, 1, 2]
    assert store.labels(Purpose.TRAIN).indices.tolist() == [9, 5, 3]
    assert store.labels(Purpose.TRAIN).batches.tolist() == [1, 1, 2]
    assert store.labels(Purpose.TRAIN, upto_round=0).indices.tolist() == [9, 5]
    assert store.labels(upto_round=0).indices.tolist() == [50, 40, 9, 5]
    assert store.labels(Purpose.AUDIT).indices.tolist() == []
    assert everything.indices.dtype == everything.labels.dtype == np.int64
    assert store.batch_indices(first).tolist() == [9, 1, 5]
    assert store.no_label_counts() == {
        Purpose.TEST: 1,
        Purpose.TRAIN: 0,
        Purpose.AUDIT: 0,
        Purpose.REST: 0,
    }


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_money_adds_up(data, tmp_path_factory):
    n_pool = 30
    folder = tmp_path_factory.mktemp("money")
    store = Store.create(
        folder,
        settings_json="{}",
        n_pool=n_pool,
        classes=("a", "b"),
        pool_kind="images",
        pool_fingerprint="",
        broken={},
    )
    dollars = st.floats(0, 1000, allow_subnormal=False)
    expected = {"labels": 0, "machine_fee": 0, "training": 0, "fixed": 0}  # nano-dollars

    def nano(usd: float) -> int:
        return round(usd * 10**9)  # exact enough below 1e6 dollars, and not by way of Decimal

    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    left = rng.permutation(n_pool).tolist()
    truth = np.arange(n_pool) % 2
    while len(left) > 5:
        size = data.draw(st.integers(1, 5))
        items, left = np.array(left[:size]), left[size:]
        price = data.draw(dollars.map(lambda usd: round(usd, 9)))
        batch_id = store.add_batch(
            purpose=Purpose.TRAIN,
            round=0,
            indices=items,
            selection="",
            engine="",
            price_per_label=price,
            reason="",
        ).batch_id
        told: set[int] = set()
        for _ in range(data.draw(st.integers(0, 3))):
            some = np.array(data.draw(st.lists(st.sampled_from(items.tolist()))), dtype=np.int64)
            n_new = store.tell(batch_id, some, truth[some])
            assert n_new == len(set(some.tolist()) - told)
            told |= set(some.tolist())
        expected["labels"] += len(told) * nano(price)
    for _ in range(data.draw(st.integers(0, 3))):
        run_id = store.start_run(round=0, classifier="c", n_train=1, seed=0, device="cpu")
        costs = sorted(data.draw(st.lists(dollars.map(lambda usd: round(usd, 9)), min_size=1)))
        for cost in costs:
            store.heartbeat_run(run_id, train_s=cost, score_s=0.0, cost_usd=cost)
        expected["training"] += nano(costs[-1])
        if data.draw(st.booleans()):
            store.finish_run(
                run_id,
                train_s=1.0,
                score_s=1.0,
                cost_usd=costs[-1],
                fixed_cost_usd=0.07,
                checkpoint="c",
                checkpoint_sha256="0",
            )
            expected["fixed"] += nano(0.07)
    fee = round(data.draw(dollars), 9)
    store.add_machine_labels(
        round=0,
        classifier="c",
        indices=np.array(left, dtype=np.int64),
        labels=np.zeros(len(left), dtype=np.int64),
        confidence=np.ones(len(left)),
        fee_usd_each=fee,
        reason="",
        details={},
    )
    expected["machine_fee"] += nano(fee) * len(left)
    store.close()
    with Store.open(folder, read_only=True) as reader:
        spend = reader.spend()
        assert spend == {kind: amount / 10**9 for kind, amount in expected.items()}
        assert spend["labels"] == pytest.approx(
            sum(batch.n_told * batch.price_per_label for batch in reader.batches())
        )
        runs = reader.runs()
        assert spend["training"] == pytest.approx(sum(run.cost_usd for run in runs))
        assert spend["fixed"] == pytest.approx(sum(run.fixed_cost_usd for run in runs))


TIERS = ((0, 0.05), (2, 0.04), (3, 0.01))


def test_a_label_costs_the_price_of_its_place_whenever_it_comes(create, buy):
    store = create()
    batch_id = buy(store, [9, 4, 7, 2, 1], price_per_label=TIERS)
    assert store.batches()[0].price_per_label == 0.05
    paid = []
    for item in (1, 7, 9, 4, 2):
        before = store.spend()["labels"]
        store.tell(batch_id, [item, 1], [0, 0])  # 1 again: told before, not paid again
        paid.append(round(store.spend()["labels"] - before, 9))
    assert paid == [0.01, 0.04, 0.05, 0.05, 0.01]
    table = store.labels()
    assert table.indices.tolist() == [9, 4, 7, 2, 1]
    assert table.price_usd.tolist() == [0.05, 0.05, 0.04, 0.01, 0.01]
    assert store.spend()["labels"] == 0.16


def test_prices_of_one_batch_are_not_those_of_another(create, buy):
    store = create()
    first = buy(store, [1, 2, 3, 5], price_per_label=TIERS)
    second = buy(store, [8, 6], price_per_label=0.02)
    assert store.tell(second, [8, 6], [0, 1]) == 2
    assert store.tell(first, [5, 3, 2, 1], [0, 1, 0, 1]) == 4
    assert store.labels().price_usd.tolist() == [0.05, 0.05, 0.04, 0.01, 0.02, 0.02]
    assert store.spend()["labels"] == 0.19
    assert store.batch_costs_usd() == [0.15, 0.04]


def test_a_batch_costs_what_its_labels_and_further_judgements_do(create, buy):
    store = create()
    assert store.batch_costs_usd() == []
    first, second = buy(store, [1, 2, 3]), buy(store, [4, 5], price_per_label=0.05)
    assert store.batch_costs_usd() == [0.0, 0.0]
    store.tell(second, [5], [0])
    items, people = np.array([1, 1, 2]), ("ann", "bob", "ann")
    said = Judgements(items, np.zeros(3, np.int64), people)
    store.add_judgements(first, said, n_ordered=1, further_usd=0.001)
    store.tell(first, [1, 2], [0, 0])
    assert store.batch_costs_usd() == [0.081, 0.05]
    table = store.labels()
    by_label = np.bincount(table.batches, table.price_usd)
    assert store.batch_costs_usd() == pytest.approx(by_label.tolist())
    assert sum(store.batch_costs_usd()) == pytest.approx(store.spend()["labels"])


@pytest.mark.parametrize(
    "steps",
    [[], [(1, 0.1)], [(0, 0.1), (0, 0.2)], [(0, 0.1), (3, 0.2)], [(0, 0.1), (2, 1), (1, 1)]],
)
def test_steps_that_make_no_prices(create, buy, steps):
    with pytest.raises(ValueError, match="price_per_label: expected positions that rise from 0"):
        buy(create(), [1, 2, 3], price_per_label=steps)
