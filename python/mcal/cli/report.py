"""``mcal report DIR``: the whole story on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the campaign.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write.  [default: DIR/report.html]")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write every figure there, too, as SVG and PNG."),
    ] = None,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Show no items, and do not open the pool.")
    ] = False,
) -> None:
    """Write one page that tells what was bought, what it cost, how sure we are, and why.

    The file stands alone: no network, no scripts. Works while the campaign runs, too.
    """
    from mcal.campaign.item_names import reopened_pool
    from mcal.errors import McalError
    from mcal.pools import thumbnail_of
    from mcal.report import write_plots, write_report
    from mcal.store import Store

    path = folder / "report.html" if out is None else out
    with Store.open(folder, read_only=True) as store:
        pool = None
        if not no_pictures:
            try:
                pool = reopened_pool(store.campaign)
            except McalError as error:
                typer.echo(f"mcal: no pictures: {error}", err=True)
        title = folder.resolve().name
        if pool is None:
            write_report(store, path, title=title)
        else:
            shown = pool
            write_report(
                store,
                path,
                title=title,
                item_name=shown.item_name,
                picture=lambda index: thumbnail_of(shown, index),
            )
        typer.echo(str(path))
        if plots is not None:
            for file in write_plots(store, plots):
                typer.echo(str(file))
