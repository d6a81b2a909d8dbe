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
    from mcal.store import Store, summarise

    with Store.open(folder, read_only=True) as store:
        found = evaluate_store(store, known_truth(store.campaign, truth))
        summary = summarise(store)
    if as_json:
        promise = {key: getattr(summary, key) for key in ("estimated_error", "estimate_kind")}
        typer.echo(json.dumps(found.to_json() | promise, indent=2))
        return
    from rich.console import Console

    from .tables import estimate_line, print_evaluation, print_lines

    console = Console(highlight=False)
    print_evaluation(console, found)
    print_lines(console, [estimate_line(summary)])
