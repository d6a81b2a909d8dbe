"""Figures about classes: how many labels of each, by whom, and how often the machine errs."""

from __future__ import annotations

import numpy as np

from mcal.types import Source

from ..story import Story
from .style import Axes, in_count, in_percent, plain

__all__ = ["class_error", "plot_class_balance", "plot_class_errors"]

MOST_CLASSES = 24  # drawn; the largest, or the least sure

SOURCES = {
    Source.HUMAN: "people",
    Source.AUDIT: "people, as audit",
    Source.MACHINE: "machine",
}


def plot_class_balance(story: Story, axes: Axes) -> None:
    """Delivered labels of each class, by who gave them; the largest classes of many."""
    classes = story.classes
    shown = np.argsort(-classes.total, kind="stable")[:MOST_CLASSES]
    rows, left = np.arange(shown.size), np.zeros(shown.size)
    for colour, (source, name) in enumerate(SOURCES.items()):
        n = classes.by_source[source][shown]
        if n.any():
            axes.barh(rows, n, left=left, color=f"C{colour}", label=name)
            left += n
    axes.set_yticks(rows, [plain(classes.names[c]) for c in shown], parse_math=False)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    in_count(axes.xaxis)
    axes.set_xlabel("labels")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def plot_class_errors(story: Story, axes: Axes) -> None:
    """Errors among the machine's labels of each class: estimated by the audit, with intervals."""
    found = story.summary.class_intervals
    if found is None:
        raise ValueError("story: expected a campaign with an audit, found none")
    shown = sorted(found.classes, key=lambda row: (-row.high, row.name))[:MOST_CLASSES]
    rows = np.arange(len(shown))
    low, high = np.array([row.low for row in shown]), np.array([row.high for row in shown])
    axes.hlines(rows, low, high, color="C0", linewidth=3.0, alpha=0.45, label="interval")
    axes.plot(
        [class_error(story, row.name) for row in shown],
        rows,
        color="C1",
        marker="o",
        linestyle="",
        label="estimated by the audit",
    )
    axes.set_yticks(rows, [plain(row.name) for row in shown], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0.0)
    in_percent(axes.xaxis)
    axes.set_xlabel("wrong among the machine's labels")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def class_error(story: Story, name: str) -> float:
    """The estimated error among the machine's labels of a class; NaN where none was audited."""
    audit, cut = story.audit, story.cut
    if audit is None or cut is None:
        return float("nan")
    label = story.campaign.classes.index(name)
    return audit.error((audit.machine == label) & (audit.positions < cut))[0]
