"""Figures 2 to 6 and 22 to 27: learning curves, their fits, and rankings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .datasets import DataSet
from .drawing import COLOURS, MARKERS
from .fits import FORMS, curve_rows, growing_fit_rows, prediction_rows
from .printed import DRAWN, TEXT
from .rankings import METRICS
from .study import Product, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CURVE_FIGURES"]

Row = dict[str, Any]
FIT_THETAS = (0.25, 0.5, 0.75, 1.0)
RANKED_SHARE = 8_000 / 60_000  # |B| of Figure 5
REFERENCE_SHARE = 16_000 / 60_000  # |B| of Figure 4
N_BINS = 20


def figure_2(study: Study) -> Product:
    """Power law and truncated power law on the errors of several thetas."""
    rows = _of_each(study, partial(curve_rows, thetas=FIT_THETAS))
    return Product(
        "figure-2",
        "Figure 2. Error against training size, and fits to all points",
        _note(study, "figure-2", "Points: error on T by its own ranks. Bars: 1 standard error."),
        rows,
        [partial(_fit_panel, rows, key=key) for key in _keys(rows)],
    )


def figure_3(study: Study) -> Product:
    """Forecasts of the last error from the first points."""
    rows = _of_each(study, partial(prediction_rows, thetas=FIT_THETAS))
    return Product(
        "figure-3",
        "Figure 3. How far off a forecast of the error at the largest size is",
        _note(study, "figure-3", "Mean over theta = 25, 50, 75 and 100 %, on T."),
        rows,
        [partial(_prediction_panel, rows, key=key) for key in _keys(rows)],
    )


def figure_4(study: Study) -> Product:
    """Error at one |B| that batches of different sizes led to."""
    rows = []
    for data, architecture, recipe in _subjects(study):
        found = {
            d: study.curves(data, architecture, recipe, d) for d in study.options.chosen_deltas()
        }
        done = {delta: curves for delta, curves in found.items() if curves is not None}
        if not done:
            continue
        wanted = REFERENCE_SHARE * study.options.n_items(data.n_items)
        reference = min([wanted, *(float(c.n_train[-1]) for c in done.values())])
        for delta, curves in done.items():
            rows += [
                {
                    "key": _key(study, data, architecture),
                    "delta": delta,
                    "n_train": round(reference),
                    "theta": theta,
                    "error": float(
                        np.interp(
                            np.log(reference),
                            np.log(curves.n_train),
                            curves.true_error[:, curves.at(theta)],
                        )
                    ),
                }
                for theta in FIT_THETAS
            ]
    return Product(
        "figure-4",
        "Figure 4. Error at the same |B|, against the batch size",
        _note(
            study,
            "figure-4",
            "By the truth, of what was left; between recorded sizes linear in log |B|.",
        ),
        rows,
        [partial(_delta_panel, rows, key=key) for key in _keys(rows)],
    )


def figure_5(study: Study) -> Product:
    """Accuracy along the ranking by each metric."""
    return _ranking_figure(
        study,
        "figure-5",
        "accuracy",
        "Figure 5. Accuracy of items ranked by L",
        "accuracy of machine labels (%)",
    )


def figure_6(study: Study) -> Product:
    """Margin along the ranking by each metric."""
    return _ranking_figure(
        study,
        "figure-6",
        "margin",
        "Figure 6. Margin of items ranked by each metric M",
        "mean margin (%)",
    )


def growing_fits(study: Study, name: str) -> Product:
    """Figures 22 to 27: fits to few and more points at theta = 50 %."""
    rows = _of_each(study, partial(growing_fit_rows, theta=0.5))
    return Product(
        name,
        f"Figure {name.removeprefix('figure-')}. Fits to the first few points, theta = 50 %",
        _note(study, name, "Points: error on T by its own ranks."),
        rows,
        [
            partial(_growing_panel, rows, key=key, form=form)
            for key in _keys(rows)
            for form in FORMS[:2]
        ],
    )


def _ranking_figure(study: Study, name: str, value: str, title: str, label: str) -> Product:
    rows: list[Row] = []
    for data, architecture, recipe in _subjects(study):
        record = study.ranking(data, architecture, recipe, RANKED_SHARE)
        if record is None:
            continue
        arrays = record.arrays
        right, margin = ~arrays["wrong"], 1.0 - arrays["margin"]
        shown = right if value == "accuracy" else margin
        for metric in METRICS:
            ranked = shown[np.argsort(arrays[metric], kind="stable")]
            rows += [
                {
                    "key": _key(study, data, architecture),
                    "n_train": record.values["n_train"],
                    "metric": metric,
                    "share": (i + 1) / N_BINS,
                    value: float(part.mean()),
                }
                for i, part in enumerate(np.array_split(ranked, N_BINS))
            ]
    return Product(
        name,
        title,
        _note(
            study,
            name,
            f"|B| = {RANKED_SHARE:.1%} of N, random; bins of 5 % of the rest, the "
            "surest (for k-center: nearest to B) first.",
        ),
        rows,
        [partial(_ranking_panel, rows, key=key, value=value, label=label) for key in _keys(rows)],
    )


def _subjects(study: Study) -> list[tuple[DataSet, str, str]]:
    recipe = study.options.chosen_recipes()[0]
    return [
        (data, architecture, recipe)
        for data in study.data
        for architecture in study.options.chosen_architectures()
    ]


def _of_each(study: Study, make: Callable[..., list[Row]]) -> list[Row]:
    """Rows of the finest sweep of each data set and architecture."""
    rows = []
    for data, architecture, recipe in _subjects(study):
        delta = min(study.options.chosen_deltas())
        curves = study.curves(data, architecture, recipe, delta)
        if curves is not None:
            key = {"key": _key(study, data, architecture), "delta": delta}
            rows += [{**key, **row} for row in make(curves, len(data.classes))]
    return rows


def _key(study: Study, data: DataSet, architecture: str) -> str:
    return f"{study.name_of(data)}, {architecture}"


def _keys(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row["key"] for row in rows))


def _note(study: Study, name: str, words: str) -> str:
    recipes = study.options.chosen_recipes()[:1]
    setting = study.setting(study.data, study.options.chosen_architectures(), recipes)
    return f"{setting} {words} Paper: {TEXT.get(name, DRAWN)}."


def _fit_panel(rows: list[Row], axis: Axes, *, key: str) -> None:
    for i, theta in enumerate(FIT_THETAS):
        own = [row for row in rows if row["key"] == key and abs(row["theta"] - theta) < 1e-9]
        n = [row["n_train"] for row in own]
        error = np.array([row["error"] for row in own])
        bar = np.sqrt(error * (1 - error) / np.array([max(1.0, row["n_test"]) for row in own]))
        point: dict[str, Any] = {"fmt": MARKERS[i], "ms": 3.5, "lw": 0.8, "color": COLOURS[i]}
        axis.errorbar(n, 100 * error, 100 * bar, label=f"theta = {theta:.0%}", **point)
        axis.plot(n, [100 * row["truncated"] for row in own], "-", lw=1.2, color=COLOURS[i])
        # On top and black: where nothing falls off, the two are the same line.
        axis.plot(n, [100 * row["power"] for row in own], ":", lw=1.2, color="black")
    axis.plot([], [], ":", color="black", label="power law")
    axis.plot([], [], "-", color="black", label="truncated")
    axis.set(title=key, ylabel="error (%)")
    _log_sizes(axis)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7, ncols=2)


def _log_sizes(axis: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set(xscale="log", xlabel="training size |B| (items)")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _prediction_panel(rows: list[Row], axis: Axes, *, key: str) -> None:
    for i, form in enumerate(FORMS):
        own = [row for row in rows if row["key"] == key and row["form"] == form]
        points = sorted({row["n_points"] for row in own})
        off = [np.mean([r["off_points"] for r in own if r["n_points"] == n]) for n in points]
        size = 8 - 2 * i  # equal values show as one marker inside another
        axis.plot(points, off, f"{MARKERS[i]}-", ms=size, mfc="none", color=COLOURS[i], label=form)
    axis.set(
        title=key,
        xlabel="error estimates used (points)",
        ylabel="forecast off by (percentage points)",
    )
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7)


def _delta_panel(rows: list[Row], axis: Axes, *, key: str) -> None:
    for i, theta in enumerate(FIT_THETAS):
        own = [row for row in rows if row["key"] == key and row["theta"] == theta]
        axis.plot(
            [100 * row["delta"] for row in own],
            [100 * row["error"] for row in own],
            f"{MARKERS[i]}-",
            ms=4,
            color=COLOURS[i],
            label=f"theta = {theta:.0%}",
        )
    size = next(row["n_train"] for row in rows if row["key"] == key)
    axis.set(title=f"{key}, |B| = {size:,}", xlabel="batch size delta (% of N)", ylabel="error (%)")
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7)


def _growing_panel(rows: list[Row], axis: Axes, *, key: str, form: str) -> None:
    own = [row for row in rows if row["key"] == key and row["form"] == form]
    counts = sorted({row["n_points"] for row in own})
    measured = [row for row in own if row["n_points"] == counts[0]]
    axis.plot(
        [r["n_train"] for r in measured],
        [100 * r["error"] for r in measured],
        "ko",
        ms=3.5,
        label="measured",
    )
    for i, count in enumerate(counts):
        part = [row for row in own if row["n_points"] == count]
        axis.plot(
            [r["n_train"] for r in part],
            [100 * r["fitted"] for r in part],
            "-",
            lw=1.2,
            color=COLOURS[i],
            label=f"first {count}",
        )
    axis.set(
        title=f"{key}, {form}", xscale="log", xlabel="training size |B| (items)", ylabel="error (%)"
    )
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7)


def _ranking_panel(rows: list[Row], axis: Axes, *, key: str, value: str, label: str) -> None:
    for i, metric in enumerate(METRICS):
        own = [row for row in rows if row["key"] == key and row["metric"] == metric]
        axis.plot(
            [100 * row["share"] for row in own],
            [100 * row[value] for row in own],
            f"{MARKERS[i]}-",
            ms=3.5,
            lw=1.0,
            color=COLOURS[i],
            label=metric.replace("_", " "),
        )
    size = next(row["n_train"] for row in rows if row["key"] == key)
    axis.set(title=f"{key}, |B| = {size:,}", xlabel="items ranked, surest first (%)", ylabel=label)
    axis.legend(fontsize=7)


CURVE_FIGURES: dict[str, Callable[[Study], Product]] = {
    "figure-2": figure_2,
    "figure-3": figure_3,
    "figure-4": figure_4,
    "figure-5": figure_5,
    "figure-6": figure_6,
    **{f"figure-{n}": partial(growing_fits, name=f"figure-{n}") for n in range(22, 28)},
}
