"""The headline: every way to label, on the same seeds and machine: dollars, error, GPU minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .datasets import DataSet
from .options import RECIPES
from .printed import TABLE_1, TABLE_2
from .results import device_minutes, kept, oracle_row, seeds_row
from .study import Product, Study

__all__ = ["headline"]

Row = dict[str, Any]
Ways = list[tuple[str, str]]  # preset and recipe
N_SEEDS = 5
COLUMNS = {
    "data": ("data set", ""),
    "target_error": ("eps", ".0%"),
    "who": ("who", ""),
    "total_usd": ("total $", ",.2f"),
    "total_usd_sd": ("sd $", ",.2f"),
    "human_only_usd": ("people only $", ",.2f"),
    "saving": ("saved", ".1%"),
    "test_usd": ("T $", ",.2f"),
    "train_usd": ("B $", ",.2f"),
    "audit_usd": ("audit $", ",.2f"),
    "rest_usd": ("rest $", "z,.2f"),
    "fee_usd": ("fee $", ",.2f"),
    "training_usd": ("training $", ",.2f"),
    "machine_share": ("|S|/|X|", ".1%"),
    "tried": ("deltas tried, best", ""),
    "device_minutes": ("device min", ""),
    "errors": ("error of each seed", ".3%"),
    "kept": ("kept", ""),
    "n_seeds": ("seeds", "d"),
}


def headline(study: Study) -> Product:
    """Runs are wanted by importance: the first target, seed by seed; the others; naive learning."""
    options = study.options
    targets = options.chosen_targets()
    recipes = options.recipes or tuple(r for r in RECIPES if r != "paper")
    policies = options.policies or ("default", "paper")
    price = options.chosen_prices()[0]
    rows: list[Row] = []
    for data in study.data:
        rows += _known(study, data, price)
    ways = [("default", recipe) for recipe in recipes if "default" in policies]
    ways += [("paper", options.paper_recipe)] if "paper" in policies else []
    for target_error in targets:
        for data in study.data:
            _want_by_seed(study, data, price, target_error, ways)
            rows += [_mcal(study, data, price, target_error, *way) for way in ways]
            if target_error == targets[0]:
                rows.append(_random(study, data, price, target_error, recipes[0]))
    for target_error in targets:
        for data in study.data:
            rows += _active_learning(study, data, price, target_error, recipes[0])
    architectures = options.chosen_architectures()
    note = (
        f"{study.setting(study.data, architectures, recipes)} ${price:g} a label, "
        f"${options.gpu_usd_per_hour:g} an hour of the device, every second of training and "
        f"scoring is paid. Errors: wrong machine labels / {study.errors_are_of} by the truth. "
        "Oracle AL takes each seed's best of the deltas tried, in hindsight; where that is the "
        "smallest or largest, a better one may lie beyond."
    )
    return Product(
        "headline",
        "Headline: the same seeds and machine, every way to label",
        note,
        [
            {**row, "device_minutes": device_minutes(row)} if "gpu_minutes" in row else row
            for row in rows
            if row
        ],
        columns=COLUMNS,
    )


def _want_by_seed(
    study: Study, data: DataSet, price: float, target_error: float, ways: Ways
) -> None:
    """Ask for all ways of one seed, then of the next: what is cut short compares them all."""
    if study.planning:
        for seed in range(study.options.n_seeds(N_SEEDS)):
            for policy, recipe in ways:
                _mcal(study, data, price, target_error, policy, recipe, seeds=(seed,))


def _mcal(
    study: Study,
    data: DataSet,
    price: float,
    target_error: float,
    policy: str,
    recipe: str,
    seeds: int | Sequence[int] = N_SEEDS,
) -> Row:
    row = study.campaign(
        data, recipe=recipe, policy=policy, price=price, target_error=target_error, seeds=seeds
    )
    who = f"mcal, {recipe}" if policy == "default" else f"paper's rules, {recipe}"
    return {} if row is None else _named(data, target_error, who, row)


def _random(study: Study, data: DataSet, price: float, target_error: float, recipe: str) -> Row:
    if data.is_tree:
        return {}
    row = study.campaign(
        data,
        recipe=recipe,
        price=price,
        target_error=target_error,
        seeds=range(min(2, study.options.n_seeds(2))),
        random_labels=True,
    )
    who = f"mcal, {recipe}, random labels"
    return {} if row is None else _named(data, target_error, who, row)


def _named(data: DataSet, target_error: float, who: str, row: Row) -> Row:
    return {
        "data": data.key,
        "target_error": target_error,
        "who": who,
        **row,
        "kept": kept(row["errors"], target_error),
    }


def _active_learning(
    study: Study, data: DataSet, price: float, target_error: float, recipe: str
) -> list[Row]:
    """Each delta by itself, and the best of them, seed by seed as the campaigns are."""
    rows: list[Row] = []
    deltas = study.options.chosen_deltas()
    for architecture in study.options.chosen_architectures():
        by_seed = [
            study.naive(
                data,
                architecture,
                recipe,
                price=price,
                target_error=target_error,
                seed=seed,
            )
            for seed in range(study.options.n_seeds(N_SEEDS))
        ]
        for delta in deltas:
            own = [row for found in by_seed for row in found if row["delta"] == delta]
            if own:
                who = f"naive AL {delta:.3g}, {architecture}/{recipe}"
                rows.append(_naive_named(data, target_error, who, seeds_row(own)))
        whole = [found for found in by_seed if len(found) == len(deltas)]
        if whole and len(deltas) > 1:
            who = f"oracle AL, {architecture}/{recipe}"
            rows.append(_naive_named(data, target_error, who, oracle_row(whole)))
    return rows


def _naive_named(data: DataSet, target_error: float, who: str, row: Row) -> Row:
    price = row["human_only_usd"] / row["n_pool"]
    usd = {
        f"{phase}_usd": row[f"{phase}_share"] * row["human_only_usd"] for phase in ("test", "train")
    }
    rest = row["labels_usd"] - sum(usd.values())
    return {
        **row,
        **usd,
        "price": price,
        "data": data.key,
        "target_error": target_error,
        "who": who,
        "rest_usd": rest,
        "kept": kept(row["errors"], target_error),
    }


def _known(study: Study, data: DataSet, price: float) -> list[Row]:
    """People alone, and what the paper printed for eps = 5 %."""
    n_items = study.options.n_items(data.n_items)
    people_usd = study.people_usd(n_items, price)
    rows: list[Row] = [
        {
            "data": data.key,
            "who": "people only",
            "total_usd": people_usd,
            "human_only_usd": people_usd,
            "saving": 0.0,
            "machine_share": 0.0,
        }
    ]
    for cell in TABLE_1:
        if (cell.dataset, cell.price) != (data.name, price):
            continue
        usd, is_bound = cell.repriced
        shared = {
            "data": data.key,
            "target_error": 0.05,
            "human_only_usd": float(cell.human_usd),
            "machine_share": cell.machine_share,
            "errors": (cell.error,),
        }
        bound = ", at least" if is_bound else ""
        for who, total in (("as printed", float(cell.total_usd)), (f"all of X{bound}", usd)):
            saved = 1.0 - total / cell.human_usd
            rows.append({**shared, "who": f"paper, {who}", "total_usd": total, "saving": saved})
    for oracle in TABLE_2:
        where = (oracle.dataset, oracle.price, oracle.architecture)
        if where == (data.name, price, "resnet18") and oracle.repriced_usd is not None:
            rows.append(
                {
                    "data": data.key,
                    "target_error": 0.05,
                    "who": "paper, oracle AL, all of X",
                    "total_usd": oracle.repriced_usd,
                    "machine_share": oracle.machine_share,
                }
            )
    return rows
