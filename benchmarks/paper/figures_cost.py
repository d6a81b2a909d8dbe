"""Figures 7 to 21: dollars and machine-labelled shares against what was varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .datasets import DataSet
from .drawing import COLOURS, MARKERS
from .options import PAPERS
from .printed import DRAWN, TABLE_1, TABLE_2, TEXT, service
from .results import oracle_row
from .study import Product, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COST_FIGURES"]

Row = dict[str, Any]
SELECTIONS = ("margin", "entropy", "least_confidence", "k_center", "random")
PER_CLASS = (1_000, 2_000, 3_000, 4_000, 5_000)
SATYAM = 0.003


def figure_7(study: Study) -> Product:
    """People only, mcal, and active learning with an oracle's delta."""
    price = study.options.chosen_prices()[0]
    rows: list[Row] = []
    for data in study.data:
        rows += _paper_bars(data, price)
        n_items = study.options.n_items(data.n_items)
        people_usd = study.people_usd(n_items, price)
        rows.append(_bar(data, price, "people only", people_usd, n_items, people_usd))
        for who, policy, recipe in study.ways():
            row = _campaign(study, data, price, policy, recipe)
            if row is not None:
                rows.append(_bar(data, price, who, row["total_usd"], n_items, people_usd))
        recipe = study.options.chosen_recipes()[0]
        for architecture in study.options.chosen_architectures(PAPERS):
            found = _naive(study, data, architecture, price)
            if found:
                best = oracle_row([found])
                who = f"{best['learner']}, {architecture}/{recipe}"
                rows.append(_bar(data, price, who, best["total_usd"], n_items, people_usd))
    keys = list(dict.fromkeys(row["data"] for row in rows))
    return Product(
        "figure-7",
        "Figure 7. Cost of labelling everything, as a share of people only",
        _note(
            study,
            "figure-7",
            "Bars of the paper: Tables 1 and 2, with all of X priced where "
            "that can be told (>=: a lower bound).",
        ),
        rows,
        [partial(_bars, [row for row in rows if row["data"] == key], title=key) for key in keys],
    )


def delta_costs(study: Study, name: str, price: float, value: str = "total_usd") -> Product:
    """Figures 8-10 and 16-18 (total) and 19-21 (training): dollars against delta."""
    price = study.options.prices[0] if study.options.prices else price
    rows: list[Row] = []
    lines: list[Row] = []
    for data in study.data:
        n_items = study.options.n_items(data.n_items)
        for architecture in study.options.chosen_architectures(PAPERS):
            rows += _naive(study, data, architecture, price)
        if value != "total_usd":
            continue
        people_usd = study.people_usd(n_items, price)
        lines.append({"data": data.key, "who": "people only", "total_usd": people_usd})
        for who, policy, recipe in study.ways():
            row = _campaign(study, data, price, policy, recipe)
            if row is not None:
                lines.append({"data": data.key, "who": who, **row})
    what = "total cost" if value == "total_usd" else "training cost"
    keys = list(dict.fromkeys(row["data"] for row in rows))
    return Product(
        name,
        f"Figure {name.removeprefix('figure-')}. Active learning: {what} against batch size, "
        f"{service(price)}",
        _note(
            study,
            name,
            "Ringed: the cheapest of the deltas tried; its cost in the paper is in Table 2.",
        ),
        [{**row, "who": "naive AL"} for row in rows] + lines,
        [
            partial(
                _delta_panel,
                [row for row in rows if row["data"] == key],
                [row for row in lines if row["data"] == key],
                value=value,
                label=f"{what} ($)",
            )
            for key in keys
        ],
    )


def figure_11(study: Study) -> Product:
    """mcal with each way to choose what is bought."""
    rows = []
    for data in study.data:
        for selection in SELECTIONS:
            row = study.campaign(
                data,
                recipe=study.options.chosen_recipes()[0],
                price=study.options.chosen_prices()[0],
                target_error=study.options.chosen_targets()[0],
                selection=selection,
                seeds=3,
            )
            if row is not None:
                rows.append({"data": data.key, "who": selection.replace("_", " "), **row})
    return _pair(study, "figure-11", "Figure 11. mcal with different sampling metrics M", rows)


