"""Trainings that begin with the model of the round before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.settings import ClassifierSettings
from mcal.types import WarmStarts, derive_seed

torch = pytest.importorskip("torch")

FEW, MORE, ALL = np.arange(40), np.arange(80), np.arange(300)


def open_warm(pool: Any, **options: Any) -> Any:
    options = {"epochs": 8, "batch_size": 16, "warm_start": True, **options}
    return open_classifier(ClassifierSettings(device="cpu", **options), pool)


def weights(model: Any) -> dict[str, Any]:
    return {key: value.clone() for key, value in model._network.state_dict().items()}


def logits(model: Any, pool: Any) -> Any:
    return model.score(pool, ALL).logits


def test_it_begins_between_the_former_weights_and_fresh_ones(
    images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labels = images
    classifier = open_warm(pool)
    former = classifier.train(pool, FEW, labels[FEW], seed=1)

    def leave_alone(network: Any, *_: Any, **__: Any) -> None:
        network.eval()

    monkeypatch.setattr("mcal.classifiers.torch_classifier.train_network", leave_alone)
    fresh = weights(classifier.train(pool, MORE, labels[MORE], seed=2))
    begun = weights(classifier.train_from(former, pool, MORE, labels[MORE], seed=2))
    keep = classifier.recipe.warm_start.keep
    assert 0.0 < keep < 1.0
    old = weights(former)
    assert not torch.equal(old["head.weight"], fresh["head.weight"])
    for key, value in begun.items():
        if value.is_floating_point():
            expected = keep * old[key] + (1 - keep) * fresh[key]
            torch.testing.assert_close(value, expected, msg=key)


def test_it_takes_fewer_steps_after_the_first(images: Any) -> None:
    pool, labels = images
    classifier = open_warm(pool)
    taken = []

    def note(share: float, words: str) -> None:
        if share == 1.0:
            taken.append(words)

    former = classifier.train(pool, MORE, labels[MORE], seed=1, progress=note)
    cold = taken.pop()
    classifier.train_from(former, pool, MORE, labels[MORE], seed=2, progress=note)
    share = classifier.recipe.warm_start.step_share
    assert cold == "step 40 of 40"
    n = int(np.ceil(share * 40))
    assert taken.pop() == f"step {n} of {n}"


def test_the_same_seed_and_former_model_give_the_same_model(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    classifier = open_warm(pool)
    former = classifier.train(pool, FEW, labels[FEW], seed=1)
    former.save(tmp_path / "former.pt")
    read = open_warm(pool).load(tmp_path / "former.pt", pool)
    before = weights(former)
    found = logits(classifier.train_from(former, pool, MORE, labels[MORE], seed=2), pool)
    again = logits(open_warm(pool).train_from(read, pool, MORE, labels[MORE], seed=2), pool)
    np.testing.assert_array_equal(found, again)
    other = classifier.train(pool, FEW, labels[FEW], seed=3)
    from_other = classifier.train_from(other, pool, MORE, labels[MORE], seed=2)
    assert not np.array_equal(logits(from_other, pool), found)
    for key, value in weights(former).items():
        assert torch.equal(value, before[key]), "the former model is left as it is"


def test_models_of_recipes_without_a_warm_start_are_kept_as_before_there_were_any(
    images: Any,
) -> None:
    """A checkpoint of an earlier version, which is paid for, goes on being read."""
    cold, warm = open_warm(images[0], warm_start=False).recipe, open_warm(images[0]).recipe
    assert "warm" not in cold.text
    assert cold.text == repr(cold)
    assert "keep=" in warm.text


@pytest.mark.parametrize("recipe", ["semi", "self", "paper"])
def test_other_recipes_start_warm_too(recipe: str, images: Any) -> None:
    pool, labels = images
    more = {"pretrain_epochs": 1} if recipe == "self" else {}
    classifier = open_warm(pool, recipe=recipe, epochs=1, **more)
    assert classifier.name == f"small-cnn/{recipe}-warm"
    former = classifier.train(pool, FEW, labels[FEW], seed=1)
    model = classifier.train_from(former, pool, MORE, labels[MORE], seed=2)
    assert np.isfinite(logits(model, pool)).all()


def test_a_trained_head_starts_warm_and_a_solved_one_does_not(vectors: Any) -> None:
    pool, labels = vectors
    trained = open_warm(pool)
    former = trained.train(pool, FEW, labels[FEW], seed=1)
    assert np.isfinite(
        logits(trained.train_from(former, pool, MORE, labels[MORE], seed=2), pool)
    ).all()
    with pytest.raises(ValueError, match="warm_start: expected false for a linear head"):
        open_warm(pool, epochs=None, batch_size=None)


def test_every_member_begins_with_its_former_self(images: Any) -> None:
    pool, labels = images
    ensemble, single = open_warm(pool, members=2), open_warm(pool)
    assert isinstance(ensemble, WarmStarts)
    assert ensemble.warm_start
    assert ensemble.name == "small-cnn/fast-warm-x2"
    former = ensemble.train(pool, FEW, labels[FEW], seed=5)
    found = ensemble.train_from(former, pool, MORE, labels[MORE], seed=6)
    for at in range(2):
        seed = derive_seed(6, at, "member")
        alone = single.train_from(former.members[at], pool, MORE, labels[MORE], seed=seed)
        np.testing.assert_array_equal(logits(found.members[at], pool), logits(alone, pool))


def test_who_starts_from_scratch_says_so(images: Any) -> None:
    pool, labels = images
    for members in (1, 2):
        cold = open_warm(pool, warm_start=False, members=members)
        assert not cold.warm_start
        model = cold.train(pool, FEW, labels[FEW], seed=1)
        with pytest.raises(ValueError, match=r"former: expected a .*warm|former: expected a model"):
            open_warm(pool, members=members).train_from(model, pool, MORE, labels[MORE], seed=1)
        with pytest.raises(ValueError, match="former: expected a recipe that starts warm"):
            cold.train_from(model, pool, MORE, labels[MORE], seed=1)


def test_a_model_of_another_pool_is_refused(images: Any, make_images: Any) -> None:
    pool, labels = images
    other_pool, other_labels = make_images(300, 8, 8, 3)
    classifier = open_warm(pool)
    model = classifier.train(pool, FEW, labels[FEW], seed=1)
    other_pool.fingerprint = "b"
    with pytest.raises(ValueError, match="former: expected a model for this pool's items"):
        classifier.train_from(model, other_pool, MORE, other_labels[MORE], seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "embedding"}, "warm_start: expected false beside recipe = 'embedding'"),
        ({"ranking": "learned", "members": 3}, "warm_start: expected false beside ranking"),
    ],
)
def test_what_cannot_start_warm(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassifierSettings(warm_start=True, **options)
