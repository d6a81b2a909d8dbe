"""``mcal status DIR``: where a campaign stands, from its store alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Show labels, dollars, and the certified or estimated error.

    Works while the campaign runs, too.
    """
    from mcal.store import Store, summarise

    with Store.open(folder, read_only=True) as store:
        summary = summarise(store)
    if as_json:
        typer.echo(json.dumps(summary.to_json(), indent=2))
        return
    from rich.console import Console

    from .tables import print_summary

    print_summary(Console(highlight=False), summary)
