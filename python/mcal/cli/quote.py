"""``mcal quote CONFIG.toml``: what labelling will cost, and when it will be done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mcal.quoting import Quote

__all__ = ["quote"]


def quote(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The settings.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the campaign, if begun.  [default: CONFIG-campaign]"),
    ] = None,
    items: Annotated[
        int | None,
        typer.Option(min=20, help="So many items, without a pool or a campaign to look at."),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(min=2, help="With --items: so many classes.  [default: those of CONFIG]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Tell what labelling is expected to cost; buy and train nothing.

    Once a campaign has trained a few times the numbers come from its own learning curves, and the
    interval is the one that status shows. Before, they come from simulated data sets between
    easier than Fashion-MNIST and harder than CIFAR-10, at your prices, target and size: a range of
    what is usual, which your data may well leave. Dates need latency_hours or items_per_hour under
    [prices] and count people's time only.
    """
    from mcal.config import read_settings
    from mcal.errors import SettingsError

    if classes is not None and items is None:
        raise SettingsError("--classes: only beside --items; a pool knows its classes")
    settings = read_settings(config, whole=items is None)
    if items is not None and classes is None and settings.classes is None:
        raise SettingsError(
            f"{config}: classes: expected their names, or their number with --classes; "
            "found neither"
        )

    from mcal.quoting import quote as make_quote

    folder = config.with_name(f"{config.stem}-campaign") if out is None else out
    made = make_quote(settings, folder, n_pool=items, n_classes=classes)
    if as_json:
        typer.echo(json.dumps(made.to_json(), indent=2))
        return
    _print(made)


def _print(made: Quote) -> None:
    from rich.console import Console
    from rich.table import Table

    from mcal.quoting import COLUMNS, quote_rows, quote_title

    from .tables import print_lines

    console = Console(highlight=False)
    table = Table(title=quote_title(made))
    table.add_column("")
    for heading in COLUMNS:
        table.add_column(heading, justify="right")
    for row in quote_rows(made):
        table.add_row(*row)
    console.print(table)
    print_lines(console, [f"given {made.given}"])
    if made.complete_at is None:
        print_lines(console, ["no date: people's pace (prices.items_per_hour) is not set"])
