"""``mcal evaluate DIR``: delivered labels against the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["evaluate"]

_PROMISE = (
    "estimated_error",
    "estimate_kind",
    "certified_error",
    "confidence",
    "n_known",
    "n_audit",
    "class_intervals",
    "disagreement",
    "disagreement_interval",
    "true_error_estimate",
)


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    truth: Annotated[
        Path | None,
        typer.Option(
            help="File of true labels. CSV: a column 'label', and 'index' or else 'item' to say "
            "which item a row is about. A CSV with 'label' alone, and .npy with class numbers, "
            "are in the order of the pool. An augmented manifest (.manifest, .jsonl) says itself "
            "which.  [default: the data set's own]"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Count wrong labels, and hold the promise against them."""
    from mcal.campaign.truth import evaluate_store, known_truth
    from mcal.store import Store, summarise

    from .tables import (
        estimate_line,
        people_lines,
        print_classes,
        print_evaluation,
        print_lines,
        promise_kept,
        promise_line,
    )

    with Store.open(folder, read_only=True) as store:
        labels, matched_by = known_truth(store.campaign, truth)
        found = evaluate_store(store, labels)
        summary = summarise(store)
    if as_json:
        known = summary.to_json()
        promise = {key: known[key] for key in _PROMISE}
        more = {"promise_kept": promise_kept(summary, found), "truth_matched_by": matched_by}
        typer.echo(json.dumps(found.to_json() | promise | more, indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False)
    print_evaluation(console, found)
    print_lines(console, [estimate_line(summary), *people_lines(summary)])
    if (line := promise_line(summary, found)) is not None:
        print_lines(console, [line])
    print_classes(console, summary)
    if summary.n_known:
        words = f"{summary.n_known:,} of people's labels, at no cost to this campaign"
        print_lines(console, [f"known before     {words}"])
    if matched_by is not None:
        print_lines(console, [f"true labels      matched by {matched_by}"])
