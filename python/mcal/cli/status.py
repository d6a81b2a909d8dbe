"""``mcal status DIR``: where a campaign stands, from its store alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]

EVERY_S = 2.0


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead; with --watch one a line.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the campaign until it is done.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=3600.0,
            help=f"With --watch: seconds between looks.  [default: {EVERY_S:g}]",
        ),
    ] = None,
) -> None:
    """Show labels, dollars, errors, and what each round forecast.

    The error is certified or estimated. Works while the campaign runs, too, and never disturbs it.

    --watch redraws in place until the campaign is done (exit code 0) or Ctrl-C (130); it may be
    started before the campaign. Where it cannot redraw, as in a file, it writes a line whenever
    something has changed. With --json that line is a JSON object; beside the numbers of the
    summary it has "forecasts", a list of one object a round, and "training", the one under way,
    with "seen_at", its last sign of life.
    """
    if every is not None and not watch:
        raise typer.BadParameter("only with --watch", param_hint="--every")
    from rich.console import Console

    if watch:
        from .watch import watch_campaign

        watch_campaign(
            folder, Console(highlight=False), EVERY_S if every is None else every, as_json=as_json
        )
        return
    from .standing import read_standing

    standing = read_standing(folder)
    if as_json:
        typer.echo(json.dumps(standing.to_json(), indent=2))
        return
    from .chart import print_chart
    from .tables import print_summary

    console = Console(highlight=False)
    print_summary(console, standing.summary)
    print_chart(console, standing.forecasts, standing.summary)
