"""The command line: what to reproduce, on what, how much of it, and where it goes."""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mcal.errors import McalError

from .datasets import DataSet, find_data_set
from .drawing import draw, draw_table, write_csv, write_table
from .execute import Tally, execute
from .options import RECIPES, Options
from .runs import Cabinet, Deadline
from .study import Product, Study
from .targets import TARGETS, for_target, usual_data

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when everything asked for is there, 1 when something is missing or failed."""
    given = _parser().parse_args(arguments)
    console = Console(stderr=True)
    names = list(TARGETS) if given.target == "all" else [given.target]
    options = _options(given)
    until = None if given.limit_seconds is None else time.time() + given.limit_seconds
    cabinet = Cabinet(options.out / "runs", any_version=not given.run)
    whole, found = True, _Shelf(options, console)
    for name in names:
        data = found.of(options.datasets or usual_data(name))
        if not data:
            console.print(f"{name}: none of its data sets is here", markup=False)
            whole = False
            continue
        whole &= _make(
            name, for_target(options, name), data, cabinet, Deadline(until), given, console
        )
    return 0 if whole else 1


class _Shelf:
    """Data sets, each looked for once; what is not there is said once."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options, self._console = options, console
        self._found: dict[str, DataSet | None] = {}

    def of(self, names: Sequence[str]) -> list[DataSet]:
        for name in names:
            if name not in self._found:
                self._found[name] = self._look(name)
        return [data for name in names if (data := self._found[name]) is not None]

    def _look(self, name: str) -> DataSet | None:
        try:
            return find_data_set(
                name,
                self._options.cache or self._options.out / "cache",
                folder=self._options.data_folder,
                cifar10_jpeg=self._options.cifar10_jpeg,
            )
        except McalError as error:
            self._console.print(f"not found: {error}", markup=False, soft_wrap=True)
            return None


def _make(
    name: str,
    options: Options,
    data: Sequence[DataSet],
    cabinet: Cabinet,
    deadline: Deadline,
    given: argparse.Namespace,
    console: Console,
) -> bool:
    """Runs, then files; whether nothing is missing."""
    study = Study(options, data, cabinet, planning=True)
    TARGETS[name](study)
    runs = list({cabinet.path(run): run for run in study.wanted}.values())
    missing = [run for run in runs if cabinet.load(run) is None]
    if given.list:
        for run in runs:
            print(f"{'missing' if run in missing else 'there  '} {run}")
        return True
    tally = Tally(len(runs) - len(missing), 0, 0, len(missing))
    if given.run and missing:
        console.print(f"{name}: {len(missing)} of {len(runs)} runs to do", markup=False)
        tally = execute(runs, cabinet, jobs=options.jobs, deadline=deadline, console=console)
    study = Study(options, data, cabinet)
    product = TARGETS[name](study)
    if study.jobs_max > 1:
        shared = (
            f"{product.note} Runs shared the device, up to {study.jobs_max} at a time: their "
            "minutes and training dollars, of wall seconds, are above those of a run alone."
        )
        product = replace(product, note=shared)
    if tally.failed or tally.left:
        words = f"{name}: {tally.left} runs left, {tally.failed} failed; drawn from the others"
        console.print(words, markup=False)
        some = f"{product.note} Incomplete: {tally.there + tally.done} of {len(runs)} runs."
        product = replace(product, note=some)
    if product.rows:
        for path in _write(product, options, figures=given.figures, console=console):
            console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    return tally.is_whole and bool(product.rows)


def _write(product: Product, options: Options, *, figures: bool, console: Console) -> list[Path]:
    base = options.out / product.name
    rows = [{"table": product.name, **row} for row in product.rows]
    write_csv(base.with_suffix(".csv"), rows)
    written = [base.with_suffix(".csv")]
    if product.columns is not None:
        write_table(base.with_suffix(".md"), product.rows, product.columns)
        written.append(base.with_suffix(".md"))
    if not figures or not (product.panels or product.columns):
        return written
    if importlib.util.find_spec("matplotlib") is None:
        console.print("no matplotlib here: --no-run draws on another machine", markup=False)
        return written
    pictures = [base.with_suffix(f".{kind}") for kind in options.formats]
    if product.columns is not None:
        draw_table(pictures, product.rows, product.columns, title=product.title, note=product.note)
    else:
        draw(pictures, product.panels, title=product.title, note=product.note)
    return written + pictures


