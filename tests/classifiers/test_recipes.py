"""What the recipes promise, on images small enough to try it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers import open_classifier  # noqa: E402
from mcal.classifiers.augmentation import views_of  # noqa: E402
from mcal.classifiers.recipes import recipe_for  # noqa: E402
from mcal.classifiers.torch_classifier import TorchClassifier  # noqa: E402
from mcal.settings import ClassifierSettings  # noqa: E402


def accuracy(name: Any, epochs: int, pool: Any, labels: Any, chosen: Any) -> float:
    recipe = recipe_for(name, "small-cnn", pool.items.shape[1:], epochs=epochs, batch_size=32)
    classifier = TorchClassifier("small-cnn", recipe, torch.device("cpu"))
    model = classifier.train(pool, chosen, labels[chosen], seed=0)
    said = model.score(pool, np.arange(pool.n_pool)).logits.argmax(1)
    return float(np.mean(said == labels))


def test_semi_does_not_collapse_on_small_grey_images(images: Any) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits, labels = datasets.load_digits(return_X_y=True)
    small = (digits * 15).astype(np.uint8).reshape(-1, 8, 8)
    large = small.repeat(2, axis=1).repeat(2, axis=2)[..., None]
    pool = type(images[0])(large, tuple("0123456789"))
    chosen = np.random.default_rng(0).permutation(pool.n_pool)[:80]
    # as many steps: 75 passes over two batches of labels, 8 over nineteen without
    supervised = accuracy("fast", 75, pool, labels, chosen)
    assert accuracy("semi", 8, pool, labels, chosen) >= supervised


def test_semi_costs_the_same_however_many_labels() -> None:
    semi = recipe_for("semi", "resnet18", (32, 32, 3))
    assert semi.step_count(10, 60_000) == semi.step_count(10_000, 60_000)
    assert semi.step_count(10, 120_000) > semi.step_count(10, 60_000)
    assert semi.step_count(10, 20) == semi.min_steps
    assert semi.step_count(10, 10_000_000) * semi.n_unlabelled <= 4_000_000
    asked = recipe_for("semi", "resnet18", (32, 32, 3), epochs=2)
    assert asked.step_count(10, 10_000_000) * asked.n_unlabelled > 19_000_000
    halved = recipe_for("semi", "resnet18", (32, 32, 3), batch_size=semi.batch_size // 2)
    assert 2 * halved.n_unlabelled == semi.n_unlabelled


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (224, 224, 3)])
def test_who_knows_about_mirror_images_is_believed(shape: tuple[int, ...]) -> None:
    for name in ("fast", "semi", "self", "paper"):
        for flip in (False, True):
            recipe = recipe_for(name, "resnet18", shape, flip=flip)
            assert recipe.augmentation.flip is flip
            mirrored = [seen for *_, seen in views_of(recipe.augmentation, shape, 9)]
            assert any(mirrored) is flip
            assert recipe.pretraining is None or recipe.pretraining.flip is flip
        told = recipe_for(name, "resnet18", shape).augmentation.flip
        assert told is (name == "paper" or shape[2] == 3)


def test_settings_say_whether_mirror_images_are_alike(images: Any, vectors: Any) -> None:
    pool, _ = images
    for recipe in ("fast", "self"):
        settings = ClassifierSettings(recipe=recipe, flip=True, device="cpu")
        assert open_classifier(settings, pool).recipe.augmentation.flip  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="flip: expected none for a pool of embeddings, found T"):
        open_classifier(ClassifierSettings(flip=True, device="cpu"), vectors[0])
    with pytest.raises(ValueError, match="flip: expected features = 'self'"):
        ClassifierSettings(recipe="embedding", features="torchvision:resnet50", flip=False)
    ClassifierSettings(recipe="embedding", flip=False)
