"""A report's figures: functions that take a ``Story`` and Matplotlib axes, and draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..story import Story
from .classes import MOST_CLASSES, plot_class_balance, plot_class_errors
from .learning import plot_fits_by_round, plot_learning_curves, plot_ranking
from .money import plot_batches, plot_bill, plot_cost_surface, plot_forecasts
from .style import HEIGHT, Axes, draw, render_inline

__all__ = [
    "FIGURES",
    "Plot",
    "draw",
    "plot_batches",
    "plot_bill",
    "plot_class_balance",
    "plot_class_errors",
    "plot_cost_surface",
    "plot_fits_by_round",
    "plot_forecasts",
    "plot_learning_curves",
    "plot_ranking",
    "render_inline",
]


@dataclass(frozen=True)
class Plot:
    """A figure of the report, and when there is something to draw."""

    name: str  # of its file
    plot: Callable[[Story, Axes], None]
    exists: Callable[[Story], bool]
    height: Callable[[Story], float] = lambda story: HEIGHT  # inches


def _rows(n: int) -> float:
    return 1.0 + 0.24 * min(max(n, 4), MOST_CLASSES)


def _n_class_intervals(story: Story) -> int:
    found = story.summary.class_intervals
    return 0 if found is None else len(found.classes)


FIGURES = (
    Plot("bill", plot_bill, lambda story: bool(story.bill), lambda story: 2.4),
    Plot(
        "forecasts",
        plot_forecasts,
        lambda story: any(f.predicted_usd is not None for f in story.forecasts),
    ),
    Plot("learning-curves", plot_learning_curves, lambda story: story.curves is not None),
    Plot(
        "fits-by-round",
        plot_fits_by_round,
        lambda story: story.curves is not None and story.curves.n_train.size > 1,
    ),
    Plot("ranking", plot_ranking, lambda story: story.ranking is not None),
    Plot("cost-surface", plot_cost_surface, lambda story: story.surface is not None),
    Plot("batches", plot_batches, lambda story: bool(story.batches)),
    Plot(
        "class-balance",
        plot_class_balance,
        lambda story: bool(story.classes.total.any()),
        lambda story: _rows(len(story.classes.names)),
    ),
    Plot(
        "class-errors",
        plot_class_errors,
        lambda story: _n_class_intervals(story) > 0,
        lambda story: _rows(_n_class_intervals(story)),
    ),
)
