"""Figures about dollars: the bill, the forecasts, the plans, the purchases."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcal.store import BatchRecord, RoundForecast
from mcal.types import IndexArray, Purpose

from ..story import Story
from .style import GREY, Axes, in_count, in_dollars, in_percent

__all__ = ["plot_batches", "plot_bill", "plot_cost_surface", "plot_forecasts"]

PURPOSES: dict[Purpose | None, str] = {
    None: "known before",
    Purpose.TEST: "test set",
    Purpose.TRAIN: "training labels",
    Purpose.AUDIT: "audit",
    Purpose.REST: "the rest",
}


def plot_bill(story: Story, axes: Axes) -> None:
    """What was paid, part by part, above what people alone would have cost."""
    summary = story.summary
    parts = [(f"people: {PURPOSES[row.purpose]}", row.cost_usd) for row in story.bill]
    parts += [("machine fee", summary.machine_fee_usd), ("computing", summary.training_cost_usd)]
    begin = 0.0
    for name, usd in parts:
        if usd > 0.0:
            axes.barh(1, usd, left=begin, height=0.55, label=name)
            begin += usd
    axes.barh(0, summary.human_only_cost_usd, height=0.55, color=GREY)
    for place, usd in ((1, begin), (0, summary.human_only_cost_usd)):
        axes.annotate(
            f"${usd:,.2f}",
            (usd, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
        )
    axes.set_yticks([1, 0], ["this\ncampaign", "people\nalone"])
    axes.set_ylim(-0.5, 2.3)
    axes.set_xlim(0.0, 1.22 * max(begin, summary.human_only_cost_usd, 0.01))
    in_dollars(axes.xaxis)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="y", visible=False)
    if begin > 0.0:
        axes.legend(loc="upper right", ncols=2)


def plot_forecasts(story: Story, axes: Axes) -> None:
    """The total as every round forecast it, with 90% intervals, beside what had been spent."""
    told_of = story.forecasts
    rounds = np.array([f.round for f in told_of])
    spent = np.array([f.spent_usd for f in told_of])
    known = _forecasts(story)
    at = np.array([f.round for f in known])
    total = np.array([f.predicted_usd for f in known], np.float64)
    ends = [f.interval_usd for f in known if f.interval_usd is not None]
    if ends:
        low, high = np.array(ends, np.float64).T
        axes.fill_between(at, low, high, color="C0", alpha=0.2, linewidth=0.0, label="90% interval")
    axes.plot(at, total, color="C0", marker="o", label="forecast of the total")
    axes.plot(rounds, spent, color="C1", marker="s", label="spent by then")
    summary = story.summary
    if summary.finished_at is not None:
        axes.axhline(summary.total_cost_usd, color="C2", linestyle="--", label="the bill")
    axes.set_ylim(0.0)
    _count_rounds(axes, rounds)
    in_dollars(axes.yaxis)
    axes.legend(loc="best")


def plot_cost_surface(story: Story, axes: Axes) -> None:
    """The total over training labels and machine share, and where each forecast expected to end."""
    surface = story.surface
    if surface is None:
        raise ValueError("story: expected a campaign with plans to draw, found none yet")
    if np.isfinite(surface.cost_usd).any():
        mesh = axes.pcolormesh(
            surface.n_train, surface.thetas, surface.cost_usd, cmap="viridis_r", rasterized=True
        )
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
        in_dollars(bar.ax.yaxis)
        bar.outline.set_visible(False)
    axes.set_facecolor((0.5, 0.5, 0.5, 0.25))  # where the error would be too large
    axes.grid(visible=False)
    widest = float(surface.n_train[0])
    white: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8}
    if told_of := _forecasts(story):
        n_train = np.array([f.plan_n_train for f in told_of], np.float64)
        theta = np.array([f.plan_theta for f in told_of], np.float64)
        line: dict[str, Any] = {"color": "C4", "marker": "o", "linewidth": 1.0, **white}
        axes.plot(n_train, theta, label="end that each round expected", **line)
        for place in {0, len(told_of) - 1}:
            axes.annotate(
                str(told_of[place].round),
                (float(n_train[place]), float(theta[place])),
                xytext=(4, -11),
                textcoords="offset points",
                fontsize=8,
            )
        widest = float(n_train.max())
    if surface.end_n_train is not None and surface.end_theta is not None:
        star: dict[str, Any] = {"marker": "*", "markersize": 13, "linestyle": "", **white}
        bill = f"end: ${story.summary.total_cost_usd:,.2f}"
        axes.plot([surface.end_n_train], [surface.end_theta], color="C1", label=bill, **star)
    axes.set_xlabel("labels bought for training")
    axes.set_ylabel("machine's share of what is left")
    widest = max(widest, surface.end_n_train or 0)
    axes.set_xlim(surface.n_train[0], min(surface.n_train[-1], 3.0 * widest))
    axes.set_ylim(0.0, 1.03)
    in_count(axes.xaxis)
    axes.locator_params(axis="x", nbins=5)
    in_percent(axes.yaxis)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def plot_batches(story: Story, axes: Axes) -> None:
    """Labels bought by round, by what they were bought for."""
    rounds = np.array(sorted({batch.round for batch in story.batches}))
    bottom = np.zeros(rounds.size)
    for colour, purpose in enumerate(PURPOSES, start=-1):
        n = np.array(
            [
                sum(b.n_items for b in story.batches if (b.round, _purpose(b)) == (round_, purpose))
                for round_ in rounds
            ],
            np.float64,
        )
        if n.any():
            axes.bar(
                rounds,
                n,
                bottom=bottom,
                color=f"C{colour}" if purpose else GREY,
                label=PURPOSES[purpose],
            )
            bottom += n
    _count_rounds(axes, rounds, "round that they served")
    axes.grid(axis="x", visible=False)
    in_count(axes.yaxis)
    axes.set_ylabel("labels ordered")
    axes.set_xlim(-0.6, max(3.0, rounds[-1] + 0.6))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _purpose(batch: BatchRecord) -> Purpose | None:
    return None if batch.is_known else batch.purpose


def _forecasts(story: Story) -> list[RoundForecast]:
    """Those that know how unsure they are; where none does, as printed in the paper, all."""
    known = [f for f in story.forecasts if f.predicted_usd is not None]
    return [f for f in known if f.interval_usd is not None] or known


def _count_rounds(axes: Axes, rounds: IndexArray, words: str = "round") -> None:
    step = max(1, -(-rounds.size // 12))
    axes.set_xticks(rounds[::step], [str(round_) for round_ in rounds[::step]])
    axes.set_xlabel(words)
