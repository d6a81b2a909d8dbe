"""Recipes: how a network is trained, as numbers only.

A recipe is composed of pieces. The training loop and the scoring ask which pieces are there, never
what the recipe is called.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = [
    "Augmentation",
    "Consistency",
    "Distortion",
    "Pretraining",
    "Recipe",
    "RecipeName",
    "WarmStart",
    "recipe_for",
    "self_taught",
]

RecipeName = Literal["fast", "semi", "self", "embedding", "paper"]


@dataclass(frozen=True)
class Augmentation:
    """What chance does to an image before a network learns from it; embeddings are left alone."""

    shift_share: float = 0.0  # of the shorter side, by which images are shifted at most
    flip: bool = False
    erase_share: float = 0.0  # of the shorter side: the side of a square that is hidden
    crop_share: float = 1.0  # smallest side of the part of an image that is enlarged to all of it


@dataclass(frozen=True)
class Distortion:
    """Strong augmentation: each kind of change happens to an image with the same probability."""

    probability: float = 0.0
    turn_degrees: float = 0.0
    shear: float = 0.0
    shift_share: float = 0.0
    erase_share: float = 0.0
    colour: float = 0.0  # strength of changes of light and colour


@dataclass(frozen=True)
class Consistency:
    """Learning from items without labels: a distorted item is what the item itself seems to be."""

    per_label: int  # items without labels in a step, for each that has one
    weight: float  # of their loss, beside that of the labels
    begins: float  # share of the steps before they count
    full: float  # share of the steps after which they count fully
    momentum: float  # of the thresholds
    most_items: int  # without labels seen in a training: a large pool gets fewer passes
    distortion: Distortion = Distortion()

    def weight_at(self, share: float) -> float:
        """Weight of the loss when ``share``, in [0, 1], of the steps is done."""
        if share <= self.begins:
            return 0.0
        return self.weight * min(1.0, (share - self.begins) / (self.full - self.begins))


@dataclass(frozen=True)
class Pretraining:
    """How a body learns from all items before it sees a label."""

    epochs: int
    most_items: int  # seen in all epochs together: a large pool gets fewer of them
    batch_size: int
    peak_rate: float
    weight_decay: float
    temperature: float  # of the contrastive loss
    n_projected: int  # width of what the loss compares
    flip: bool  # whether an image and its mirror image may be of one class

    def epochs_of(self, n_items: int) -> int:
        """Passes over ``n_items``."""
        return max(1, min(self.epochs, self.most_items // n_items))

    def rate(self, share: float) -> float:
        """Learning rate when ``share``, in [0, 1], of the steps is done."""
        warm_up = 0.05
        if share < warm_up:
            return self.peak_rate * share / warm_up
        return self.peak_rate * 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


@dataclass(frozen=True)
class WarmStart:
    """How a training begins with the model of the round before, not with chance alone."""

    keep: float  # weights begin as this share of the former ones, the rest as chance has them
    step_share: float  # of the steps of a training from scratch


@dataclass(frozen=True)
class Recipe:
    """A training recipe; the learning rate is ``peak_rate`` times ``shape(share done)``."""

    name: str
    epochs: int  # passes over the labels; with ``consistency``, over all items
    batch_size: int
    optimizer: Literal["sgd", "adamw"]
    peak_rate: float
    weight_decay: float
    schedule: Literal["one-cycle", "steps"]
    min_steps: int  # few labels get more epochs, or the network would hardly move
    label_smoothing: float
    augmentation: Augmentation
    average_share: float = 0.0  # of the steps done, over which the weights are averaged
    views: int = 1  # of an item when it is scored
    consistency: Consistency | None = None
    pretraining: Pretraining | None = None
    head_penalty: float | None = None  # the body stays, the head is solved for with this penalty
    warm_start: WarmStart | None = field(default=None, repr=False)  # of trainings but the first

    def step_count(self, n_train: int, n_items: int) -> int:
        """Optimisation steps from scratch for ``n_train`` >= 1 labels among ``n_items``."""
        if self.consistency is None:
            steps = self.epochs * max(1, n_train // self.batch_size)
        else:
            steps = self.epochs * max(1, n_items // self.n_unlabelled)
            steps = min(steps, max(1, self.consistency.most_items // self.n_unlabelled))
        return max(steps, self.min_steps)

    @property
    def text(self) -> str:
        """Its numbers, which trained models are kept with; a piece that came later only if used."""
        return repr(self) + (repr(self.warm_start) if self.warm_start else "")

    @property
    def n_unlabelled(self) -> int:
        """Items without labels in a step."""
        return self.batch_size * self.consistency.per_label if self.consistency else 0

    def rate(self, share: float) -> float:
        """Learning rate when ``share``, in [0, 1], of the steps is done."""
        if self.schedule == "steps":
            drops = sum(share >= at for at in (0.4, 0.6, 0.8, 0.9))
            return float(self.peak_rate * 10.0**-drops)
        warm_up = 0.25
        if share < warm_up:
            return self.peak_rate * (0.1 + 0.9 * share / warm_up)
        return self.peak_rate * 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


def augmentation_for(item_shape: tuple[int, ...], flip: bool | None = None) -> Augmentation:
    """Changes that leave the class of items of this shape as it is.

    ``flip`` tells whether mirroring does; by itself it is thought to, but for small grey images.
    Small grey images are often letters, digits or signs, which are not symmetric; and mirroring
    costs the small network 1 % of Fashion-MNIST's pool in few epochs.
    """
    if len(item_shape) == 1:
        return Augmentation()
    if not _is_small(item_shape):
        return Augmentation(flip=flip is not False, crop_share=0.6)
    if item_shape[2] == 1:
        return Augmentation(shift_share=0.04, flip=flip is True, erase_share=0.25)
    return Augmentation(shift_share=0.125, flip=flip is not False, erase_share=0.25)


def distortion_for(item_shape: tuple[int, ...]) -> Distortion:
    """The strongest changes after which an image of this shape can still be told."""
    full = Distortion(
        probability=0.3, turn_degrees=30, shear=0.3, shift_share=0.3, erase_share=0.5, colour=0.8
    )
    if item_shape[2] > 1:
        return full
    if not _is_small(item_shape):
        return replace(full, colour=0.4)
    return Distortion(
        probability=0.5, turn_degrees=6, shear=0.08, shift_share=0.05, erase_share=0.25
    )


def recipe_for(
    name: RecipeName,
    architecture: str,
    item_shape: tuple[int, ...],
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    pretrain_epochs: int | None = None,
    flip: bool | None = None,
    warm_start: bool = False,
) -> Recipe:
    """The recipe called ``name`` as it suits ``architecture`` and items of ``item_shape``.

    ``epochs``, ``batch_size`` and ``pretrain_epochs`` replace its own; a number of epochs that was
    asked for is kept for few labels and large pools too. ``flip`` tells whether an image and its
    mirror image are of one class, where the shape would tell it wrongly. A linear head is solved
    for, unless there are epochs or batches to train it in. With ``warm_start`` every training but
    the first begins with the model before. Raises ``ValueError`` where a recipe needs images and
    there are none, or where nothing can start warm: a head that is solved for.
    """
    if name == "semi" and len(item_shape) != 3:
        raise _needs_images("semi")
    if name == "paper":
        recipe = _PAPER
        if flip is not None:
            recipe = replace(recipe, augmentation=replace(recipe.augmentation, flip=flip))
    elif architecture == "linear":
        solved = epochs is None and batch_size is None
        recipe = replace(_FAST_LINEAR, head_penalty=_PENALTY if solved else None)
    else:
        small = architecture == "small-cnn"
        if name == "semi":
            recipe = _with_distortion(_SEMI if small else _SEMI_DEEP, item_shape)
        else:
            recipe = _FAST if small else _FAST_DEEP
        recipe = replace(recipe, augmentation=augmentation_for(item_shape, flip))
    if name == "self":
        pretraining = self_taught(architecture, item_shape, pretrain_epochs, flip)
        recipe = replace(recipe, pretraining=pretraining)
    recipe = replace(recipe, name=name)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs, min_steps=0)
        if recipe.consistency is not None:
            uncapped = replace(recipe.consistency, most_items=sys.maxsize)
            recipe = replace(recipe, consistency=uncapped)
    if batch_size is not None:
        recipe = replace(recipe, batch_size=batch_size)
    if warm_start:
        if recipe.head_penalty is not None:
            raise ValueError(
                "warm_start: expected false for a linear head, which is solved for from all labels "
                "at once; with epochs or batch_size it is trained"
            )
        recipe = replace(recipe, name=f"{name}-warm", warm_start=_WARM_START)
    return recipe


def _with_distortion(recipe: Recipe, item_shape: tuple[int, ...]) -> Recipe:
    assert recipe.consistency is not None  # what the distortion is for
    fitted = replace(recipe.consistency, distortion=distortion_for(item_shape))
    return replace(recipe, consistency=fitted)


def self_taught(
    architecture: str,
    item_shape: tuple[int, ...],
    epochs: int | None = None,
    flip: bool | None = None,
) -> Pretraining:
    """The pre-training that suits ``architecture``, or as many epochs of it as were asked for.

    Raises ``ValueError`` where there are no images.
    """
    if len(item_shape) != 3:
        raise _needs_images("self")
    numbers = _SELF_TAUGHT if architecture == "small-cnn" else _SELF_TAUGHT_DEEP
    numbers = replace(numbers, flip=augmentation_for(item_shape, flip).flip)
    return numbers if epochs is None else replace(numbers, epochs=epochs, most_items=sys.maxsize)


def _needs_images(recipe: RecipeName) -> ValueError:
    return ValueError(
        "recipe: expected 'fast', 'embedding' or 'paper' for a pool of embeddings, found "
        f"{recipe!r}, which needs images"
    )


def _is_small(item_shape: tuple[int, ...]) -> bool:
    """Of a thumbnail's size, not a photograph's."""
    return min(item_shape[:2]) < 64


# Section 5 of the paper: rate / 10 at epochs 80, 120, 160 and 180 of 200, batches of 256.
_PAPER = Recipe(
    name="paper",
    epochs=200,
    batch_size=256,
    optimizer="sgd",
    peak_rate=0.1,
    weight_decay=5e-4,
    schedule="steps",
    min_steps=0,
    label_smoothing=0.0,
    augmentation=Augmentation(shift_share=0.125, flip=True),
)
# Measured on Fashion-MNIST with the small network, one seed. The machine's share with 4,000 labels:
# 80.4 % of the pool after 217 steps, 84.3 after 20 epochs, 85.4 after 40, 86.0 after 80; with 300:
# 67.4 after 320 steps, 69.4 after 640. 1 % is $28; 40 epochs of 4,000 take one core 45 seconds.
_FAST = Recipe(
    name="fast",
    epochs=40,
    batch_size=128,
    optimizer="sgd",
    peak_rate=0.3,
    weight_decay=5e-4,
    schedule="one-cycle",
    min_steps=600,
    label_smoothing=0.1,
    augmentation=Augmentation(),
    views=3,
)
_FAST_DEEP = replace(_FAST, peak_rate=0.1, average_share=0.1, views=6)
_SEMI = replace(
    _FAST,
    name="semi",
    epochs=3,
    batch_size=64,
    peak_rate=0.2,
    min_steps=1000,
    average_share=0.1,
    consistency=Consistency(
        per_label=1, weight=0.5, begins=0.4, full=0.6, momentum=0.99, most_items=500_000
    ),
)
_SEMI_DEEP = replace(
    _SEMI,
    epochs=60,
    batch_size=128,
    peak_rate=0.05,
    min_steps=2000,
    views=6,
    consistency=Consistency(
        per_label=3, weight=1.0, begins=0.05, full=0.2, momentum=0.999, most_items=4_000_000
    ),
)
_FAST_LINEAR = replace(
    _FAST,
    epochs=20,
    batch_size=256,
    optimizer="adamw",
    peak_rate=0.02,
    weight_decay=0.05,
    min_steps=300,
    label_smoothing=0.0,
)
_WARM_START = WarmStart(keep=0.5, step_share=0.4)
# Measured on digits with 30 to 300 labels: as good from 1e-5 to 3e-4; choosing it by
# cross-validation wins nothing and takes 20 times as long.
_PENALTY = 1e-4
_SELF_TAUGHT = Pretraining(
    epochs=30,
    most_items=4_000_000,
    batch_size=256,
    peak_rate=2e-3,
    weight_decay=1e-4,
    temperature=0.2,
    n_projected=128,
    flip=False,
)
_SELF_TAUGHT_DEEP = replace(_SELF_TAUGHT, epochs=60, batch_size=512, peak_rate=1e-3)
