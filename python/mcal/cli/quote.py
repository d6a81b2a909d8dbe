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

    from .tables import print_lines

    console = Console(highlight=False)
    table = Table(title=f"Quote for {made.n_pool:,} items in {made.n_classes} classes")
    table.add_column("")
    table.add_column("mcal", justify="right")
    table.add_column("people alone", justify="right")
    table.add_row("expected total", f"${made.total_usd:,.2f}", f"${made.human_only_usd:,.2f}")
    low, high = made.interval_usd or (0.0, 0.0)
    if low != high:  # equal once nothing is left to forecast
        table.add_row("with 90 % between", f"${low:,.2f} and ${high:,.2f}", "")
    if made.spent_usd:
        table.add_row("spent so far", f"${made.spent_usd:,.2f}", "")
    table.add_row("people's labels", f"{made.n_human:,}", f"{made.n_pool:,}")
    if made.pays_probability is not None:
        table.add_row("cheaper than people alone", f"{made.pays_probability:.0%} likely", "")
    if made.hours is not None:
        table.add_row("people's time, days", _days(made.hours), _days(made.human_only_hours))
    if made.complete_at is not None:
        table.add_row("labels complete", made.complete_at[:16].replace("T", " ") + " UTC", "")
    console.print(table)
    print_lines(console, [f"given {made.given}"])
    if made.complete_at is None:
        print_lines(console, ["no date: people's pace (prices.items_per_hour) is not set"])


def _days(hours: float | None) -> str:
    return "-" if hours is None else f"{hours / 24.0:,.1f}"
