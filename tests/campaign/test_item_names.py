"""Names of items for the export, and the true labels, found again from a campaign's record."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcal.campaign.item_names import item_names
from mcal.campaign.opening import _picture
from mcal.campaign.truth import known_truth
from mcal.errors import PoolError
from mcal.pools import ImageFolderPool, open_pool
from mcal.settings import OracleSettings, PoolSettings, Settings
from mcal.store import CampaignRecord

CLASSES = ("ant", "bee")


def record(settings: Settings, fingerprint: str = "") -> CampaignRecord:
    return CampaignRecord(
        settings_json=settings.model_dump_json(),
        n_pool=4,
        classes=CLASSES,
        pool_kind="embeddings",
        pool_fingerprint=fingerprint,
        broken={},
        created_at="2026-01-01T00:00:00Z",
        mcal_version="0",
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    np.save(tmp_path / "x.npy", np.arange(8, dtype=np.float32).reshape(4, 2))
    np.save(tmp_path / "truth.npy", np.array([0, 1, 1, 0]))
    return Settings(
        classes=CLASSES,
        pool=PoolSettings(kind="embeddings", path=tmp_path / "x.npy"),
        annotator=OracleSettings(path=tmp_path / "truth.npy"),
    )


def test_names_are_those_of_the_pool(settings: Settings) -> None:
    assert settings.pool is not None
    pool = open_pool(settings.pool, settings.classes)
    name_of = item_names(record(settings, pool.fingerprint))
    assert [name_of(i) for i in range(4)] == [pool.item_name(i) for i in range(4)]


def test_names_of_another_pool_are_refused(settings: Settings) -> None:
    with pytest.raises(PoolError, match="not the one this campaign began with"):
        item_names(record(settings, "another"))


def test_without_a_pool_in_the_settings_the_index_is_the_name() -> None:
    assert item_names(record(Settings()))(3) == "3"


def test_the_oracle_s_file_is_the_truth_unless_another_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    labels, matched_by = known_truth(record(settings))
    np.testing.assert_array_equal(labels, [0, 1, 1, 0])
    assert matched_by == "position"
    np.save(tmp_path / "other.npy", np.array([1, 1, 1, 1]))
    labels, _ = known_truth(record(settings), tmp_path / "other.npy")
    np.testing.assert_array_equal(labels, [1] * 4)


def test_the_truth_of_a_data_set_comes_with_it() -> None:
    digits = Settings(pool=PoolSettings(kind="digits"), annotator=OracleSettings())
    labels, matched_by = known_truth(record(digits))
    assert (len(labels), matched_by) == (1797, None)


def test_nobody_knows_the_truth_of_a_pool_without_settings() -> None:
    with pytest.raises(PoolError, match="give a file"):
        known_truth(record(Settings()))


def test_a_file_that_names_the_items_is_taken_by_them(settings: Settings, tmp_path: Path) -> None:
    assert settings.pool is not None
    begun = record(settings, open_pool(settings.pool, CLASSES).fingerprint)
    (tmp_path / "t.csv").write_text("item,label\n3,bee\n1,ant\n2,ant\n0,ant\n")
    labels, matched_by = known_truth(begun, tmp_path / "t.csv")
    assert (labels.tolist(), matched_by) == ([0, 0, 0, 1], "item")


def test_a_picture_that_has_vanished_holds_nothing_up(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    pool = ImageFolderPool(tmp_path, CLASSES, 8)
    assert _picture(pool, 0) is not None
    (tmp_path / "a.png").unlink()
    assert _picture(pool, 0) is None
