"""Nothing takes the place of what a campaign lives on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.errors import ExportError
from mcal.settings import FilesSettings, LabelsSettings, OracleSettings, PoolSettings, Settings
from mcal.store import Store, check_may_write


def begun(create: Callable[..., Store], **settings: Any) -> Store:
    return create(settings_json=Settings(**settings).model_dump_json())


def refused(store: Store, path: Path, words: str) -> None:
    with pytest.raises(ExportError, match=words) as found:
        check_may_write(store, path)
    assert str(found.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("campaign.sqlite", "would take the place of the campaign's record: give another place"),
        ("campaign.sqlite-wal", "record"),
        ("campaign.sqlite-shm", "record"),
        ("campaign.sqlite-journal", "record"),
        ("campaign.lock", "lock"),
        ("campaign.holder", "lock"),
        ("checkpoints", "trained models"),
        ("checkpoints/001-small-cnn.pt", "trained models"),
        ("labelling/done/batch.csv", "people are asked and have answered"),
        ("new/../checkpoints", "trained models"),
    ],
)
def test_the_record_stays(create, tmp_path, monkeypatch, name, words) -> None:
    store = begun(create)
    folder = tmp_path / "campaign"
    refused(store, folder / name, words)
    monkeypatch.chdir(tmp_path)
    refused(store, Path("campaign") / name, words)
    (tmp_path / "by-link").symlink_to(folder / name)
    refused(store, tmp_path / "by-link", words)
    (tmp_path / "other").symlink_to(folder)
    refused(store, tmp_path / "other" / name, words)
    store.close()
    with Store.open(Path("campaign"), read_only=True) as reader:
        monkeypatch.chdir(folder)  # the store was opened from elsewhere
        refused(reader, folder / name, words)


def test_reports_are_held_to_it(create, buy, tmp_path) -> None:
    report, figures = map(pytest.importorskip, ("mcal.report", "mcal.report.figures"))
    store, folder = begun(create), tmp_path / "campaign"
    store.tell(buy(store, np.arange(10)), np.arange(10), np.arange(10) % 3)
    record = (folder / "campaign.sqlite").read_bytes()
    with pytest.raises(ExportError, match="the campaign's record"):
        report.write_report(store, folder / "campaign.sqlite")
    with pytest.raises(ExportError, match="trained models"):
        report.write_plots(store, folder / "checkpoints")
    plots = tmp_path / "plots"
    plots.mkdir()
    for figure in figures.FIGURES:
        (plots / f"{figure.name}.svg").symlink_to(folder / "campaign.sqlite")
    with pytest.raises(ExportError, match="the campaign's record"):
        report.write_plots(store, plots)
    assert (folder / "campaign.sqlite").read_bytes() == record
    assert not (folder / "checkpoints").exists()


def test_a_second_name_of_the_record_is_known(create, tmp_path) -> None:
    store = begun(create)
    (tmp_path / "too").hardlink_to(tmp_path / "campaign" / "campaign.sqlite")
    refused(store, tmp_path / "too", "record")


def test_new_files_in_the_campaign_s_folder_are_allowed(create, tmp_path) -> None:
    store = begun(create)
    for name in ("labels.csv", "campaign.html", "labels-imagefolder", "checkpoints.csv", "new/x"):
        check_may_write(store, tmp_path / "campaign" / name)
    check_may_write(store, tmp_path / "campaign.sqlite")


@pytest.mark.parametrize("kind", ["image-folder", "image-tree", "fashion-mnist", "cifar10"])
def test_the_pool_s_folder_is_left_alone(create, tmp_path, kind) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    store = begun(create, pool=PoolSettings(kind=kind, path=pool))
    for path in (pool, pool / "labels.csv", pool / "cat" / "labels.csv"):
        refused(store, path, "lies in the pool's own folder")
    check_may_write(store, tmp_path / "pool.csv")


def test_a_campaign_may_lie_beside_the_files_of_its_data_set(create, tmp_path) -> None:
    store = begun(create, pool=PoolSettings(kind="fashion-mnist", path=tmp_path))
    check_may_write(store, tmp_path / "campaign" / "labels.csv")
    refused(store, tmp_path / "labels.csv", "lies in the pool's own folder")
    refused(store, tmp_path / "campaign" / "campaign.sqlite", "record")


def test_files_that_the_settings_name_stay(create, tmp_path) -> None:
    store = begun(
        create,
        pool=PoolSettings(kind="array", path=tmp_path / "x.npy"),
        labels=LabelsSettings(known=tmp_path / "known.csv"),
        annotator=OracleSettings(path=tmp_path / "truth.npy"),
    )
    refused(store, tmp_path / "x.npy", "the pool")
    refused(store, tmp_path / "known.csv", "the known labels")
    refused(store, tmp_path / "truth.npy", "the true labels")
    check_may_write(store, tmp_path / "new.csv")


def test_answers_of_people_stay(create, tmp_path) -> None:
    store = begun(create, annotator=FilesSettings(path=tmp_path))
    refused(store, tmp_path / "done" / "001.csv", "people are asked")
    check_may_write(store, tmp_path / "labels.csv")
