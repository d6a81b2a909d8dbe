"""Features are computed once, whoever is killed meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.errors import ClassifierError

torch = pytest.importorskip("torch")

from mcal.classifiers import features as module  # noqa: E402
from mcal.classifiers.features import Features  # noqa: E402
from mcal.classifiers.frozen import Frozen  # noqa: E402

CPU = torch.device("cpu")


class Counting:
    """Two numbers of each image, and how many images it was asked about."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale, self.n_asked = scale, 0

    def __call__(self, block: Any) -> Any:
        self.n_asked += len(block)
        flat = block.float().flatten(1)
        return self.scale * torch.stack([flat.mean(1), flat.std(1)], dim=1)


def features_of(network: Any, folder: Path | None, key: str = "k") -> Features:
    return Features("counting", lambda *_: Frozen(key, network), CPU, folder)


def expected_of(pool: Any) -> Any:
    return Counting()(torch.from_numpy(pool.items)).numpy()


@pytest.mark.parametrize("kept", [True, False])
def test_they_are_computed_once(images: Any, tmp_path: Path, kept: bool) -> None:
    pool, _ = images
    network = Counting()
    features = features_of(network, tmp_path if kept else None)
    first = features.of(pool)
    assert features.of(pool) is first
    assert (first.n_pool, first.kind, first.classes) == (300, "embeddings", pool.classes)
    chosen = np.array([5, 299, 5])
    np.testing.assert_allclose(first.read(chosen), expected_of(pool)[chosen], rtol=1e-3)
    assert features_of(network, tmp_path).of(pool).fingerprint == first.fingerprint
    assert network.n_asked == (300 if kept else 600)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npy"]  # nothing half made is left


def test_other_weights_or_items_are_other_features(images: Any, tmp_path: Path) -> None:
    pool, _ = images
    first = features_of(Counting(), tmp_path).of(pool)
    other = features_of(Counting(2.0), tmp_path, key="other").of(pool)
    assert other.fingerprint != first.fingerprint
    np.testing.assert_allclose(other.read(np.arange(3)), 2 * first.read(np.arange(3)), rtol=2e-3)


class Killed(Exception):
    pass


