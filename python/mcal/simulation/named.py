"""Ready-made worlds: four in the likeness of known data sets, four of random data sets."""

from __future__ import annotations

from .curves import FAMILIES, Curve
from .worlds import RandomWorld, Source, World

__all__ = ["WORLDS"]

EASY = World(
    "easy",
    n_pool=70_000,
    n_classes=10,
    curve=Curve("power", ((1_400, 0.10), (7_700, 0.065))),
    ranking=0.75,
    train_fixed_s=60.0,
    train_s_per_item=0.24,
)
"""Fashion-MNIST with ResNet-18: 10 % error at 2 % of 70,000, 6.5 % at 11 %. Once margin buying has
taken 6 %, the rest errs with 5.5 %. Seconds are about those of the paper's machine, so that
training is a few per cent of the bill."""

MEDIUM = World(
    "medium",
    n_pool=60_000,
    n_classes=10,
    curve=Curve("power", ((600, 0.60), (15_000, 0.12))),
    ranking=0.65,
    train_fixed_s=60.0,
    train_s_per_item=0.24,
)
"""CIFAR-10 with ResNet-18: 60 % error at 1 %, 12 % at 25 %; at 22 % the machine could label some
70 % (65 % in the paper's table 1)."""

HARD = World(
    "hard",
    n_pool=60_000,
    n_classes=100,
    curve=Curve("power", ((6_000, 0.72), (48_000, 0.26))),
    ranking=0.55,
    train_fixed_s=60.0,
    train_s_per_item=0.30,
)
"""CIFAR-100 with ResNet-18: 72 % error at 10 %, 26 % at 80 %."""

HOPELESS = World(
    "hopeless",
    n_pool=100_000,
    n_classes=100,
    curve=Curve("power", ((1_000, 1.1), (35_000, 0.25))),
    ranking=0.5,
    train_fixed_s=600.0,
    train_s_per_item=60.0,
)
"""ImageNet with EfficientNet-B0: 25 % error at 35 %, and trainings 250 times the price of
ResNet-18's, so that people alone are cheapest."""

_ALL: tuple[Source, ...] = (
    EASY,
    MEDIUM,
    HARD,
    HOPELESS,
    *(RandomWorld(f"any-{family}", family) for family in FAMILIES),
)
WORLDS = {world.name: world for world in _ALL}
