"""Out as an augmented manifest, and in again."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import read_label_file
from mcal.errors import AnnotatorError
from mcal.export import export
from mcal.settings import Settings
from mcal.store import Store
from mcal.types import NO_LABEL, Purpose

CLASSES = ("cat", "dog")


@pytest.fixture
def store(tmp_path: Path):
    with Store.create(
        tmp_path / "campaign",
        settings_json=Settings().model_dump_json(),
        n_pool=4,
        classes=CLASSES,
        pool_kind="images",
        pool_fingerprint="f00d",
        broken={},
    ) as store:
        batch = store.add_batch(
            purpose=Purpose.TEST,
            round=0,
            indices=np.array([2, 0]),
            selection="random",
            engine="cpu",
            price_per_label=0.04,
            reason="",
        )
        store.tell(batch.batch_id, [2, 0], [1, NO_LABEL])
        yield store


def finish(store: Store) -> None:
    store.add_machine_labels(
        round=0,
        classifier="c",
        indices=np.array([1, 3]),
        labels=np.array([0, 1]),
        confidence=np.array([0.5, 1.0]),
        fee_usd_each=0.0,
        reason="",
        details={},
    )


def test_there_and_back(store: Store, tmp_path: Path) -> None:
    finish(store)
    path = tmp_path / "x.manifest"
    export(store, path, "manifest", item_name=lambda index: f"s3://b/p/{index}.png")
    labels, matched_by = read_label_file(path, CLASSES, tuple)
    assert labels.tolist() == [NO_LABEL, 0, 1, 1]
    assert matched_by == "index"
    text = path.read_text().replace("mcal-index", "somebody-elses")
    path.write_text("\n".join(reversed(text.splitlines())))
    names = [f"{index}.png" for index in range(4)]
    labels, matched_by = read_label_file(path, CLASSES, lambda: names)
    assert labels.tolist() == [NO_LABEL, 0, 1, 1]
    assert matched_by == "item"


def test_items_without_a_label_are_input_lines(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.manifest"
    export(store, path, "manifest", item_name=str)
    assert path.read_text().splitlines()[3] == '{"source-ref": "3", "mcal-index": 3}'
    with pytest.raises(AnnotatorError, match="line 2: '' is no class"):
        read_label_file(path, CLASSES, tuple)


def test_what_ground_truth_s_readers_ask_for_is_there(store: Store, tmp_path: Path) -> None:
    """The keys of an image classification in the service's documentation, read as plain JSON."""
    finish(store)
    path = tmp_path / "x.manifest"
    export(store, path, "manifest", item_name=str, address="s3://b/p/{item}.png")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["source-ref"] for line in lines] == [f"s3://b/p/{index}.png" for index in range(4)]
    assert [line["mcal-label"] for line in lines] == [2, 0, 1, 1]
    told = [line["mcal-label-metadata"] for line in lines]
    assert [one["class-name"] for one in told] == ["none of these", "cat", "dog", "dog"]
    assert [one["confidence"] for one in told] == [0.0, 0.5, 0.0, 1.0]
    assert [one["human-annotated"] for one in told] == ["yes", "no", "yes", "no"]
    for one in told:
        assert one["type"] == "groundtruth/image-classification"
        assert one["job-name"] == "mcal"
        assert datetime.fromisoformat(one["creation-date"]).tzinfo is not None


def test_an_address_that_is_not_on_s3_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'expected "s3://bucket/path/\{item\}"'):
        export(store, tmp_path / "x", "manifest", item_name=str, address="https://b/{item}")
