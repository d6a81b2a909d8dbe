"""``mcal evaluate DIR``: delivered labels against the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["evaluate"]


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    truth: Annotated[
        Path | None,
        typer.Option(help="CSV or .npy file of true labels.  [default: the data set's own]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Count what is wrong among the delivered labels."""
    from mcal.campaign.truth import evaluate_store, known_truth
    from mcal.store import Store

    with Store.open(folder, read_only=True) as store:
        found = evaluate_store(store, known_truth(store.campaign, truth))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
        return
    from rich.console import Console

    from .tables import print_evaluation

    print_evaluation(Console(highlight=False), found)
