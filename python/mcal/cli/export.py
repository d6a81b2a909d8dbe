"""``mcal export DIR``: the labelled data set as a file or a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mcal.export import Exported
    from mcal.store import Store

__all__ = ["ExportFormat", "export"]


class ExportFormat(StrEnum):
    """Formats of the export."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    MANIFEST = "manifest"
    LABEL_STUDIO = "label-studio"
    IMAGEFOLDER = "imagefolder"
    HUGGINGFACE = "huggingface"


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    format: Annotated[
        ExportFormat,
        typer.Option(help="The last three write a folder, the others a file."),
    ] = ExportFormat.CSV,
    out: Annotated[
        Path | None,
        typer.Option(help="What to write.  [default: DIR/labels.FORMAT, or DIR/labels-FORMAT]"),
    ] = None,
    source_ref: Annotated[
        str | None,
        typer.Option(
            help='Where a manifest finds its images: "s3://bucket/path/{item}"; label-studio takes '
            "https:// and others too.  [default: the names of the items; for label-studio the "
            "files on this disk, else the images themselves]"
        ),
    ] = None,
) -> None:
    """Write the labelled data set, one row per item.

    Columns: index, item, label, source, confidence, round, price_usd, model. price_usd is what
    people's label, or the machine's fee, cost; training and scoring are in the bill that `mcal
    status` shows, and in no row.

    label-studio is a folder of tasks and their labeling-config.xml, for a new project. imagefolder
    has a folder for each class, with links to the pool's files. huggingface is for load_dataset.
    """
    from rich.console import Console

    from mcal.export import FOLDER_FORMATS, check_template
    from mcal.store import Store, summarise

    from .tables import estimate_line, print_lines, unfinished_line

    if source_ref is not None:
        try:
            check_template(format.value, source_ref)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--source-ref") from error
    default = f"labels-{format}" if format in FOLDER_FORMATS else f"labels.{format}"
    path = folder / default if out is None else out
    console = Console(stderr=True, highlight=False)  # the path alone goes to scripts
    with Store.open(folder, read_only=True) as store:
        exported = _write(store, path, format, source_ref, console)
        summary = summarise(store)
    typer.echo(str(path))
    lines = [f"{n:,} items are not in it: {why}" for why, n in exported.left_out.items()]
    if summary.n_unlabelled:
        lines.append(unfinished_line(summary.n_unlabelled, summary.n_pool))
    print_lines(console, [*lines, estimate_line(summary)])


def _write(
    store: Store, path: Path, format: ExportFormat, address: str | None, console: Console
) -> Exported:
    from functools import partial

    from mcal.campaign.item_names import reopened_pool
    from mcal.export import export as write
    from mcal.pools import picture_of
    from mcal.store import check_may_write
    from mcal.types import FilePool

    from .late_view import LateView
    from .live import open_view

    with LateView(partial(open_view, console), "export") as view:
        check_may_write(store, path)  # before a long look for the pool
        pool = reopened_pool(store.campaign, view.progress)
        return write(
            store,
            path,
            format=format.value,
            item_name=str if pool is None else pool.item_name,
            item_path=pool.item_path if isinstance(pool, FilePool) else None,
            picture=partial(picture_of, pool) if pool and pool.kind == "images" else None,
            address=address,
            progress=view.progress,
        )