def _options(given: argparse.Namespace) -> Options:
    def listed(values: list[str] | None) -> tuple[str, ...] | None:
        return tuple(values) if values else None

    return Options(
        out=given.out,
        datasets=listed(given.dataset),
        architectures=listed(given.architecture),
        recipes=listed(given.recipe),
        paper_recipe=given.paper_recipe,
        policies=listed(given.policy),
        prices=tuple(given.price) if given.price else None,
        target_errors=tuple(given.target_error) if given.target_error else None,
        deltas=tuple(given.delta) if given.delta else None,
        seeds=given.seeds,
        epochs=given.epochs,
        batch_size=given.batch_size,
        device=_device(given.device),
        jobs=given.jobs,
        scale=given.scale,
        gpu_usd_per_hour=given.gpu_usd_per_hour,
        cache=given.cache,
        data_folder=given.data,
        cifar10_jpeg=given.cifar10_jpeg,
        overrides=tuple(tuple(each.split("=", 1)) for each in given.set),
        formats=tuple(given.format),
    )


def _device(name: str) -> str:
    """What the runs are filed under, so never "auto"."""
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {value}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/paper",
        description="Reproduce a table or figure of the paper: its runs, then OUT/TARGET.csv and a "
        "picture. Runs are kept in OUT/runs and never repeated; a killed one goes on.",
    )
    add = parser.add_argument
    add(
        "target",
        choices=[*TARGETS, "all"],
        metavar="TARGET",
        help="headline, table-1 to 3, figure-2 to 27, or all",
    )
    add(
        "--dataset",
        nargs="+",
        metavar="NAME",
        help="fashion-mnist, cifar10, cifar100, digits, imagenet-folder:PATH (default: the paper's "
        "own for the target); what is not found is said and left out",
    )
    add("--data", type=Path, metavar="DIR", help="look for known data sets here first")
    add(
        "--cifar10-jpeg",
        type=Path,
        metavar="NPZ",
        help="CIFAR-10 as JPEG files in one npz (blob, lens, y), decoded once",
    )
    add(
        "--architecture",
        nargs="+",
        metavar="NAME",
        help="cnn18, resnet18, resnet50, efficientnet_b0, small-cnn, ... (default: the paper's; "
        "small-cnn below --scale 1); a campaign races those of several that it may have",
    )
    add(
        "--recipe",
        nargs="+",
        metavar="NAME[,KEY=VALUE...]",
        help=f"{', '.join(RECIPES)}, with settings of a classifier: semi,members=3 (default: fast; "
        "of the headline: all); active learning takes the first",
    )
    add(
        "--policy",
        nargs="+",
        choices=("default", "paper"),
        help="mcal's presets (default: both, where a target compares them)",
    )
    add(
        "--paper-recipe", choices=RECIPES, default="paper", help="that the paper's preset trains by"
    )
    add("--price", nargs="+", type=float, metavar="USD", help="for a label: 0.04, 0.003")
    add("--target-error", nargs="+", type=float, metavar="SHARE", help="0.05 is 5 %%")
    add("--delta", nargs="+", type=float, metavar="SHARE", help="batch sizes of active learning")
    add(
        "--seeds",
        type=_positive,
        metavar="N",
        help="of each campaign (default: the target's, scaled)",
    )
    add("--epochs", type=_positive, metavar="N", help="in the place of every recipe's own")
    add("--batch-size", type=_positive, metavar="N", help="of training, in the recipe's place")
    add(
        "--scale",
        type=float,
        default=1.0,
        metavar="S",
        help="below 1: fewer items, seeds and deltas, and fewer epochs of the paper's recipe's",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any setting of mcal's campaigns: plan.replicas=100, classifier.epochs=3",
    )
    add(
        "--gpu-usd-per-hour",
        type=float,
        default=3.0,
        metavar="USD",
        help="of training and scoring (the paper's four K80: 3.6)",
    )
    add("--device", default="auto", help="cpu, cuda or auto")
    add(
        "--jobs",
        type=_positive,
        default=1,
        metavar="N",
        help="runs at a time; above 1 they share the device, and minutes and training dollars are "
        "too high and marked: 1 for figures of those",
    )
    add(
        "--limit-seconds",
        type=float,
        metavar="S",
        help="begin nothing after so long; what is in hand stops where it can go on",
    )
    add("--out", type=Path, default=Path("build/paper"), metavar="DIR")
    add("--cache", type=Path, metavar="DIR", help="of decoded data sets (default: OUT/cache)")
    add("--no-figures", dest="figures", action="store_false", help="CSV and tables only")
    add(
        "--no-run",
        dest="run",
        action="store_false",
        help="draw from the runs there are, of any version of mcal",
    )
    add("--list", action="store_true", help="say which runs there would be, and which there are")
    add("--format", nargs="+", choices=("svg", "png"), default=["svg"])
    return parser
