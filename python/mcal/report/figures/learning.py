"""Figures about learning: the paper's Figures 2, 3 and 5 for one campaign."""

from __future__ import annotations

import numpy as np

from mcal.types import IndexArray

from ..story import Story
from .style import GREY, Axes, in_count, in_percent

__all__ = ["plot_fits_by_round", "plot_learning_curves", "plot_ranking"]

_MARKERS = "osD^"
_MOST_FITS = 6


def plot_learning_curves(story: Story, axes: Axes) -> None:
    """Error against training size at several shares, measured and fitted, with 90% intervals."""
    curves = story.curves
    if curves is None:
        raise ValueError("story: expected a campaign with a measured round, found none yet")
    for row, theta in enumerate(curves.thetas):
        colour, error = f"C{row}", curves.error[:, row]
        axes.fill_between(
            curves.knots,
            curves.fitted_low[row],
            curves.fitted_high[row],
            color=colour,
            alpha=0.15,
            linewidth=0.0,
        )
        axes.plot(curves.knots, curves.fitted[row], color=colour, linewidth=1.2)
        ends = np.stack([error - curves.low[:, row], curves.high[:, row] - error])
        axes.errorbar(
            curves.n_train,
            error,
            np.maximum(ends, 0.0),
            color=colour,
            marker=_MARKERS[row % len(_MARKERS)],
            linestyle="",
            elinewidth=0.8,
            label=f"surest {theta:.0%}" if theta < 1.0 else "all that is left",
        )
    _training_size(axes, curves.knots)
    axes.set_ylim(0.0, 1.1 * float(np.max(curves.high)))
    in_percent(axes.yaxis)
    axes.set_ylabel("error of the machine")
    axes.legend(loc="upper right", title="of the ranking")


def plot_fits_by_round(story: Story, axes: Axes) -> None:
    """The fit at one share as it was after each round, above the errors that came."""
    curves = story.curves
    if curves is None:
        raise ValueError("story: expected a campaign with a measured round, found none yet")
    fitted = np.flatnonzero(np.isfinite(curves.by_round).any(axis=1))
    chosen = np.unique(np.linspace(0, fitted.size - 1, _MOST_FITS).astype(int))
    for place, position in enumerate(chosen if fitted.size else []):
        round_ = int(fitted[position])
        last = place == len(chosen) - 1
        axes.plot(
            curves.knots,
            curves.by_round[round_],
            color=f"C{place % 6}",
            linewidth=1.8 if last else 1.0,
            linestyle="-" if last else "--",
            label=f"fit of {round_ + 1} rounds",
        )
    error = curves.error[:, curves.one]
    ends = np.stack([error - curves.low[:, curves.one], curves.high[:, curves.one] - error])
    axes.errorbar(
        curves.n_train,
        error,
        np.maximum(ends, 0.0),
        color=GREY,
        marker="o",
        linestyle="",
        elinewidth=0.8,
        label="measured",
    )
    _training_size(axes, curves.knots)
    axes.set_ylim(0.0, 1.15 * float(np.max(curves.high[:, curves.one])))
    in_percent(axes.yaxis)
    axes.set_ylabel("error of the machine")
    axes.legend(loc="upper right", title=f"surest {curves.one_theta:.0%}")


def plot_ranking(story: Story, axes: Axes) -> None:
    """Accuracy in slices of the machine's ranking: expected from T, and found by the audit."""
    ranking = story.ranking
    if ranking is None:
        raise ValueError("story: expected a campaign with a measured round, found none yet")
    right = 1.0 - ranking.error
    axes.stairs(right, ranking.edges, color="C0", baseline=None, label="expected from the test set")
    for slice_ in range(right.size):
        axes.fill_between(
            ranking.edges[slice_ : slice_ + 2],
            1.0 - ranking.high[slice_],
            1.0 - ranking.low[slice_],
            color="C0",
            alpha=0.15,
            linewidth=0.0,
        )
    drawn = ranking.n_audit > 0
    if drawn.any():
        middle = (ranking.audit_edges[:-1] + ranking.audit_edges[1:])[drawn] / 2.0
        found = 1.0 - ranking.audit_error[drawn]
        ends = [found - (1.0 - ranking.audit_high[drawn]), 1.0 - ranking.audit_low[drawn] - found]
        axes.errorbar(
            middle,
            found,
            np.maximum(np.stack(ends), 0.0),
            color="C1",
            marker="o",
            linestyle="",
            elinewidth=0.8,
            label="found by the audit",
        )
    if ranking.cut is not None:
        axes.axvline(ranking.cut, color="C2", linestyle="--", label="machine labels end here")
    axes.set_xlim(0.0, 1.0)
    lowest = np.nanmin(np.concatenate([1.0 - ranking.high, 1.0 - ranking.audit_high[drawn]]))
    axes.set_ylim(max(0.0, float(lowest) - 0.03), 1.01)
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    axes.set_xlabel("items by confidence, the surest first")
    axes.set_ylabel("machine's labels that are right")
    axes.legend(loc="lower left")


def _training_size(axes: Axes, knots: IndexArray) -> None:
    axes.set_xscale("log")
    axes.set_xlim(0.9 * float(knots[0]), float(knots[-1]))
    decades = [n * 10**power for power in range(9) for n in (1, 3)]
    shown = [n for n in decades if 0.9 * knots[0] <= n <= knots[-1]] or [int(knots[0])]
    axes.set_xticks(shown, minor=False)
    axes.minorticks_off()
    in_count(axes.xaxis)
    axes.set_xlabel("labels trained on")