def figure_12(study: Study) -> Product:
    """Share labelled by machine in naive active learning."""
    price = study.options.chosen_prices()[0]
    rows = [
        row
        for data in study.data
        for architecture in study.options.chosen_architectures(PAPERS)
        for row in _naive(study, data, architecture, price)
    ]
    return Product(
        "figure-12",
        "Figure 12. Labelled by machine in naive active learning",
        _note(study, "figure-12", "When the error on T, times what is left, meets the target."),
        rows,
        [
            partial(
                _delta_panel,
                rows,
                [],
                value="machine_share",
                label="labelled by machine (%)",
                factor=100.0,
            )
        ]
        if rows
        else [],
    )


def figure_13(study: Study) -> Product:
    """mcal on subsets with so many items a class."""
    rows = []
    for data in study.data:
        if data.is_tree:
            continue
        n_classes = len(data.classes)
        sizes = [max(24, round(study.options.scale * count)) for count in PER_CLASS]
        for per_class in dict.fromkeys(sizes):
            if per_class * n_classes > data.n_items:
                continue
            row = study.campaign(
                data,
                recipe=study.options.chosen_recipes()[0],
                price=study.options.chosen_prices()[0],
                target_error=study.options.chosen_targets()[0],
                n_items=per_class * n_classes,
                seeds=3,
            )
            if row is not None:
                rows.append({"data": data.key, "who": f"{per_class:,}", **row})
    return _pair(study, "figure-13", "Figure 13. mcal on subsets, by items a class", rows)


def learning_gains(study: Study, name: str, price: float) -> Product:
    """Figures 14 and 15: what choosing by margin saves over choosing at random."""
    price = study.options.prices[0] if study.options.prices else price
    rows: list[Row] = []
    for data in study.data:
        found = {
            selection: study.campaign(
                data,
                recipe=study.options.chosen_recipes()[0],
                price=price,
                target_error=study.options.chosen_targets()[0],
                selection=selection,
                seeds=3,
            )
            for selection in ("margin", "random")
        }
        for selection, row in found.items():
            if row is not None:
                rows.append({"data": data.key, "who": f"{data.key}, {selection}", **row})
        if (with_al := found["margin"]) and (without := found["random"]):
            rows[-2]["gain"] = 1.0 - with_al["total_usd"] / without["total_usd"]
    gains = "; ".join(f"{row['data']} {row['gain']:.1%}" for row in rows if "gain" in row)
    number = name.removeprefix("figure-")
    return _pair(
        study,
        name,
        f"Figure {number}. mcal with and without active learning, {service(price)}",
        rows,
        f"Gains: {gains or 'none measured'}.",
    )


def _campaign(study: Study, data: DataSet, price: float, policy: str, recipe: str) -> Row | None:
    return study.campaign(
        data,
        recipe=recipe,
        policy=policy,
        price=price,
        target_error=study.options.chosen_targets()[0],
        architectures=study.options.chosen_architectures(PAPERS),
        seeds=3,
    )


def _naive(study: Study, data: DataSet, architecture: str, price: float) -> list[Row]:
    return study.naive(
        data,
        architecture,
        study.options.chosen_recipes()[0],
        price=price,
        target_error=study.options.chosen_targets()[0],
    )


def _paper_bars(data: DataSet, price: float) -> list[Row]:
    rows = []
    for cell in TABLE_1:
        if (cell.dataset, cell.price) == (data.name, price):
            bar = partial(
                _bar,
                data,
                price,
                n_items=round(cell.human_usd / price),
                people_usd=float(cell.human_usd),
            )
            usd, is_bound = cell.repriced
            rows.append(bar("paper: MCAL, as printed", cell.total_usd))
            rows.append(bar(f"paper: MCAL, all of X{' (>=)' if is_bound else ''}", usd))
            rows += [
                bar(
                    f"paper: oracle AL, {other.architecture}", other.repriced_usd or other.total_usd
                )
                for other in TABLE_2
                if (other.dataset, other.price) == (data.name, price)
            ]
    return rows


def _bar(
    data: DataSet, price: float, who: str, total_usd: float, n_items: int, people_usd: float
) -> Row:
    return {
        "data": data.key,
        "price": price,
        "who": who,
        "n_items": n_items,
        "total_usd": float(total_usd),
        "human_only_usd": people_usd,
        "share_of_people": total_usd / people_usd,
    }


