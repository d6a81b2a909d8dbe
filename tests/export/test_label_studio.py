"""Tasks for Label Studio, read as its import does; the real one: test_label_studio_import.py."""

from __future__ import annotations

import base64
import json
import os
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from mcal.errors import AnnotatorError
from mcal.export import export, label_studio
from mcal.label_studio import read_form, write_form
from mcal.types import NO_LABEL

BROKEN, NO_CLASS, UNLABELLED = 3, 9, 10


def tasks(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("tasks-*.json")):
        found += json.loads(path.read_text(encoding="utf-8"))
    return found


def test_labels_are_annotations_of_people_and_predictions_of_the_machine(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "label-studio")
    config = (tmp_path / "out" / "labeling-config.xml").read_text(encoding="utf-8")
    assert config == write_form(photos.pool.classes) + "\n"  # what mcal's own projects have
    form = read_form(config, photos.pool.classes, "")
    number = photos.pool.classes.index
    for index, task in enumerate(tasks(tmp_path / "out")):
        assert task["data"]["mcal_index"] == index
        assert task["data"]["mcal_item"] == photos.pool.item_name(index)
        if index == UNLABELLED:
            assert set(task) == {"data"}
            assert set(task["data"]) == {"image", "mcal_index", "mcal_item"}
        elif 6 <= index < 9:
            assert set(task) == {"data", "predictions"}
            (said,) = task["predictions"]
            assert form.label(said["result"]) == number(photos.labels[index])
            assert (said["model_version"], said["score"]) == (
                "small-cnn/fast",
                [0.25, 1 / 3, 1.0][index - 6],
            )
        else:
            assert set(task) == {"data", "annotations"}
            (said,) = task["annotations"]
            wanted = NO_LABEL if index == NO_CLASS else number(photos.labels[index])
            assert form.label(said["result"]) == wanted
            assert task["data"]["mcal_source"] == ("audit" if index == 5 else "human")
            assert task["data"]["mcal_price_usd"] == 0.04
    assert index == 10


def test_files_are_addressed_as_the_server_reads_its_disk(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "label-studio")
    for index, task in enumerate(tasks(tmp_path / "out")):
        start, path = task["data"]["image"].split("?d=")
        assert start == "/data/local-files/"
        assert "/" + unquote(path) == str(photos.pool.item_path(index))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("https://host/p/{item}?v=1", "https://host/p/z%C3%BCrich%20%E6%97%A5%E6%9C%AC.png?v=1"),
        (
            "/data/local-files/?d={item}",
            "/data/local-files/?d=z%C3%BCrich%20%E6%97%A5%E6%9C%AC.png",
        ),
        ("s3://bucket/p/{item}", "s3://bucket/p/zürich 日本.png"),
    ],
)
def test_a_template_gives_the_addresses(photos, tmp_path, template, expected) -> None:
    photos.export(tmp_path / "out", "label-studio", address=template)
    assert tasks(tmp_path / "out")[10]["data"]["image"] == expected


def test_pixels_without_files_lie_in_the_tasks(digits, vectors, tmp_path) -> None:
    digits.export(tmp_path / "out", "label-studio")
    for index, task in enumerate(tasks(tmp_path / "out")):
        head, data = task["data"]["image"].split(",")
        assert head == "data:image/png;base64"
        image = np.asarray(Image.open(BytesIO(base64.b64decode(data))))
        assert image.tolist() == [[20 * index] * 8] * 8
    vectors.export(tmp_path / "vectors-out", "label-studio")
    assert [task["data"]["image"] for task in tasks(tmp_path / "vectors-out")] == [
        str(index) for index in range(11)
    ]


@pytest.mark.parametrize(("most", "what"), [(4, "_MOST_TASKS"), (900, "_MOST_BYTES")])
def test_many_tasks_are_cut_into_files(photos, tmp_path, monkeypatch, most, what) -> None:
    photos.export(tmp_path / "one", "label-studio")
    monkeypatch.setattr(label_studio, what, most)
    photos.export(tmp_path / "many", "label-studio")
    files = sorted(tmp_path.glob("many/tasks-*.json"))
    assert len(files) > 2
    assert files[0].name == "tasks-001.json"
    assert tasks(tmp_path / "many") == tasks(tmp_path / "one")
    if what == "_MOST_TASKS":
        assert [len(json.loads(file.read_text("utf-8"))) for file in files] == [4, 4, 3]
    else:
        for file in files:  # a task that is larger by itself has a file to itself
            one = len(json.loads(file.read_text("utf-8"))) == 1
            assert one or file.stat().st_size <= most + 10


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_file_name_that_is_no_text_is_addressed_by_its_bytes(photos, tmp_path) -> None:
    strange = tmp_path / os.fsdecode(b"caf\xe9.png")
    out = export(
        photos.store, tmp_path / "o", "label-studio", item_name=str, item_path=lambda _: strange
    )
    assert out.n_items == 11
    assert tasks(tmp_path / "o")[0]["data"]["image"].endswith("/caf%E9.png")


def test_an_address_has_one_place_for_the_name(photos, tmp_path) -> None:
    for wrong in ("https://host/p", "{item}/{item}"):
        with pytest.raises(ValueError, match=r'expected an address with one "\{item\}"'):
            photos.export(tmp_path / "out", "label-studio", address=wrong)
    with pytest.raises(ValueError, match="only for manifest and label-studio"):
        photos.export(tmp_path / "out", "imagefolder", address="https://host/{item}")


def test_classes_that_no_configuration_can_carry_are_told(tmp_path) -> None:
    with pytest.raises(AnnotatorError, match="has characters that Label Studio cannot show"):
        write_form(("a\0b", "c"))
