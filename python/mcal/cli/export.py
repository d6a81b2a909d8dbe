"""``mcal export DIR``: the labelled data set as a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ExportFormat", "export"]


class ExportFormat(StrEnum):
    """File formats of the export."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    MANIFEST = "manifest"


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    format: Annotated[ExportFormat, typer.Option(help="Format of the file.")] = ExportFormat.CSV,
    out: Annotated[
        Path | None, typer.Option(help="File to write.  [default: DIR/labels.FORMAT]")
    ] = None,
    source_ref: Annotated[
        str | None,
        typer.Option(
            help='Where a manifest finds its images: "s3://bucket/path/{item}".  '
            "[default: the names of the items]"
        ),
    ] = None,
) -> None:
    """Write the labelled data set, one row per item.

    Columns: index, item, label, source, confidence, round, price_usd, model. price_usd is what
    people's label, or the machine's fee, cost; training and scoring are in the bill that `mcal
    status` shows, and in no row.
    """
    from mcal.campaign.item_names import item_names
    from mcal.export import export as write
    from mcal.manifest import check_source_template
    from mcal.manifest import source_ref as address
    from mcal.store import Store, summarise

    from .tables import estimate_line, unfinished_line

    if source_ref is not None:
        if format is not ExportFormat.MANIFEST:
            raise typer.BadParameter("only for --format manifest", param_hint="--source-ref")
        try:
            check_source_template(source_ref)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--source-ref") from error
    path = folder / f"labels.{format}" if out is None else out
    with Store.open(folder, read_only=True) as store:
        name = item_names(store.campaign)
        if source_ref is not None:
            write(
                store,
                path,
                format=format.value,
                item_name=lambda index: address(source_ref, name(index)),
            )
        else:
            write(store, path, format=format.value, item_name=name)
        summary = summarise(store)
    typer.echo(str(path))
    if summary.n_unlabelled:
        typer.echo(unfinished_line(summary.n_unlabelled, summary.n_pool), err=True)
    typer.echo(estimate_line(summary), err=True)  # the path alone goes to scripts
