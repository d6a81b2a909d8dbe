"""A first batch that is chosen, before there is a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import NearestMean, make_blobs
from mcal import Campaign, PlanSettings, PriceSettings, Settings
from mcal.campaign.cold_start import choose_first
from mcal.errors import SettingsError
from mcal.types import Purpose, no_progress

PLAN: dict[str, Any] = {"initial_share": 0.02, "test_size": 40}


class Seeing(NearestMean):
    """A classifier with features of its own: the vectors, turned round."""

    sees_unlabelled = True

    def __init__(self, name: str = "seeing/fake", fails: type[BaseException] | None = None) -> None:
        super().__init__(name)
        self.asked: list[int] = []
        self.fails = fails

    def features(self, pool: Any, indices: Any, *, progress: Any = no_progress) -> Any:
        self.asked.append(indices.size)
        progress(0.5, "looking")
        if self.fails is not None:
            raise self.fails
        return -pool.items.read(indices) if hasattr(pool, "items") else -pool.read(indices)


class Pictures:
    """Blobs that say that they are images."""

    kind = "images"

    def __init__(self, items: Any) -> None:
        self.items = items
        self.n_pool, self.classes = items.n_pool, items.classes
        self.fingerprint, self.read = items.fingerprint, items.read
        self.item_name, self.broken = items.item_name, items.broken


def begin(folder: Path, pool: Any, classifier: Any, how: str, **options: Any) -> Any:
    settings = Settings(plan=PlanSettings(first=how, **PLAN), **options)
    return Campaign.create(folder, pool=pool, classifiers=[classifier], settings=settings)


def first_of(campaign: Campaign) -> tuple[Any, Any, Any]:
    """T and B0 as bought, and the record of B0."""
    campaign.step()
    test, train = campaign._store.batches()
    assert (test.purpose, train.purpose) == (Purpose.TEST, Purpose.TRAIN)
    indices = campaign._store.batch_indices
    return indices(test.batch_id), indices(train.batch_id), train


@pytest.mark.parametrize("how", ["typical", "k_center"])
@pytest.mark.parametrize("images", [True, False])
def test_it_is_chosen_recorded_and_charged(tmp_path: Path, how: str, images: bool) -> None:
    blobs = make_blobs(2000, 0.4)
    pool: Any = Pictures(blobs.pool) if images else blobs.pool
    classifier = Seeing() if images else NearestMean()
    prices = PriceSettings(gpu_usd_per_hour=3600.0)
    with begin(tmp_path / "a", pool, classifier, how, prices=prices) as campaign:
        test, first, record = first_of(campaign)
        assert record.selection == how
        (run,) = campaign._store.runs()
        assert (run.classifier, run.round, run.n_train) == (classifier.name, 0, 0)
        assert run.train_s > 0.0
        assert run.cost_usd == pytest.approx(run.train_s)
        assert campaign._facts.training_history(classifier.name) == ([], [])  # no round of its
    with begin(tmp_path / "b", blobs.pool, NearestMean(), "random") as campaign:
        as_ever, others, record = first_of(campaign)
        assert record.selection == "random"
        assert not campaign._store.runs()
    assert test.tolist() == as_ever.tolist()  # T does not know of it
    assert first.size == others.size == 40
    assert np.intersect1d(first, test).size == 0
    assert sorted(first) != sorted(others)
    # every blob is in it, about as often as any other
    assert np.bincount(blobs.truth[first], minlength=4).min() >= 5


def test_it_is_the_same_after_a_kill(tmp_path: Path) -> None:
    blobs = make_blobs(2000, 0.4)
    pool: Any = Pictures(blobs.pool)
    with begin(tmp_path / "a", pool, Seeing(fails=KeyboardInterrupt), "typical") as campaign:
        with pytest.raises(KeyboardInterrupt):
            campaign.step()
        assert not campaign._store.batches()
    with Campaign.open(tmp_path / "a", pool=pool, classifiers=[Seeing()]) as campaign:
        test, first, _ = first_of(campaign)
        assert [run.status for run in campaign._store.runs()] == ["interrupted"] * 2
    with begin(tmp_path / "b", pool, Seeing(), "typical") as campaign:
        again = first_of(campaign)
    assert (test.tolist(), first.tolist()) == (again[0].tolist(), again[1].tolist())


def test_what_costs_too_much_is_left_to_chance(tmp_path: Path) -> None:
    blobs = make_blobs(2000, 0.4)
    pool: Any = Pictures(blobs.pool)
    prices = PriceSettings(gpu_usd_per_hour=1e9)
    with begin(tmp_path / "a", pool, Seeing(), "typical", prices=prices) as campaign:
        _, _, record = first_of(campaign)
        assert record.selection == "random"
        assert "would have cost more than $4.00" in record.reason


@pytest.mark.parametrize("sees", [None, False])
def test_without_anything_to_see_by_it_is_refused(tmp_path: Path, sees: bool | None) -> None:
    classifier = NearestMean() if sees is None else Seeing()
    if sees is False:
        classifier.sees_unlabelled = False  # type: ignore[attr-defined]
    pool: Any = Pictures(make_blobs(2000, 0.4).pool)
    with pytest.raises(SettingsError, match=r"plan\.first: 'typical' needs features"):
        begin(tmp_path, pool, classifier, "typical")
    assert not (tmp_path / "campaign.sqlite").exists()


def test_a_campaign_ends_as_well(tmp_path: Path) -> None:
    blobs = make_blobs(2000, 0.4)
    settings = Settings(plan=PlanSettings(first="typical", **PLAN))
    with Campaign.create(
        tmp_path,
        pool=blobs.pool,
        classifiers=[NearestMean()],
        annotator=blobs.oracle(),
        settings=settings,
    ) as campaign:
        result = campaign.run()
    assert result is not None
    assert np.mean(result.labels != blobs.truth) <= 0.05


def test_large_pools_are_sampled_and_columns_weigh_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blobs = make_blobs(1000, 0.4)
    monkeypatch.setattr("mcal.campaign.cold_start._MOST_ITEMS", 100)
    asked = Seeing()
    options: Any = {"how": "typical", "seed": 1, "progress": no_progress}
    found = choose_first(blobs.pool, np.arange(0, 1000, 2), 20, by=asked, **options)
    assert asked.asked == [100]
    assert (found % 2 == 0).all()
    assert np.unique(found).size == 20
    many = choose_first(blobs.pool, np.arange(1000), 150, by=asked, **options)
    assert np.unique(many).size == 150


def test_a_constant_column_and_a_zero_row_do_no_harm() -> None:
    class Vectors:
        def read(self, indices: Any) -> Any:
            x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
            x[:, 1] = 7.0
            x[5] = x.mean(axis=0)
            return x[indices]

    for how in ("typical", "k_center"):
        found = choose_first(
            Vectors(),  # type: ignore[arg-type]
            np.arange(50),
            10,
            how=how,
            by=None,
            seed=0,
            progress=no_progress,
        )
        assert np.unique(found).size == 10


def test_clusters_of_a_pool_of_vectors_may_cost_too_much(tmp_path: Path) -> None:
    prices = PriceSettings(gpu_usd_per_hour=1e9)
    pool = make_blobs(2000, 0.4).pool
    with begin(tmp_path, pool, NearestMean(), "typical", prices=prices) as campaign:
        _, _, record = first_of(campaign)
        assert record.selection == "random"
        assert "would have cost more than $4.00" in record.reason


@pytest.mark.parametrize("rows", [7, 4096])
def test_the_pool_s_own_vectors_stay_and_each_column_is_centred_and_scaled(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("mcal.campaign.cold_start._ROWS_AT_ONCE", rows)
    x = (1e3 + np.random.default_rng(0).normal(size=(50, 3)) * [1, 5, 0]).astype(np.float32)
    kept = x.copy()
    seen: list[Any] = []

    class Vectors:
        def read(self, indices: Any) -> Any:
            return x

    def look(found: Any, k: int, **_: Any) -> Any:
        seen.append(found.copy())
        return np.arange(k)

    monkeypatch.setattr("mcal.campaign.cold_start.typical", look)
    choose_first(
        Vectors(),  # type: ignore[arg-type]
        np.arange(50),
        10,
        how="typical",
        by=None,
        seed=0,
        progress=no_progress,
    )
    np.testing.assert_array_equal(x, kept)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(0)) / np.where(wide.std(0) > 1e-2, wide.std(0), 1.0)
    np.testing.assert_allclose(seen[0], expected, atol=1e-4)
