"""The folder for ``load_dataset``, read back by ``datasets`` itself, without a network."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mcal.annotators import read_known_labels
from mcal.errors import MissingExtraError
from mcal.export import hugging_face
from mcal.pools import ArrayPool
from mcal.types import NO_LABEL, Purpose

os.environ["HF_DATASETS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
datasets = pytest.importorskip("datasets")

BROKEN, NO_CLASS, UNLABELLED = 3, 9, 10


def load(folder: Path, cache: Path) -> Any:
    datasets.disable_progress_bars()
    found = datasets.load_dataset(str(folder), cache_dir=str(cache))
    assert list(found) == ["train"]
    return found["train"]


@pytest.fixture(params=["photos", "digits", "vectors"])
def campaign(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_datasets_reads_what_the_store_holds(campaign, tmp_path) -> None:
    campaign.export(tmp_path / "out", "huggingface")
    found = load(tmp_path / "out", tmp_path / "cache")
    feature = found.features["label"]
    assert feature == datasets.ClassLabel(names=list(campaign.pool.classes))
    labels = {
        row["index"]: feature.int2str(row["label"]) for row in found if row["label"] is not None
    }
    assert labels == campaign.labels
    assert found["index"][:] == list(range(11))
    assert found["item"][:] == [campaign.pool.item_name(index) for index in range(11)]
    human, machine = ["human"] * 5 + ["audit"], ["machine"] * 3
    assert found["source"][:] == [*human, *machine, "human", None]
    assert found["confidence"][:] == [None] * 6 + [0.25, 1 / 3, 1.0, None, None]
    assert found["round"][:] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 0, None]
    assert found["price_usd"][:] == [0.04] * 6 + [0.001] * 3 + [0.04, None]
    assert found["model"][:] == [None] * 6 + ["small-cnn/fast"] * 3 + [None, None]


@pytest.mark.parametrize("campaign", ["photos", "vectors"], indirect=True)
def test_another_campaign_knows_what_people_said(campaign, tmp_path) -> None:
    campaign.export(tmp_path / "out", "huggingface")
    pool = campaign.pool
    names = [pool.item_name(index) for index in range(pool.n_pool)]
    known = read_known_labels(tmp_path / "out", pool.classes, lambda: names)
    labels = [pool.classes.index(campaign.labels[index]) for index in range(6)]
    assert known.indices.tolist() == [*range(6), NO_CLASS]
    assert known.labels.tolist() == [*labels, NO_LABEL]
    assert known.n_machine == 3


def test_pictures_are_there_whole(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "huggingface")
    found = load(tmp_path / "out", tmp_path / "cache")
    assert found.features["image"] == datasets.Image()
    for row in found:
        if row["index"] == BROKEN:
            assert row["image"] is None
        else:
            pixel = np.asarray(row["image"].convert("L"))[0, 0]
            assert abs(int(pixel) - 20 * row["index"]) <= 1
    (file,) = (tmp_path / "out" / "data").iterdir()
    stored = pq.read_table(file)["image"].to_pylist()
    assert stored[6]["bytes"] == photos.pool.item_path(6).read_bytes()


def test_pixels_without_files_come_as_pngs(digits, vectors, tmp_path) -> None:
    digits.export(tmp_path / "out", "huggingface")
    found = load(tmp_path / "out", tmp_path / "cache")
    assert [np.asarray(row["image"]).tolist() for row in found] == [
        [[20 * index] * 8] * 8 for index in range(11)
    ]
    vectors.export(tmp_path / "vectors-out", "huggingface")
    assert "image" not in load(tmp_path / "vectors-out", tmp_path / "cache").features


def test_large_data_sets_are_cut_into_files(photos, tmp_path, monkeypatch) -> None:
    photos.export(tmp_path / "one", "huggingface")
    monkeypatch.setattr(hugging_face, "_GROUP_BYTES", 100)
    monkeypatch.setattr(hugging_face, "_SHARD_BYTES", 300)
    monkeypatch.setattr(hugging_face, "_PIECE", 4)
    photos.export(tmp_path / "many", "huggingface")
    names = sorted(path.name for path in (tmp_path / "many" / "data").iterdir())
    assert len(names) > 2
    assert names == [f"train-{n:05d}-of-{len(names):05d}.parquet" for n in range(len(names))]
    one, many = (load(tmp_path / name, tmp_path / "cache") for name in ("one", "many"))
    assert one.with_format("arrow")[:].equals(many.with_format("arrow")[:])


def test_the_card_says_what_is_promised_and_its_head_is_read(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "huggingface")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "**Not finished**: 1 items have no label yet." in card
    assert "No error is certified." in card
    assert "| people | 7 | 0.28 |" in card
    assert "| machine | 3 | 0.00 |" in card
    assert f"mcal {photos.store.campaign.mcal_version} " in card
    info = datasets.load_dataset_builder(str(tmp_path / "out"), cache_dir=str(tmp_path)).info
    assert info.features["label"].names == list(photos.pool.classes)
    # By the card alone, as the Hub does:
    head = datasets.info.DatasetInfosDict.from_directory(str(tmp_path / "out"))["default"]
    assert head.features == info.features


def test_one_cache_tells_campaigns_apart(label_pool, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folders = []
    for level in (10, 20):  # the same rows and the same names, but for the pixels
        images = np.full((11, 8, 8), level, np.uint8)
        campaign = label_pool(ArrayPool(images, ("0", "1")), tmp_path / f"campaign-{level}")
        folders.append(tmp_path / f"campaign-{level}" / "labels-huggingface")
        campaign.export(folders[-1], "huggingface")
        campaign.store.close()
    for _ in range(2):  # the second time from the cache
        for folder, level in zip(folders, (10, 20), strict=True):
            found = datasets.load_dataset(str(folder), split="train")
            assert np.asarray(found[0]["image"])[0, 0] == level
    assert len(list((tmp_path / "cache").rglob("*.arrow"))) == 2


def test_a_campaign_that_went_on_is_read_anew(digits, tmp_path) -> None:
    digits.export(tmp_path / "out", "huggingface")
    assert load(tmp_path / "out", tmp_path / "cache")["label"][UNLABELLED] is None
    batch = digits.store.add_batch(
        purpose=Purpose.TRAIN,
        round=3,
        indices=np.array([UNLABELLED]),
        selection="random",
        engine="cpu",
        price_per_label=0.04,
        reason="",
    )
    digits.store.tell(batch.batch_id, [UNLABELLED], [1])
    digits.export(tmp_path / "out", "huggingface")
    assert load(tmp_path / "out", tmp_path / "cache")["label"][UNLABELLED] == 1


def test_the_digest_is_that_of_the_files(photos, tmp_path) -> None:
    photos.export(tmp_path / "out", "huggingface")
    files = sorted((tmp_path / "out" / "data").iterdir())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    assert digest in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_the_same_store_gives_the_same_bytes(photos, tmp_path) -> None:
    def tree(folder: Path) -> dict[str, bytes]:
        return {
            str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
        }

    photos.export(tmp_path / "a", "huggingface")
    photos.export(tmp_path / "b", "huggingface")
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_writing_needs_no_datasets(photos, tmp_path) -> None:
    code = (
        "import sys\n"
        "sys.modules['datasets'] = None\n"
        "from pathlib import Path\n"
        "from mcal.export import export\n"
        "from mcal.store import Store\n"
        "with Store.open(Path(sys.argv[1]), read_only=True) as store:\n"
        "    export(store, Path(sys.argv[2]), 'huggingface', item_name=str)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "campaign"), str(tmp_path / "out")]
    subprocess.run(command, check=True, timeout=60)
    assert (tmp_path / "out" / "README.md").is_file()


def test_without_pyarrow_the_extra_is_named(photos, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"mcal\[parquet\]"):
        photos.export(tmp_path / "out", "huggingface")
    assert not (tmp_path / "out").exists()
