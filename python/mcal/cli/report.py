"""``mcal report DIR``: the whole story on one page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mcal.store import Store
    from mcal.types import Pool, Progress

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
    from rich.console import Console

    from mcal.pools import thumbnail_of
    from mcal.report import write_plots, write_report
    from mcal.store import Store, check_may_write

    from .late_view import LateView
    from .live import open_view

    path = folder / "report.html" if out is None else out
    console = Console(stderr=True, highlight=False)  # the path alone goes to scripts
    with Store.open(folder, read_only=True) as store:
        for target in (path, *([] if plots is None else [plots])):
            check_may_write(store, target)
        with LateView(partial(open_view, console), "report") as view:
            pool = None if no_pictures else _pool(store, view.progress)
            title = folder.resolve().name
            if pool is None:
                write_report(store, path, title=title, progress=view.progress)
            else:
                write_report(
                    store,
                    path,
                    title=title,
                    item_name=pool.item_name,
                    picture=partial(thumbnail_of, pool),
                    progress=view.progress,
                )
        typer.echo(str(path))
        if plots is not None:
            with LateView(partial(open_view, console), "report") as view:
                files = write_plots(store, plots, view.progress)
            for file in files:
                typer.echo(str(file))


def _pool(store: Store, progress: Progress) -> Pool | None:
    """The campaign's items, if they are still there: a report is worth having without them."""
    from mcal.campaign.item_names import reopened_pool
    from mcal.errors import McalError

    try:
        return reopened_pool(store.campaign, progress)
    except McalError as error:
        typer.echo(f"mcal: no pictures: {error}", err=True)
        return None
