"""Ensembles, of networks and of anything else that is a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp

from blobs import Blobs, NearestMean, make_blobs
from mcal.classifiers import open_classifier
from mcal.errors import ClassifierError
from mcal.selection import uncertainty
from mcal.settings import ClassifierSettings
from mcal.types import Scores, derive_seed

torch = pytest.importorskip("torch")

from mcal.classifiers.ensemble import Ensemble, EnsembleModel, mean_log_p  # noqa: E402


def open_quick(pool: Any, **options: Any) -> Any:
    settings = ClassifierSettings(epochs=4, batch_size=32, device="cpu", **options)
    return open_classifier(settings, pool)


@pytest.fixture(scope="module")
def world() -> Blobs:
    return make_blobs(400, spread=1.0)


def test_it_says_the_mean_of_what_its_members_say(images: Any) -> None:
    pool, labels = images
    everything = np.arange(300)
    ensemble = open_quick(pool, members=3).train(pool, np.arange(40), labels[:40], seed=5)
    single = open_quick(pool)
    said = []
    for member in range(3):
        seed = derive_seed(5, member, "member")
        model = single.train(pool, np.arange(40), labels[:40], seed=seed)
        said.append(model.score(pool, everything, embeddings=True))
    expected = logsumexp([log_softmax(one.logits.astype(float), 1) for one in said], axis=0)
    found = ensemble.score(pool, everything, embeddings=True)
    assert found.logits.dtype == np.float32
    np.testing.assert_allclose(found.logits, expected - np.log(3), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.embeddings, said[0].embeddings)
    assert not np.array_equal(said[0].logits, said[1].logits)
    assert ensemble.score(pool, everything[:0]).logits.shape == (0, 3)
    assert ensemble.score(pool, everything[:5]).embeddings is None


def test_very_sure_items_keep_their_order() -> None:
    """Mean probabilities in float32 would be exactly 1 for all of them, and tie."""
    random = np.random.default_rng(0)
    gaps = np.linspace(18.0, 200.0, 3000)
    members = np.zeros((4, 3000, 5), np.float32)
    members[:, :, 0] = gaps + 0.1 * random.normal(size=(4, 3000))
    members[:, :, 1] = random.normal(size=(4, 3000))
    assert np.unique(np.exp(log_softmax(members, 2)).mean(axis=0)[:, 0]).size < 10
    found = uncertainty(mean_log_p(map(torch.from_numpy, members), 4).numpy()).deficit
    exact = np.exp(log_softmax(members.astype(np.float64), axis=2)).mean(axis=0)
    expected = exact[:, 1:].sum(axis=1) + exact[:, 1:].max(axis=1)
    np.testing.assert_allclose(found, expected, rtol=4e-5)
    assert np.unique(found).size == 3000


def test_the_same_seed_gives_the_same_ensemble(images: Any) -> None:
    pool, labels = images

    def logits(seed: int) -> Any:
        model = open_quick(pool, members=2).train(pool, np.arange(50), labels[:50], seed=seed)
        return model.score(pool, np.arange(300)).logits

    np.testing.assert_array_equal(logits(3), logits(3))
    assert not np.array_equal(logits(3), logits(4))


def test_a_saved_ensemble_is_the_same_ensemble(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    path = tmp_path / "round-0.pt"
    classifier = open_quick(pool, members=2)
    model = classifier.train(pool, np.arange(20), labels[:20], seed=0)
    model.save(path)
    model.save(path)  # over an older one
    assert [p.name for p in tmp_path.iterdir()] == ["round-0.pt"]
    loaded = open_quick(pool, members=2).load(path, pool)
    scores = [m.score(pool, np.arange(300), embeddings=True) for m in (model, loaded)]
    np.testing.assert_array_equal(scores[0].logits, scores[1].logits)
    np.testing.assert_array_equal(scores[0].embeddings, scores[1].embeddings)


def test_every_file_of_a_save_or_a_load_can_be_swept(world: Blobs, tmp_path: Path) -> None:
    """A kill leaves what is there at any moment: files beside the checkpoint, called partial."""
    seen: list[str] = []

    class Watched(NearestMean):
        def load(self, path: Path, pool: Any) -> Any:
            seen.extend(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*"))
            return super().load(path, pool)

    class Saved:
        def save(self, path: Path) -> None:
            model.save(path)
            seen.extend(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*"))

    model = NearestMean().train(world.pool, np.arange(20), world.truth[:20], seed=0)
    ensemble = Ensemble(Watched(), 2)
    EnsembleModel(ensemble.name, [Saved(), Saved()]).save(tmp_path / "m.pt")  # type: ignore[list-item]
    assert len(seen) == 4  # twice the archive and a member
    ensemble.load(tmp_path / "m.pt", world.pool)
    assert len(seen) == 8
    for name in seen:
        assert name == "m.pt" or (name[0] == "." and name.endswith(".partial"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]


def test_a_network_half_written_can_be_swept_too(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labels = images
    model = open_quick(pool).train(pool, np.arange(4), labels[:4], seed=0)
    seen: list[str] = []
    monkeypatch.setattr(torch, "save", lambda *_: seen.extend(p.name for p in tmp_path.iterdir()))
    model.save(tmp_path / "m.pt")
    assert len(seen) == 1
    assert seen[0].startswith(".m.pt.")
    assert seen[0].endswith(".partial")


def test_too_few_members_are_told(world: Blobs, tmp_path: Path) -> None:
    model = NearestMean().train(world.pool, np.arange(20), world.truth[:20], seed=0)
    ensemble = Ensemble(NearestMean(), 3)
    EnsembleModel(ensemble.name, [model, model]).save(tmp_path / "m.pt")
    with pytest.raises(ClassifierError, match="members: expected 3, found 2"):
        ensemble.load(tmp_path / "m.pt", world.pool)


def test_a_file_for_something_else_is_refused(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    path, other = tmp_path / "m.pt", tmp_path / "single.pt"
    open_quick(pool, members=2).train(pool, np.arange(20), labels[:20], seed=0).save(path)
    open_quick(pool).train(pool, np.arange(20), labels[:20], seed=0).save(other)
    with pytest.raises(ClassifierError, match="expected 'small-cnn/fast-x3'"):
        open_quick(pool, members=3).load(path, pool)
    with pytest.raises(ClassifierError, match="not a trained ensemble"):
        open_quick(pool, members=2).load(other, pool)
    with pytest.raises(ClassifierError, match="not a trained ensemble"):
        open_quick(pool, members=2, ranking="learned").load(path, pool)
    whole = path.read_bytes()
    for content in (whole[:1000], whole[: len(whole) // 2] + whole[-100:], b""):
        path.write_bytes(content)
        with pytest.raises(ClassifierError, match=r"not a trained|cannot be read"):
            open_quick(pool, members=2).load(path, pool)
    with pytest.raises(ClassifierError, match="not a trained ensemble"):
        open_quick(pool, members=2).load(tmp_path / "nowhere.pt", pool)


def test_a_disk_that_refuses_leaves_nothing_behind(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    model = open_quick(pool, members=2).train(pool, np.arange(4), labels[:4], seed=0)
    with pytest.raises(ClassifierError, match="cannot be written"):
        model.save(tmp_path / "no" / "folder.pt")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ClassifierError, match="cannot be written"):
        model.save(tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


class Interrupted(Exception):
    pass


class Unsaveable:
    def save(self, path: Path) -> None:
        path.write_bytes(b"half a mem")
        raise Interrupted


def test_what_is_stopped_between_members_leaves_no_file(world: Blobs, tmp_path: Path) -> None:
    model = NearestMean().train(world.pool, np.arange(20), world.truth[:20], seed=0)
    with pytest.raises(Interrupted):
        EnsembleModel("x", [model, Unsaveable()]).save(tmp_path / "m.pt")  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_progress_is_that_of_all_members(world: Blobs) -> None:
    seen: list[tuple[float, str]] = []
    ensemble = Ensemble(NearestMean(), 4)
    model = ensemble.train(
        world.pool,
        np.arange(20),
        world.truth[:20],
        seed=0,
        progress=lambda share, words: seen.append((share, words)),
    )
    assert seen == [(m / 4, f"member {m} of 4: trained") for m in (1, 2, 3, 4)]
    seen.clear()
    model.score(
        world.pool, np.arange(30), progress=lambda share, words: seen.append((share, words))
    )
    assert [share for share, _ in seen] == [0.25, 0.5, 0.75, 1.0]


def test_any_classifier_can_be_a_member(world: Blobs) -> None:
    """Four times the same model says what one says."""
    ensemble = Ensemble(NearestMean(), 4)
    assert (ensemble.name, ensemble.device) == ("nearest-mean/fake-x4", "cpu")
    bought = np.arange(40)
    single = NearestMean().train(world.pool, bought, world.truth[bought], seed=0)
    model = ensemble.train(world.pool, bought, world.truth[bought], seed=0)
    alone: Scores = single.score(world.pool, np.arange(400))
    expected = log_softmax(alone.logits.astype(float), axis=1)
    np.testing.assert_allclose(
        model.score(world.pool, np.arange(400)).logits, expected, rtol=1e-5, atol=1e-5
    )
