"""The tree of links, read back by torchvision."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import ImageFolder

from mcal.errors import ExportError
from mcal.export import COLUMNS
from mcal.pools import ArrayPool

BROKEN, NO_CLASS, UNLABELLED = 3, 9, 10


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_torchvision_reads_every_label_and_nothing_else(photos, tmp_path) -> None:
    exported = photos.export(tmp_path / "out", "imagefolder")
    found = ImageFolder(str(tmp_path / "out"))
    rows = {str(tmp_path / "out" / row["file"]): row for row in table(tmp_path / "out")}
    assert len(rows) == 9  # 8 files, and those without one
    assert len(found) == len(photos.labels) - 1 == exported.n_items
    assert exported.left_out == {"cannot be read": 1, "no class fits": 1, "no label yet": 1}
    class_names: dict[str, str] = {}
    for position, (path, target) in enumerate(found.samples):
        row = rows.pop(path)
        index = int(row["index"])
        assert row["label"] == photos.labels[index]
        assert class_names.setdefault(found.classes[target], row["label"]) == row["label"]
        image, _ = found[position]
        assert abs(int(np.asarray(image)[0, 0, 0]) - 20 * index) <= 1
    assert len(set(class_names.values())) == len(class_names)
    left_out = [int(row["index"]) for row in table(tmp_path / "out") if not row["file"]]
    assert left_out == [BROKEN, NO_CLASS, UNLABELLED]


def test_links_are_absolute_so_that_the_tree_can_be_moved(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "imagefolder")
    shutil.move(tmp_path / "out", tmp_path / "deeper" / "elsewhere")
    for row in table(tmp_path / "deeper" / "elsewhere"):
        if row["file"]:
            link = tmp_path / "deeper" / "elsewhere" / row["file"]
            assert os.readlink(link) == str(photos.pool.item_path(int(row["index"])))


def test_names_are_their_own_where_they_can_be(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "imagefolder")
    files = {int(row["index"]): row["file"] for row in table(tmp_path / "out")}
    assert files[0] == "cat/a_b.png"
    assert files[1] == "a_b/a_b.png"
    assert files[2] == "a_b~2/animated.gif.png"
    assert files[4] == "_/line_break.png"
    assert files[5] == "dog_ _big____é日本/no ending.png"
    assert files[6] == "cat/photo.JPG"
    assert all(len(part.encode()) < 256 for name in files.values() for part in name.split("/"))


def test_a_class_may_be_called_as_our_own_files_are(label_pool, tmp_path) -> None:
    images = np.zeros((11, 8, 8), np.uint8)
    pool = ArrayPool(images, ("labels.csv", "LABELS.csv", ".mcal-export"))
    campaign = label_pool(pool, tmp_path / "campaign")
    campaign.export(tmp_path / "out", "imagefolder")
    campaign.store.close()
    files = {row["label"]: Path(row["file"]).parent.name for row in table(tmp_path / "out")[:9]}
    assert files == {
        "labels.csv": "labels.csv~0",
        "LABELS.csv": "LABELS.csv~1",
        ".mcal-export": "_mcal-export",
    }


def test_the_table_has_all_columns_and_every_item(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "imagefolder")
    photos.export(tmp_path / "labels.csv", "csv")
    rows = table(tmp_path / "out")
    assert list(rows[0]) == [*COLUMNS, "file"]
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert [{k: row[k] for k in COLUMNS} for row in rows] == list(csv.DictReader(file))


def test_a_pool_without_files_gets_pngs(digits, tmp_path) -> None:
    exported = digits.export(tmp_path / "out", "imagefolder")
    assert exported.left_out == {"no class fits": 1, "no label yet": 1}
    found = ImageFolder(str(tmp_path / "out"))
    files = {row["file"]: int(row["index"]) for row in table(tmp_path / "out")}
    assert len(found) == 9
    for position, (path, target) in enumerate(found.samples):
        index = files[str(Path(path).relative_to(tmp_path / "out"))]
        assert not os.path.islink(path)
        assert found.classes[target] == digits.labels[index]
        assert np.asarray(found[position][0]).tolist() == [[[20 * index] * 3] * 8] * 8


def test_names_that_become_equal_stay_apart(digits, tmp_path) -> None:
    digits.export(tmp_path / "out", "imagefolder")
    files = [row["file"] for row in table(tmp_path / "out")]
    assert files[:6] == [
        "0/a_b.png",
        "1/a_b.png",
        "0/a_b~2.png",
        "1/_con.png",
        "0/_.png",
        "1/_.png",
    ]


def test_a_pool_without_pictures_is_refused(vectors, tmp_path) -> None:
    with pytest.raises(ExportError, match="expected a pool of images, found one without"):
        vectors.export(tmp_path / "out", "imagefolder")
    assert not (tmp_path / "out").exists()


def test_the_same_store_gives_the_same_tree(photos, tmp_path) -> None:
    def tree(folder: Path) -> dict[str, bytes | str]:
        return {
            str(path.relative_to(folder)): os.readlink(path)
            if path.is_symlink()
            else path.read_bytes()
            for path in folder.rglob("*")
            if path.is_symlink() or path.is_file()
        }

    photos.export(tmp_path / "a", "imagefolder")
    photos.export(tmp_path / "b", "imagefolder")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
