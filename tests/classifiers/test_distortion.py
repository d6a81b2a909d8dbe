"""Augmentation, weak and strong: what may change, and what may not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers.augmentation import augment, erase, views_of, warp  # noqa: E402
from mcal.classifiers.distortion import distort  # noqa: E402
from mcal.classifiers.recipes import (  # noqa: E402
    Augmentation,
    Distortion,
    augmentation_for,
    distortion_for,
)

SHAPES = [(28, 28, 1), (32, 32, 3), (9, 13, 2), (80, 70, 3), (100, 64, 1), (1, 1, 1)]
NOTHING = Distortion(0.0, 30, 0.3, 0.3, 0.0, 0.8)


def images(n: int, shape: tuple[int, ...]) -> Any:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (n, *shape), dtype=np.uint8))


def chance(seed: int = 0) -> Any:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", SHAPES)
def test_distorted_images_are_images_and_the_same_for_the_same_chance(shape: Any) -> None:
    block = images(50, shape)
    found = distort(block, distortion_for(shape), chance())
    assert found.shape == block.shape
    assert found.dtype == torch.float32
    assert found.min() >= 0
    assert found.max() <= 255
    assert torch.equal(distort(block, distortion_for(shape), chance()), found)
    if min(shape[:2]) > 1:
        assert not torch.equal(distort(block, distortion_for(shape), chance(1)), found)
    assert distort(block[:0], distortion_for(shape), chance()).shape == (0, *shape)


def test_what_does_not_happen_changes_nothing() -> None:
    block = images(20, (9, 13, 3))
    found = distort(block, NOTHING, chance())
    np.testing.assert_allclose(found.numpy(), block.numpy(), atol=1e-3)


@pytest.mark.parametrize("only", ["turn_degrees", "shear", "shift_share", "erase_share", "colour"])
def test_each_kind_of_change_changes_something(only: str) -> None:
    kinds = {"turn_degrees": 30.0, "shear": 0.3, "shift_share": 0.3, "erase_share": 0.5}
    kinds["colour"] = 0.8
    chosen = {kind: kinds[kind] if kind == only else 0.0 for kind in kinds}
    block = images(40, (16, 16, 3))
    changed = distort(block, Distortion(0.5, **chosen), chance()) - block
    share = (changed.abs().amax((1, 2, 3)) > 1).float().mean().item()
    assert 0.3 < share <= 1.0


def test_grey_thumbnails_are_distorted_mildly_and_photographs_in_colour_fully() -> None:
    digit, thumbnail = distortion_for((28, 28, 1)), distortion_for((32, 32, 3))
    x_ray = distortion_for((224, 224, 1))
    assert digit.colour == 0 < x_ray.colour < thumbnail.colour
    assert digit.turn_degrees < x_ray.turn_degrees == thumbnail.turn_degrees
    assert distortion_for((224, 224, 3)) == thumbnail
    assert not augmentation_for((28, 28, 1)).flip
    assert augmentation_for((32, 32, 3)).flip
    assert augmentation_for((224, 224, 3)).crop_share < 1
    assert augmentation_for((7,)) == Augmentation()


def test_a_warp_by_whole_pixels_and_by_a_quarter_turn() -> None:
    block = images(3, (7, 7, 2)).float()
    same, shift, turn = (torch.zeros(3, 2, 3) for _ in range(3))
    same[:, 0, 0] = same[:, 1, 1] = 1
    shift[:] = same
    shift[:, 0, 2] = 2  # from two columns to the right
    shift[:, 1, 2] = -1  # from one row above
    turn[:, 0, 1], turn[:, 1, 0] = 1, -1
    expected = block[:, [0, 0, 1, 2, 3, 4, 5]][:, :, [2, 3, 4, 5, 6, 6, 6]]
    torch.testing.assert_close(warp(block, same), block, atol=1e-3, rtol=0)
    torch.testing.assert_close(warp(block, shift), expected, atol=1e-3, rtol=0)
    expected = block.flip(1).transpose(1, 2)  # row r, column c comes from row 6 - c, column r
    torch.testing.assert_close(warp(block, turn), expected, atol=1e-3, rtol=0)


def test_an_erased_square_has_the_image_s_mean_and_the_rest_stays() -> None:
    block = images(200, (20, 24, 3))
    found = erase(block, 0.4, chance())
    changed = (found != block).any(3).numpy()
    assert found.dtype == torch.uint8
    for image, mask, before in zip(found.numpy(), changed, block.numpy(), strict=True):
        assert mask.any(1).sum() <= 8
        assert mask.any(0).sum() <= 8
        assert (image[mask] == before.mean((0, 1)).astype(np.uint8)).all()
    assert changed.mean() == pytest.approx(8 * 8 / (20 * 24), rel=0.3)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (70, 90, 3)])
def test_weak_augmentation_keeps_shape_and_range(shape: Any) -> None:
    block = images(30, shape)
    weak = augmentation_for(shape)
    found = augment(block, weak, chance())
    assert found.shape == block.shape
    assert found.min() >= 0
    assert found.max() <= 255
    assert torch.equal(augment(block, weak, chance()), found)
    assert (found.float() - block.float()).abs().max() > 0
    assert found.dtype == (torch.float32 if weak.crop_share < 1 else torch.uint8)


def test_a_crop_is_a_part_of_the_image() -> None:
    ramp = torch.arange(0, 100, dtype=torch.float32).repeat(80, 1)[None, :, :, None]
    found = augment(ramp.repeat(200, 1, 1, 1), Augmentation(crop_share=0.5), chance())
    step = found[:, :, 1:-1].diff(dim=2)[:, 40, 5:-5, 0]
    assert (step > 0.49).all()  # enlarged up to twice, never shrunk or turned
    assert (step < 1.01).all()
    assert step.std(1).max() < 1e-2
    assert found.amin() < 10
    assert found.amax() > 90


def test_views() -> None:
    plain, mirrored = Augmentation(shift_share=0.1), Augmentation(shift_share=0.1, flip=True)
    assert views_of(plain, (28, 28, 1), 3) == [(0, 0, False), (-2, -2, False), (2, 2, False)]
    assert views_of(mirrored, (28, 28, 1), 2) == [(0, 0, False), (0, 0, True)]
    everything = views_of(mirrored, (28, 28, 1), 99)
    assert len(set(everything)) == len(everything) == 6
    assert sum(mirrored for *_, mirrored in everything) == 3
    assert views_of(replace(plain, shift_share=0.0), (28, 28, 1), 9) == [(0, 0, False)]
    assert views_of(plain, (5,), 9) == [(0, 0, False)]


@pytest.mark.parametrize("shift_share", [0.04, 0.125, 0.3])
def test_views_are_moved_where_and_as_far_as_training_moves_items(shift_share: float) -> None:
    for side in range(8, 41):
        rows = torch.arange(side).repeat_interleave(side).view(1, side, side, 1)
        learnt = augment(rows.repeat(300, 1, 1, 1), Augmentation(shift_share), chance())
        farthest = int((learnt[:, side // 2, side // 2, 0] - side // 2).max())
        views = views_of(Augmentation(shift_share), (side, side, 1), 9)
        assert max(abs(down) for down, _, _ in views) <= farthest
        assert max(abs(right) for _, right, _ in views) <= farthest
        assert len(views) == (5 if farthest else 1)
