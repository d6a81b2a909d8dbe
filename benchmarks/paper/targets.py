"""Every table and figure by name, and what the paper made it from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from .figures_cost import COST_FIGURES
from .figures_curves import CURVE_FIGURES
from .headline import headline
from .options import Options
from .study import Product, Study
from .tables import TABLES

__all__ = ["TARGETS", "for_target", "usual_data"]

THREE = ("fashion-mnist", "cifar10", "cifar100")
ONE_OF_THREE = {8: 0, 9: 1, 10: 2, 16: 0, 17: 1, 18: 2, 19: 0, 20: 1, 21: 2}
ARCHITECTURE = {
    22: "cnn18",
    23: "resnet18",
    24: "resnet50",
    25: "cnn18",
    26: "resnet18",
    27: "resnet50",
}


def _number(target: str) -> int:
    """Of a figure or table; 0 of the headline."""
    found = re.search(r"\d+", target)
    return int(found[0]) if found else 0


_FIGURES = {**CURVE_FIGURES, **COST_FIGURES}
TARGETS: dict[str, Callable[[Study], Product]] = {
    "headline": headline,
    **TABLES,
    **{name: _FIGURES[name] for name in sorted(_FIGURES, key=_number)},
}


def usual_data(target: str) -> tuple[str, ...]:
    """The data sets that the paper made a target from."""
    number = _number(target)
    if target == "headline":
        return THREE[:2]
    if target in TABLES or number in (7, 12, 14, 15):
        return THREE
    if number in ONE_OF_THREE:
        return (THREE[ONE_OF_THREE[number]],)
    return ("cifar100",) if number >= 25 else ("cifar10",)


TARGET_ERRORS = {"headline": (0.05, 0.01), "table-3": (0.10,)}


def for_target(options: Options, target: str) -> Options:
    """With a target's own errors, and the architecture that Figures 22-27 are of."""
    errors = options.target_errors or TARGET_ERRORS.get(target)
    architectures, one = options.architectures, ARCHITECTURE.get(_number(target))
    if architectures is None and one is not None and options.scale >= 1.0:
        architectures = (one,)
    return replace(options, target_errors=errors, architectures=architectures)
