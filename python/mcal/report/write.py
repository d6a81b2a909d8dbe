"""Write a campaign's report, and its figures, to files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mcal.errors import ExportError
from mcal.store import Store, check_may_write
from mcal.types import Picture, Progress, no_progress
from mcal.whole_file import whole_file

from .figures import FIGURES, draw
from .page import build_page
from .story import read_story

__all__ = ["write_plots", "write_report"]


def _no_picture(index: int) -> None:
    return None


def write_report(
    store: Store,
    path: Path,
    *,
    title: str = "Labelling report",
    item_name: Callable[[int], str] = str,
    picture: Callable[[int], Picture | None] = _no_picture,
    progress: Progress = no_progress,
) -> None:
    """Write one self-contained HTML file: what was bought, what it cost, how sure we are, and why.

    It makes no request and runs no script; figures are SVG in the colours of the reader's light or
    dark mode. The same store gives the same file but for the minute it was made.

    Parameters
    ----------
    store : Store
        Of a finished campaign or a running one; read at one moment.
    path : Path
        The file; a page that is there is replaced, once everything is written.
    title : str
        Of the page.
    item_name : callable
        Gives the name for an index: ``pool.item_name``.
    picture : callable
        Gives a small picture of an item, or None; asked for at most 48 items.
    progress : callable
        Called with the share done and a few words.

    Raises
    ------
    ExportError
        The file cannot be written, or would take the place of something else than a page.
    MissingExtraError
        Matplotlib or Jinja2 is not installed (``mcal[report]``).

    Notes
    -----
    Under 1 MB without pictures, whatever the pool's size. Cost: one pass over the labels, and
    some seconds for the figures.
    """
    check_may_write(store, path)
    _check_place(path)
    made_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    progress(0.0, "reading the campaign")
    page = build_page(
        read_story(store),
        title=title,
        item_name=item_name,
        picture=picture,
        made_at=made_at,
        progress=progress,
    )
    _write_whole(path, page.encode("utf-8", "backslashreplace"))


def _check_place(path: Path) -> None:
    """Before the work: a folder to write to, and nothing there but a page."""
    if not path.parent.is_dir():
        raise ExportError(f"{path}: cannot be written: there is no folder {path.parent}")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return  # nothing there, or what writing will tell of
    if start and not start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise ExportError(
            f"{path}: expected no file, or an HTML page to replace; found another file"
        )


def write_plots(store: Store, folder: Path, progress: Progress = no_progress) -> list[Path]:
    """Write every figure as SVG and as PNG (200 dots an inch) into a folder, made if need be.

    Returns
    -------
    list of Path
        The files, in the report's order; a figure with nothing to show yet is left out.

    Raises
    ------
    ExportError
        The folder or a file cannot be written, or lies where the campaign's own are.
    MissingExtraError
        Matplotlib is not installed (``mcal[report]``).
    """
    check_may_write(store, folder)
    story, written = read_story(store), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be made: {error.strerror or error}") from error
    shown = [figure for figure in FIGURES if figure.exists(story)]
    for place, figure in enumerate(shown):
        progress(place / len(shown), f"drawing {figure.name}")
        for format in ("svg", "png"):
            path = folder / f"{figure.name}.{format}"
            check_may_write(store, path)  # it may be a link
            drawn = draw(partial(figure.plot, story), format, figure.height(story))
            _write_whole(path, drawn)
            written.append(path)
    return written


def _write_whole(path: Path, data: bytes) -> None:
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error
