"""The frozen ranking."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from mcal.errors import StoreError
from mcal.store import FILE_NAME, Store

RANKING = {
    "round": 3,
    "classifier": "cnn18/fast",
    "indices": np.array([40, 2, 99], dtype=np.int32),
    "labels": np.array([2, 0, 1]),
    "deficit": np.array([1e-300, 0.1, 1.0]),
}


def test_a_ranking_is_read_back_to_the_bit(create, tmp_path):
    store = create()
    assert store.ranking() is None
    store.add_ranking(**RANKING)
    with Store.open(tmp_path / "campaign", read_only=True) as reader:
        ranking = reader.ranking()
    assert (ranking.round, ranking.classifier) == (3, "cnn18/fast")
    for name in ("indices", "labels", "deficit"):
        np.testing.assert_array_equal(getattr(ranking, name), RANKING[name])
    assert ranking.indices.dtype == ranking.labels.dtype == np.int64
    assert ranking.deficit.dtype == np.float64
    ranking.indices[0] = 0  # memory of its own, not the read-only blob


def test_nothing_to_rank_is_a_ranking_too(create):
    store = create()
    store.add_ranking(**(RANKING | {"indices": [], "labels": [], "deficit": []}))
    assert store.ranking().indices.size == 0


def test_there_is_one_ranking(create):
    store = create()
    store.add_ranking(**RANKING)
    with pytest.raises(StoreError, match="recorded already"):
        store.add_ranking(**RANKING)


def test_no_ranking_is_added_after_the_end(create):
    store = create()
    store.finish(stop_reason="done", details={})
    with pytest.raises(StoreError, match="the campaign is finished"):
        store.add_ranking(**RANKING)


def test_a_ranking_and_its_batch_are_recorded_together_or_not_at_all(create, buy):
    store = create()
    buy(store, [40])

    def record():
        with store.transaction():
            store.add_ranking(**RANKING)
            buy(store, [40])

    with pytest.raises(StoreError, match="item 40 is in batch"):
        record()
    assert store.ranking() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": [1, 1, 2]}, "found 1 twice"),
        ({"indices": [1, 2, 100]}, "found 100"),
        ({"labels": [0, 1]}, "labels: expected 3, found 2"),
        ({"labels": [0, 1, 3]}, "labels: expected 0 <= value < 3, found 3"),
        ({"labels": [0, 1, -1]}, "found -1"),
        ({"deficit": [0.0, 0.1]}, "deficit: expected shape"),
        ({"deficit": [0.0, 0.2, 0.1]}, "deficit: expected values"),
        ({"deficit": [0.0, 0.2, np.nan]}, "deficit: expected values"),
        ({"deficit": [0.0, 0.2, 1.1]}, "deficit: expected values"),
    ],
)
def test_what_is_no_ranking_is_refused(create, changes, message):
    store = create()
    with pytest.raises(ValueError, match=message):
        store.add_ranking(**(RANKING | changes))
    assert store.ranking() is None


def test_blobs_of_the_wrong_length_cannot_be_stored(create, tmp_path):
    create().close()
    raw = sqlite3.connect(tmp_path / "campaign" / FILE_NAME)
    row = (1, 0, "a", 2, bytes(16), bytes(8), bytes(15), "now")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        raw.execute("INSERT INTO ranking VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    raw.close()
