"""A story as one HTML page: no scripts, no requests, readable from a disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from mcal import __version__
from mcal.errors import MissingExtraError
from mcal.types import Picture, Progress, no_progress

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
except ImportError as error:
    raise MissingExtraError("jinja2", "report") from error

from . import tables
from .figures import FIGURES, render_inline
from .gallery import BROKEN_SHOWN, broken, cards
from .story import Story
from .words import captions, dollars, ending, headline, promise, share, verdict

__all__ = ["build_page"]


@dataclass(frozen=True)
class _Shown:
    """A figure on the page."""

    name: str
    svg: Markup
    caption: str
    table: tables.Table | None


def build_page(
    story: Story,
    *,
    title: str,
    item_name: Callable[[int], str],
    picture: Callable[[int], Picture | None],
    made_at: str,
    progress: Progress = no_progress,
) -> str:
    """The whole page as text; every name that strangers chose is escaped."""
    environment = Environment(
        loader=PackageLoader("mcal.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    style = files("mcal.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        title=title,
        style=Markup(style),
        story=story,
        summary=story.summary,
        headline=headline(story),
        verdict=verdict(story),
        promise=promise(story),
        ending=ending(story),
        dollars=dollars,
        share=share,
        figures=_figures(story, progress),
        bill=tables.bill_table(story),
        decisions=tables.decisions(story),
        settings=tables.settings_table(story),
        runs=tables.run_table(story),
        doubtful=cards(story.doubtful, story, item_name, picture),
        mistaken=cards(story.mistaken, story, item_name, picture),
        broken=broken(story, item_name),
        n_broken_shown=BROKEN_SHOWN,
        made_at=made_at,
        version=__version__,
    )


def _figures(story: Story, progress: Progress) -> dict[str, _Shown]:
    words, found = captions(story), {}
    shown = [figure for figure in FIGURES if figure.exists(story)]
    for place, figure in enumerate(shown):
        progress(place / len(shown), f"drawing {figure.name}")
        found[figure.name] = _Shown(
            figure.name,
            Markup(
                render_inline(
                    partial(figure.plot, story),
                    words[figure.name],
                    figure.height(story),
                    prefix=figure.name,
                )
            ),
            words[figure.name],
            tables.numbers_table(figure.name, story),
        )
    return found
