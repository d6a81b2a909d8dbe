from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcal.errors import StoreError
from mcal.store import FILE_NAME, Store
from mcal.types import NO_LABEL, Guesses, Purpose

GUESSES = Guesses(np.array([2, NO_LABEL, 0]), np.array([0.1, 0.0, 1.0]), "net, round 3")


def check(found: Guesses | None) -> None:
    assert found is not None
    assert found.labels.dtype == np.int64
    assert found.labels.tolist() == [2, NO_LABEL, 0]
    assert found.confidence.tolist() == [0.1, 0.0, 1.0]
    assert found.model == "net, round 3"


@pytest.mark.parametrize("purpose", [Purpose.TRAIN, Purpose.REST])
def test_guesses_come_back_in_another_store(
    create: Callable[..., Store], buy: Callable[..., str], tmp_path: Path, purpose: Purpose
) -> None:
    store = create()
    batch_id, other = buy(store, [9, 4, 5], purpose=purpose), buy(store, [1])
    assert store.guesses(batch_id) is None
    store.add_guesses(batch_id, GUESSES)
    check(store.guesses(batch_id))
    store.close()
    with Store.open(tmp_path / "campaign", read_only=True) as reader:
        check(reader.guesses(batch_id))
        assert reader.guesses(other) is None


@pytest.mark.parametrize("purpose", [Purpose.TEST, Purpose.AUDIT])
def test_who_measures_a_model_is_shown_nothing(
    create: Callable[..., Store], buy: Callable[..., str], purpose: Purpose
) -> None:
    store = create()
    batch_id = buy(store, [9, 4, 5], purpose=purpose)
    with pytest.raises(StoreError, match="people who measure a model see no guess of it"):
        store.add_guesses(batch_id, GUESSES)
    assert store.guesses(batch_id) is None


def test_guesses_are_recorded_once_and_before_the_batch_is_sent(
    create: Callable[..., Store], buy: Callable[..., str], tmp_path: Path
) -> None:
    store = create()
    sent, kept = buy(store, [9, 4, 5]), buy(store, [1, 2, 3])
    store.submit_batch(sent, "ticket")
    with pytest.raises(StoreError, match="sent without guesses"):
        store.add_guesses(sent, GUESSES)
    store.add_guesses(kept, GUESSES)
    with pytest.raises(StoreError, match="UNIQUE"):
        store.add_guesses(kept, GUESSES)
    store.close()
    with closing(sqlite3.connect(tmp_path / "campaign" / FILE_NAME)) as database:
        for statement in ("DELETE FROM guesses", "UPDATE guesses SET model = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="only appended"):
                database.execute(statement)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": np.array([0, 1])}, r"labels: expected shape \(3,\), found \(2,\)"),
        ({"labels": np.array([0, 1, 3])}, "labels: expected -1 <= value < 3, found 3"),
        ({"labels": np.array([0, 1, -2])}, "found -2"),
        ({"labels": np.array([0.0, 1.0, 2.0])}, "labels: expected integers"),
        ({"confidence": np.array([0.5])}, r"confidence: expected shape \(3,\)"),
        ({"confidence": np.array([0.5, 1.1, 0.0])}, r"confidence: expected values in \[0, 1\]"),
        ({"confidence": np.array([0.5, np.nan, 0.0])}, r"confidence: expected values in \[0, 1\]"),
    ],
)
def test_a_mistake_is_told_and_nothing_recorded(
    create: Callable[..., Store], buy: Callable[..., str], changes: dict[str, object], words: str
) -> None:
    store = create()
    batch_id = buy(store, [9, 4, 5])
    with pytest.raises(ValueError, match=words):
        store.add_guesses(batch_id, replace(GUESSES, **changes))
    assert store.guesses(batch_id) is None
    with pytest.raises(ValueError, match="batch_id"):
        store.add_guesses("train-9", GUESSES)
