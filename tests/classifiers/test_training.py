"""Recipes as numbers, and what happens to a batch on its way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers.augmentation import augment  # noqa: E402
from mcal.classifiers.recipes import Augmentation, recipe_for  # noqa: E402
from mcal.classifiers.training import training_batches  # noqa: E402

GREY = (28, 28, 1)
PAPER = recipe_for("paper", "cnn18", GREY)
FAST = recipe_for("fast", "small-cnn", GREY)


def test_the_paper_s_recipe_is_the_paper_s() -> None:
    assert (PAPER.epochs, PAPER.batch_size) == (200, 256)
    assert PAPER.step_count(50_000, 60_000) == 200 * 195
    rates = {epoch: PAPER.rate(epoch / 200) for epoch in (0, 79, 80, 120, 160, 180, 199)}
    expected = {0: 1, 79: 1, 80: 0.1, 120: 1e-2, 160: 1e-3, 180: 1e-4, 199: 1e-4}
    assert rates == pytest.approx({e: PAPER.peak_rate * x for e, x in expected.items()})


def test_one_cycle_rises_and_falls() -> None:
    rates = np.array([FAST.rate(x) for x in np.linspace(0, 1, 101)])
    top = rates.argmax()
    assert rates[top] == pytest.approx(FAST.peak_rate)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_few_labels_get_more_epochs_unless_epochs_were_asked_for() -> None:
    assert FAST.step_count(1, 9) == FAST.step_count(FAST.batch_size, 10**6) == FAST.min_steps
    many = 1000 * FAST.batch_size
    assert FAST.step_count(many, many) == 1000 * FAST.epochs
    asked = recipe_for("fast", "small-cnn", GREY, epochs=3, batch_size=10)
    assert [asked.step_count(n, 1000) for n in (1, 10, 29, 100)] == [3, 3, 6, 30]


@pytest.mark.parametrize(("n", "size"), [(1, 8), (2, 8), (7, 3), (8, 8), (9, 1), (100, 32)])
def test_batches_go_round_all_items(n: int, size: int) -> None:
    batches = list(training_batches(n, size, 40, seed=0))
    assert len(batches) == 40
    assert {len(b) for b in batches} == {max(2, min(size, n))}
    per_epoch = n // len(batches[0])
    for start in range(0, 40 - per_epoch, max(1, per_epoch)):
        epoch = np.concatenate(batches[start : start + per_epoch] or [np.empty(0)])
        assert len(np.unique(epoch)) == len(epoch)  # nothing twice in an epoch
    assert set(np.concatenate(batches).tolist()) == set(range(n))
    again = training_batches(n, size, 40, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def _shifted(image: Any, dy: int, dx: int, mirrored: bool) -> Any:
    """The slow oracle: pad by the edge, cut out, mirror."""
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    source = padded[2 + dy : 2 + dy + height]
    if mirrored:
        return source[:, 2 + dx : 2 + dx + width][:, ::-1]
    return source[:, 2 + dx : 2 + dx + width]


@pytest.mark.parametrize("flip", [False, True])
def test_every_augmented_image_is_a_shift_and_every_shift_occurs(flip: bool) -> None:
    image = np.random.default_rng(0).integers(0, 255, (10, 13, 2), dtype=np.uint8)
    augmentation = Augmentation(shift_share=0.2, flip=flip)
    chance = torch.Generator().manual_seed(0)
    block = torch.from_numpy(np.stack([image] * 1000))
    found = {a.tobytes() for a in augment(block, augmentation, chance).numpy()}
    expected = {
        np.ascontiguousarray(_shifted(image, dy, dx, mirrored)).tobytes()
        for dy in range(-2, 3)
        for dx in range(-2, 3)
        for mirrored in {False, flip}
    }
    assert found == expected


def test_embeddings_are_left_alone() -> None:
    block = torch.rand(3, 5)
    assert augment(block, FAST.augmentation, torch.Generator()) is block
