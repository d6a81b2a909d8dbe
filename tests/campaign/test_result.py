"""The finished data set as arrays and as a frame, beside what the export writes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mcal.campaign import CampaignResult
from mcal.campaign.result import read_result
from mcal.errors import MissingExtraError
from mcal.export import COLUMNS, export
from mcal.settings import Settings
from mcal.store import Store, summarise
from mcal.types import NO_LABEL, Purpose

CLASSES = ("cat", "dog", "owl")


def made(folder: Path, *, finished: bool = True) -> Store:
    """Eight items: people, an audit, no class fits, the machine, nobody."""
    store = Store.create(
        folder,
        settings_json=Settings().model_dump_json(),
        n_pool=8,
        classes=CLASSES,
        pool_kind="images",
        pool_fingerprint="",
        broken={},
    )
    if not finished:
        return store
    for purpose, items, labels in (
        (Purpose.TEST, [2, 0], [1, NO_LABEL]),
        (Purpose.AUDIT, [4], [1]),
    ):
        batch = store.add_batch(
            purpose=purpose,
            round=len(items) - 1,
            indices=np.array(items),
            selection="random",
            engine="cpu",
            price_per_label=0.04,
            reason="",
        )
        store.tell(batch.batch_id, items, labels)
    store.add_machine_labels(
        round=3,
        classifier="cnn18/fast",
        indices=np.array([1, 5, 6]),
        labels=np.array([0, 0, 1]),
        confidence=np.array([0.5, 0.0, 1.0]),
        fee_usd_each=0.001,
        reason="",
        details={},
    )
    return store


def result_of(store: Store) -> CampaignResult:
    return read_result(store, summarise(store), lambda index: f"i/{index}.png")


@pytest.fixture(params=[True, False])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    with made(tmp_path / "campaign", finished=request.param) as store:
        yield store


def test_the_arrays_say_who_when_and_for_how_much(tmp_path: Path) -> None:
    with made(tmp_path) as store:
        found = result_of(store)
    assert found.labels.tolist() == [NO_LABEL, 0, 1, -1, 1, 0, 1, -1]
    assert found.labels.dtype == found.rounds.dtype == np.int64
    people, machine = "human", "machine"
    assert found.sources.tolist() == [people, machine, people, "", "audit", machine, machine, ""]
    assert found.rounds.tolist() == [1, 3, 1, -1, 0, 3, 3, -1]
    np.testing.assert_array_equal(
        found.price_usd, [0.04, 0.001, 0.04, np.nan, 0.04, 0.001, 0.001, np.nan]
    )
    nan = np.nan
    np.testing.assert_array_equal(found.confidence, [nan, 0.5, nan, nan, nan, 0.0, 1.0, nan])
    assert (found.model, found.classes) == ("cnn18/fast", CLASSES)


def test_before_anything_is_labelled_all_is_empty(tmp_path: Path) -> None:
    with made(tmp_path, finished=False) as store:
        found = result_of(store)
    assert set(found.sources) == {""}
    assert set(found.rounds) == {-1}
    assert found.model is None
    assert found.to_pandas().drop(columns="item").isna().all(axis=None)


def test_the_frame_is_what_pandas_reads_from_the_export(store: Store, tmp_path: Path) -> None:
    frame = result_of(store).to_pandas()
    export(store, tmp_path / "labels.csv", item_name=lambda index: f"i/{index}.png")
    read = pd.read_csv(tmp_path / "labels.csv", index_col="index", dtype={"round": "Int64"})
    assert [frame.index.name, *frame.columns] == list(COLUMNS)
    for name in COLUMNS[1:]:
        ours, theirs = frame[name], read[name]
        assert ours.isna().tolist() == theirs.isna().tolist(), name
        assert ours.dropna().tolist() == theirs.dropna().tolist(), name
    assert frame.index.tolist() == read.index.tolist()


def test_the_frame_has_sensible_types(store: Store) -> None:
    frame = result_of(store).to_pandas()
    assert frame["label"].cat.categories.tolist() == list(CLASSES)
    assert frame["source"].cat.categories.tolist() == ["human", "audit", "machine"]
    assert isinstance(frame["model"].dtype, pd.CategoricalDtype)
    assert pd.api.types.is_string_dtype(frame["item"])
    assert [str(frame[name].dtype) for name in ("round", "confidence", "price_usd")] == [
        "Int64",
        "float64",
        "float64",
    ]
    assert len(frame[frame["label"] == "dog"]) == (3 if frame["label"].notna().any() else 0)


def test_without_pandas_the_extra_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.delitem(sys.modules, "mcal.campaign.frame", raising=False)
    with pytest.raises(MissingExtraError, match=r"pandas is not installed: .*mcal\[pandas\]"):
        result_of(store).to_pandas()