def test_a_killed_process_loses_one_block(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = images
    monkeypatch.setattr(module, "_KEEP_EVERY_S", 0.0)

    class Dying(Counting):
        def __call__(self, block: Any) -> Any:
            if self.n_asked >= 160:
                raise Killed
            return super().__call__(block)

    with pytest.raises(Killed):
        features_of(Dying(), tmp_path).of(pool)
    network = Counting()
    said: list[float] = []
    found = features_of(network, tmp_path).of(pool, lambda share, words: said.append(share))
    assert network.n_asked == 300 - 160
    np.testing.assert_allclose(found.read(np.arange(300)), expected_of(pool), rtol=1e-3)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npy"]


@pytest.mark.parametrize("damage", ["cut", "nonsense", "fewer"])
def test_a_damaged_file_is_made_again(images: Any, tmp_path: Path, damage: str) -> None:
    pool, _ = images
    features_of(Counting(), tmp_path).of(pool)
    (path,) = tmp_path.iterdir()
    if damage == "fewer":
        np.save(path, np.zeros((299, 2), np.float32))
    else:
        path.write_bytes(path.read_bytes()[:500] if damage == "cut" else b"nothing")
    found = features_of(Counting(), tmp_path).of(pool)
    np.testing.assert_allclose(found.read(np.arange(300)), expected_of(pool), rtol=1e-3)


@pytest.mark.parametrize("damage", ["rows", "partial"])
def test_a_damaged_beginning_is_begun_again(
    images: Any, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = images
    monkeypatch.setattr(module, "_KEEP_EVERY_S", 0.0)

    class Dying(Counting):
        def __call__(self, block: Any) -> Any:
            if self.n_asked >= 160:
                raise Killed
            return super().__call__(block)

    with pytest.raises(Killed):
        features_of(Dying(), tmp_path).of(pool)
    (path,) = tmp_path.glob(f"*.{damage}")
    path.write_bytes(b"1000" if damage == "rows" else b"nothing")
    found = features_of(Counting(), tmp_path).of(pool)
    np.testing.assert_allclose(found.read(np.arange(300)), expected_of(pool), rtol=1e-3)


@pytest.mark.parametrize(
    ("scale", "dtype"), [(1.0, np.float16), (1e-6, np.float32), (1e4, np.float32)]
)
def test_half_precision_only_where_it_does(
    images: Any, tmp_path: Path, scale: float, dtype: Any
) -> None:
    pool, _ = images
    found = features_of(Counting(scale), tmp_path).of(pool).read(np.arange(300))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, scale * expected_of(pool), rtol=1e-3)


def test_a_width_that_changes_is_told(images: Any) -> None:
    calls: list[int] = []

    def uneven(block: Any) -> Any:
        calls.append(1)
        return torch.zeros(len(block), len(calls))

    with pytest.raises(ClassifierError, match="expected 1 for each item, found 2"):
        features_of(uneven, None).of(images[0])


def test_a_folder_that_cannot_be_written_is_told(images: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassifierError, match="cannot be written"):
        features_of(Counting(), tmp_path / "file").of(images[0])


class Cautious(Counting):
    """Divides by the brightness, which blank items do not have."""

    def __call__(self, block: Any) -> Any:
        found = super().__call__(block)
        return found / found[:, :1]


@pytest.mark.parametrize("broken", [{0}, {7, 8}, {40, 299}, set(range(32))])
def test_items_that_cannot_be_read_are_not_looked_at(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: set[int]
) -> None:
    pool, _ = images
    for index in broken:
        pool.items[index] = 0
    monkeypatch.setattr(pool, "broken", lambda: dict.fromkeys(broken, "torn"))
    network = Cautious()
    found = features_of(network, tmp_path).of(pool)
    assert network.n_asked == 300 - len(broken)
    others = np.setdiff1d(np.arange(300), list(broken))
    expected = Cautious()(torch.from_numpy(pool.items[others])).numpy()
    np.testing.assert_allclose(found.read(others), expected, rtol=1e-3)
    assert not found.read(np.array(sorted(broken))).any()


def test_a_pool_of_which_nothing_can_be_read_is_told(
    images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images[0], "broken", lambda: dict.fromkeys(range(300), "torn"))
    with pytest.raises(ClassifierError, match="items that can be read, found none"):
        features_of(Counting(), None).of(images[0])


def test_the_first_item_without_features_is_named(images: Any) -> None:
    pool, _ = images
    pool.items[[77, 201]] = 0
    with pytest.raises(ClassifierError, match=r"NaN or infinity of 77$"):
        features_of(Cautious(), None).of(pool)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("killed", [True, False])
def test_one_that_half_precision_cannot_hold_widens_all(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool, killed: bool
) -> None:
    pool, _ = images
    monkeypatch.setattr(module, "_KEEP_EVERY_S", 0.0)
    at = 70
    expected = expected_of(pool)
    expected[at] *= 1e4

    class Outlying(Counting):
        def __call__(self, block: Any) -> Any:
            begin = self.n_asked
            found = super().__call__(block)
            if begin <= at < self.n_asked:
                found[at - begin] *= 1e4
            if killed and kept and begin >= 128:
                raise Killed
            return found

    features = features_of(Outlying(), tmp_path if kept else None)
    if killed and kept:
        with pytest.raises(Killed):
            features.of(pool)
        features = features_of(Counting(), tmp_path)
    found = features.of(pool).read(np.arange(300))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_what_another_width_has_left_is_begun_again(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = images
    monkeypatch.setattr(module, "_KEEP_EVERY_S", 0.0)
    calls: list[int] = []

    def wider(block: Any) -> Any:
        calls.append(len(block))
        if sum(calls) > 160:
            raise Killed
        return torch.ones(len(block), 5)

    with pytest.raises(Killed):
        features_of(wider, tmp_path).of(pool)
    found = features_of(Counting(), tmp_path).of(pool)
    np.testing.assert_allclose(found.read(np.arange(300)), expected_of(pool), rtol=1e-3)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npy"]
