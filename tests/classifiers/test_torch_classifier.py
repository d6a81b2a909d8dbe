"""The classifier as the campaign uses it, on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.errors import ClassifierError
from mcal.settings import ClassifierSettings

torch = pytest.importorskip("torch")


def open_quick(pool: Any, architecture: str = "auto", **options: Any) -> Any:
    settings = ClassifierSettings(
        architecture=architecture, epochs=8, batch_size=32, device="cpu", **options
    )
    return open_classifier(settings, pool)


def rows(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize(("which", "epochs"), [("images", 8), ("vectors", None)])
def test_it_learns_what_can_be_learnt(
    which: str, epochs: int | None, request: pytest.FixtureRequest
) -> None:
    pool, labels = request.getfixturevalue(which)
    bought, others = np.arange(200), np.arange(200, 300)
    settings = ClassifierSettings(epochs=epochs, batch_size=32, device="cpu")
    classifier = open_classifier(settings, pool)
    scores = classifier.train(pool, bought, labels[bought], seed=0).score(pool, others)
    assert scores.logits.shape == (100, 3)
    assert scores.logits.dtype == np.float32
    assert scores.embeddings is None
    assert np.mean(scores.logits.argmax(1) == labels[others]) > 0.9


def test_same_seed_same_model_and_nobody_else_s_chance_is_touched(images: Any) -> None:
    pool, labels = images

    def logits(seed: int) -> Any:
        model = open_quick(pool).train(pool, np.arange(50), labels[:50], seed=seed)
        return model.score(pool, np.arange(300)).logits

    first = logits(3)
    torch.rand(7)  # torch's own state does not matter
    before, numpy_before = torch.get_rng_state(), repr(np.random.get_state())  # noqa: NPY002
    np.testing.assert_array_equal(logits(3), first)
    assert not np.array_equal(logits(4), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert repr(np.random.get_state()) == numpy_before  # noqa: NPY002


def test_the_same_model_whether_items_are_read_or_resident(
    images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labels = images
    chosen = np.arange(0, pool.n_pool, 2)
    classifier = open_quick(pool)
    resident = classifier.train(pool, chosen, labels[chosen], seed=3)
    assert classifier.items_of(pool).resident(chosen) is not None
    monkeypatch.setattr("mcal.classifiers.items.Items.resident", lambda self, indices: None)
    read = classifier.train(pool, chosen, labels[chosen], seed=3)
    np.testing.assert_array_equal(
        read.score(pool, chosen).logits, resident.score(pool, chosen).logits
    )


@pytest.mark.parametrize("n", [1, 2, 3, 33])
def test_few_labels_and_missing_classes_are_fine(images: Any, n: int) -> None:
    pool, labels = images
    model = open_quick(pool).train(pool, np.arange(n), labels[:n], seed=0)
    assert np.isfinite(model.score(pool, np.arange(300)).logits).all()


def test_scores_follow_the_order_asked_for(images: Any) -> None:
    pool, labels = images
    model = open_quick(pool).train(pool, np.arange(20), labels[:20], seed=0)
    everything = model.score(pool, np.arange(300), embeddings=True)
    some = rows(7, 299, 7, 0)
    again = model.score(pool, some, embeddings=True)
    np.testing.assert_allclose(again.logits, everything.logits[some], atol=1e-5)
    np.testing.assert_allclose(again.embeddings, everything.embeddings[some], atol=1e-5)
    none = model.score(pool, rows(), embeddings=True)
    assert none.logits.shape == (0, 3)
    assert none.embeddings.shape == (0, everything.embeddings.shape[1])


def test_a_saved_model_is_the_same_model(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    path = tmp_path / "round-0.pt"
    model = open_quick(pool).train(pool, np.arange(20), labels[:20], seed=0)
    model.save(path)
    model.save(path)  # over an older one
    assert [p.name for p in tmp_path.iterdir()] == ["round-0.pt"]
    loaded = open_quick(pool).load(path, pool)
    scores = [m.score(pool, np.arange(300), embeddings=True) for m in (model, loaded)]
    np.testing.assert_array_equal(scores[0].logits, scores[1].logits)
    # the last layer is an affine map of the embeddings
    weights = torch.load(path, weights_only=True)["weights"]
    logits = scores[0].embeddings @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
    np.testing.assert_allclose(logits, scores[0].logits, atol=1e-4)


def test_a_file_for_something_else_is_refused(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    path = tmp_path / "m.pt"
    open_quick(pool).train(pool, np.arange(20), labels[:20], seed=0).save(path)
    with pytest.raises(ClassifierError, match="classifier: expected 'small-cnn/paper'"):
        open_quick(pool, recipe="paper").load(path, pool)
    # the same name, but trained or scored in another way
    other = open_classifier(ClassifierSettings(epochs=9, batch_size=32, device="cpu"), pool)
    with pytest.raises(ClassifierError, match=r"recipe: expected .*epochs=9,.* found .*epochs=8,"):
        other.load(path, pool)
    pool.classes = ("above", "below", "beside")
    with pytest.raises(ClassifierError, match="classes: expected"):
        open_quick(pool).load(path, pool)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ClassifierError, match="not a trained model"):
        open_quick(pool).load(path, pool)
    torch.save({"weights": 1}, path)
    with pytest.raises(ClassifierError, match="not a trained model"):
        open_quick(pool).load(path, pool)
    with pytest.raises(ClassifierError, match="not a trained model"):
        open_quick(pool).load(tmp_path / "nowhere.pt", pool)


def test_a_disk_that_refuses_leaves_nothing_behind(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    model = open_quick(pool).train(pool, np.arange(4), labels[:4], seed=0)
    with pytest.raises(ClassifierError, match="cannot be written"):
        model.save(tmp_path / "no" / "folder.pt")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ClassifierError, match="cannot be written"):
        model.save(tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_progress_goes_up_to_one(images: Any) -> None:
    pool, labels = images
    seen: list[float] = []

    def progress(share: float, words: str) -> None:
        assert words
        seen.append(share)

    model = open_quick(pool).train(pool, np.arange(64), labels[:64], seed=0, progress=progress)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    seen.clear()
    model.score(pool, np.arange(300), progress=progress)
    assert seen[-1] == 1.0


def test_rounds_do_not_read_the_pool_again(images: Any) -> None:
    pool, labels = images
    classifier = open_quick(pool)
    for seed in range(3):
        model = classifier.train(pool, np.arange(20), labels[:20], seed=seed)
        model.score(pool, np.arange(300))
    assert pool.n_read <= 300 + 2  # twice one, for the shape


def test_another_pool_is_another_pool(images: Any) -> None:
    pool, labels = images
    model = open_quick(pool).train(pool, np.arange(20), labels[:20], seed=0)
    first = model.score(pool, np.arange(10)).logits
    other = type(pool)(pool.items[::-1].copy(), pool.classes, fingerprint="b")
    again = model.score(other, np.arange(299, 289, -1)).logits
    np.testing.assert_allclose(again, first, atol=1e-5)


@pytest.mark.parametrize(
    ("indices", "labels", "message"),
    [
        (rows(), rows(), "labels: expected at least one"),
        (rows(0, 1), rows(0), "labels: expected"),
        (rows(0, 1), np.array([0.0, 1.0]), "labels: expected"),
        (rows(0, 1), rows(0, 3), r"labels: expected classes in \[0, 3\), found 0 to 3"),
        (rows(0, 1), rows(0, -1), "labels: expected classes"),
        (rows(0, 300), rows(0, 1), r"indices: expected rows in \[0, 300\)"),
        (rows(-1, 0), rows(0, 1), "indices: expected rows"),
        (np.array([0, 1], np.int32), rows(0, 1), "indices: expected"),
        (rows(0, 1)[None], rows(0, 1)[None], "indices: expected"),
    ],
)
def test_mistakes_are_named(images: Any, indices: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_quick(images[0]).train(images[0], indices, labels, seed=0)


def test_the_paper_s_recipe_trains_too(images: Any) -> None:
    pool, labels = images
    settings = ClassifierSettings(recipe="paper", epochs=20, batch_size=64, device="cpu")
    classifier = open_classifier(settings, pool)
    model = classifier.train(pool, np.arange(200), labels[:200], seed=0)
    assert np.mean(model.score(pool, np.arange(300)).logits.argmax(1) == labels) > 0.9


def test_semi_learns_from_items_without_labels_read_or_resident(
    images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labels = images
    chosen = np.arange(0, 60, 2)
    pool.broken = lambda: {7: "gone"}
    asked: set[int] = set()
    read = pool.read

    def remember(indices: Any) -> Any:
        asked.update(indices.tolist())
        return read(indices)

    pool.read = remember
    classifier = open_quick(pool, recipe="semi")
    assert classifier.name == "small-cnn/semi"
    monkeypatch.setattr("mcal.classifiers.items.Items.normalisation", _fixed_normalisation)
    resident = classifier.train(pool, chosen, labels[chosen], seed=3)
    assert asked == set(range(300)) - {7}  # a test set's items too, whose labels are not there
    scores = resident.score(pool, np.arange(300)).logits
    assert np.mean(scores.argmax(1) == labels) > 0.9

    monkeypatch.setattr("mcal.classifiers.items._RESIDENT_SHARE", 0.0)
    large = type(pool)(pool.items, pool.classes)
    large.broken = pool.broken
    again = open_quick(large, recipe="semi").train(large, chosen, labels[chosen], seed=3)
    assert large.n_read > 1000  # anew in every step
    np.testing.assert_array_equal(again.score(large, np.arange(300)).logits, scores)


def _fixed_normalisation(items: Any) -> Any:
    from mcal.classifiers.items import Normalisation

    return Normalisation(torch.full((1,), 95.0), torch.full((1,), 60.0))


def test_semi_is_for_images(vectors: Any) -> None:
    message = "recipe: expected 'fast', 'embedding' or 'paper' for a pool .* found 'semi'"
    with pytest.raises(ValueError, match=message):
        open_classifier(ClassifierSettings(recipe="semi", device="cpu"), vectors[0])
