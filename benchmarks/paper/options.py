"""What was asked for, and what ``--scale`` makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from mcal.settings import ClassifierSettings

from .printed import EPOCHS

__all__ = ["DELTAS", "RECIPES", "Options", "plain", "recipe_names"]

DELTAS = (0.01, 0.017, 0.033, 0.067, 0.10, 0.133, 0.167, 0.20)
PAPERS = ("cnn18", "resnet18", "resnet50")
SMALL = "small-cnn"
LEAST_ITEMS = 240
FEWEST_EPOCHS = 10


def recipe_names() -> tuple[str, ...]:
    """The recipes that the settings know."""
    annotation: Any = ClassifierSettings.model_fields["recipe"].annotation
    return tuple(name for name in get_args(annotation) if isinstance(name, str))


RECIPES = recipe_names()


@dataclass(frozen=True)
class Options:
    """Of one call; None where the target has a choice of its own."""

    out: Path
    datasets: tuple[str, ...] | None = None
    architectures: tuple[str, ...] | None = None
    recipes: tuple[str, ...] | None = None
    paper_recipe: str = "paper"
    policies: tuple[str, ...] | None = None
    prices: tuple[float, ...] | None = None
    target_errors: tuple[float, ...] | None = None
    deltas: tuple[float, ...] | None = None
    seeds: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    device: str = "cpu"
    jobs: int = 1
    scale: float = 1.0
    gpu_usd_per_hour: float = 3.0
    cache: Path | None = None
    data_folder: Path | None = None
    cifar10_jpeg: Path | None = None
    overrides: tuple[tuple[str, str], ...] = ()
    formats: tuple[str, ...] = ("svg",)

    def n_items(self, n_all: int) -> int:
        """Items of a data set that are used."""
        return min(n_all, max(LEAST_ITEMS, round(self.scale * n_all)))

    def n_seeds(self, usual: int) -> int:
        return self.seeds or max(1, round(self.scale * usual))

    def chosen_architectures(self, usual: tuple[str, ...] = ("resnet18",)) -> tuple[str, ...]:
        """As asked for; on a reduced scale the small network in the place of deep ones."""
        return self.architectures or (usual if self.scale >= 1.0 else (SMALL,))

    def chosen_recipes(self) -> tuple[str, ...]:
        return self.recipes or (ClassifierSettings().recipe,)

    def chosen_prices(self) -> tuple[float, ...]:
        return self.prices or (0.04,)

    def chosen_targets(self) -> tuple[float, ...]:
        return self.target_errors or (0.05,)

    def chosen_deltas(self) -> tuple[float, ...]:
        """From 1 to 20 %; a reduced scale takes fewer, the largest among them."""
        if self.deltas:
            return self.deltas
        count = max(2, round(self.scale**0.25 * len(DELTAS)))
        step = (len(DELTAS) - 1) / count
        return tuple(DELTAS[round((i + 1) * step)] for i in range(count)) if count < 8 else DELTAS

    def epochs_of(self, recipe: str) -> int | None:
        """Epochs that replace the recipe's own; None leaves them.

        A scale below 1 shrinks the paper's 200, down to 10. The other recipes are short, or follow
        the number of items, which is smaller already.
        """
        if self.epochs is not None or self.scale >= 1.0 or recipe != "paper":
            return self.epochs
        return max(FEWEST_EPOCHS, round(self.scale * EPOCHS))

    def candidate(self, architecture: str, recipe: str) -> ClassifierSettings:
        """A classifier's settings; ``recipe`` may bring some: "semi,members=3,ranking=learned".

        Epochs and batch size that were asked for are left out where a recipe has none.
        """
        name, *more = recipe.split(",")
        given = {"architecture": architecture, "recipe": name, "device": self.device}
        given |= {key: plain(value) for key, _, value in (each.partition("=") for each in more)}
        steps = {"epochs": self.epochs_of(name), "batch_size": self.batch_size}
        try:
            return ClassifierSettings.model_validate({**steps, **given})
        except ValidationError:
            return ClassifierSettings.model_validate(given)


def plain(value: str) -> Any:
    """A number, a truth value or a list as JSON writes it; else text."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
