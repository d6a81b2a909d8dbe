"""A campaign's report: one self-contained page, and figures that take axes."""

from __future__ import annotations

from .figures import (
    plot_batches,
    plot_bill,
    plot_class_balance,
    plot_class_errors,
    plot_cost_surface,
    plot_fits_by_round,
    plot_forecasts,
    plot_learning_curves,
    plot_ranking,
)
from .story import Story, read_story
from .write import write_plots, write_report

__all__ = [
    "Story",
    "plot_batches",
    "plot_bill",
    "plot_class_balance",
    "plot_class_errors",
    "plot_cost_surface",
    "plot_fits_by_round",
    "plot_forecasts",
    "plot_learning_curves",
    "plot_ranking",
    "read_story",
    "write_plots",
    "write_report",
]