def _pair(study: Study, name: str, title: str, rows: list[Row], words: str = "") -> Product:
    """Cost and machine-labelled share, side by side, for each data set."""
    for row in rows:
        row["share_of_people"] = row["total_usd"] / row["human_only_usd"]
    keys = list(dict.fromkeys(row["data"] for row in rows))
    panels = []
    for key in keys:
        own = [row for row in rows if row["data"] == key]
        panels.append(partial(_bars, own, title=f"{key}: total cost"))
        panels.append(
            partial(
                _bars,
                own,
                title=f"{key}: labelled by machine",
                value="machine_share",
                label="share of N (%)",
            )
        )
    seeds = max((row["n_seeds"] for row in rows), default=0)
    note = _note(study, name, f"Means of {seeds} seed{'s' if seeds != 1 else ''}. {words}")
    return Product(name, title, note, rows, panels)


def _note(study: Study, name: str, words: str) -> str:
    options = study.options
    architectures = options.chosen_architectures(PAPERS if name not in TEXT else ("resnet18",))
    setting = study.setting(study.data, architectures, options.chosen_recipes())
    target = f"eps = {options.chosen_targets()[0]:.0%}."
    return f"{setting} {target} {words} Paper: {TEXT.get(name, DRAWN)}."


def _bars(
    rows: Sequence[Row],
    axis: Axes,
    *,
    title: str,
    value: str = "share_of_people",
    label: str = "share of the people-only price (%)",
) -> None:
    names = [row["who"] for row in rows]
    values = [100 * row[value] for row in rows]
    colours = [COLOURS[6] if name.startswith("paper:") else COLOURS[0] for name in names]
    bars = axis.barh(range(len(rows)), values, color=colours, height=0.7)
    axis.bar_label(bars, [f"{v:.1f}" for v in values], fontsize=7, padding=2)
    axis.set_yticks(range(len(rows)), names, fontsize=7)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.15 * max([*values, 1.0]))
    axis.set(title=title, xlabel=label)


def _delta_panel(
    rows: Sequence[Row],
    lines: Sequence[Row],
    axis: Axes,
    *,
    value: str,
    label: str,
    factor: float = 1.0,
) -> None:
    curves = list(dict.fromkeys((row["data"], row["architecture"]) for row in rows))
    several = len({data for data, _ in curves}) > 1
    for i, (data, architecture) in enumerate(curves):
        own = [r for r in rows if (r["data"], r["architecture"]) == (data, architecture)]
        name = f"{data}, {architecture}" if several else architecture
        x, y = [100 * row["delta"] for row in own], [factor * row[value] for row in own]
        axis.plot(x, y, f"{MARKERS[i]}-", ms=4, color=COLOURS[i], label=name)
        if value == "total_usd" and len(own) > 1:
            best = oracle_row([own])
            axis.plot(100 * best["delta"], best[value], "o", ms=11, mfc="none", color=COLOURS[i])
    for i, line in enumerate(lines):
        axis.axhline(line["total_usd"], ls="--", lw=1.0, color=COLOURS[-1 - i], label=line["who"])
    axis.set(xlabel="batch size delta (% of N)", ylabel=label)
    if not several:
        axis.set_title(rows[0]["data"])
    shown = [factor * row[value] for row in rows] + [line["total_usd"] for line in lines]
    axis.set_ylim(0, 1.1 * max(shown))
    axis.legend(fontsize=7)


def _by_number(
    make: Callable[..., Product], numbers: range, **more: Any
) -> dict[str, Callable[[Study], Product]]:
    return {f"figure-{n}": partial(make, name=f"figure-{n}", **more) for n in numbers}


COST_FIGURES: dict[str, Callable[[Study], Product]] = {
    "figure-7": figure_7,
    **_by_number(delta_costs, range(8, 11), price=0.04),
    "figure-11": figure_11,
    "figure-12": figure_12,
    "figure-13": figure_13,
    "figure-14": partial(learning_gains, name="figure-14", price=0.04),
    "figure-15": partial(learning_gains, name="figure-15", price=SATYAM),
    **_by_number(delta_costs, range(16, 19), price=SATYAM),
    **_by_number(delta_costs, range(19, 22), price=0.04, value="training_usd"),
}
