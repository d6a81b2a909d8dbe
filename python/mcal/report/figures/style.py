"""What all figures share: sizes, dollars, words that are no formulas, and how they become files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal
from xml.etree import ElementTree

from mcal.errors import MissingExtraError

try:
    import matplotlib as mpl
    from cycler import cycler  # Matplotlib's own
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter, FuncFormatter
except ImportError as error:
    raise MissingExtraError("matplotlib", "report") from error

__all__ = [
    "GREY",
    "HEIGHT",
    "Axes",
    "draw",
    "in_count",
    "in_dollars",
    "in_percent",
    "plain",
    "render_inline",
]

GREY = "0.5"  # the one literal colour: seen on white and on black

WIDTH, HEIGHT = 5.0, 3.3  # inches: as wide as a phone shows, so that words stay readable there

# Colours of the page's style sheet, by placeholders that Matplotlib carries through.
_N_SERIES = 6
_SERIES = {f"#0301{i:02x}": f"var(--series-{i})" for i in range(_N_SERIES)}
_INK, _LINE = "#030201", "#030202"
_VARIABLES = {**_SERIES, _INK: "var(--ink)", _LINE: "var(--line)"}
_PLACEHOLDER = re.compile("|".join(_VARIABLES))

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)

_SHARED: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # text stays text: it can be searched, and takes the page's font
    "svg.hashsalt": "mcal",  # the same campaign gives the same bytes
}
_PAGE: dict[Any, Any] = {
    "axes.prop_cycle": cycler(color=list(_SERIES)),
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": _LINE,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "hatch.color": _LINE,
}
_PAPER: dict[Any, Any] = {
    "axes.prop_cycle": cycler(
        color=["#0b62a8", "#c2570c", "#1c7c4a", "#7d4bb3", "#b3261e", "#0c7d8a"]
    ),
    "grid.color": "#d8dbe0",
    "savefig.dpi": 200,
}


class _Dollars(Formatter):
    """Cents on all ticks of an axis, or on none."""

    _places = 0

    def set_locs(self, locs: Any) -> None:
        self._places = 0 if all(float(value).is_integer() for value in locs) else 2

    def __call__(self, value: float, pos: int | None = None) -> str:
        return f"${value:,.{self._places}f}"


def in_dollars(axis: Any) -> None:
    """Ticks of an axis as dollars."""
    axis.set_major_formatter(_Dollars())


def in_percent(axis: Any) -> None:
    """Ticks of an axis that has shares, 0..1, as per cent."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100.0 * share:.4g}%"))


def in_count(axis: Any) -> None:
    """Ticks of an axis as counts with thousands separated."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def plain(name: str, most: int = 24) -> str:
    """A name that strangers chose, for a figure: no control characters, no longer than ``most``."""
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


@contextmanager
def _figure(
    plot: Callable[[Axes], None], colours: dict[Any, Any], height: float
) -> Iterator[Figure]:
    with mpl.rc_context({**_SHARED, **colours}), warnings.catch_warnings():
        # Letters that Matplotlib's own font lacks; a browser has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH, height))
        plot(figure.subplots())
        yield figure


def draw(
    plot: Callable[[Axes], None], format: Literal["svg", "png"], height: float = HEIGHT
) -> bytes:
    """A figure as a file, dark on white."""
    with _figure(plot, _PAPER, height) as figure:
        return _saved(figure, format)


def render_inline(
    plot: Callable[[Axes], None], title: str, height: float = HEIGHT, *, prefix: str
) -> str:
    """A figure as SVG inside a page, in the page's colours; ``title`` is what it says in words.

    Identifiers begin with ``prefix``, so that several figures go on one page.
    """
    with _figure(plot, _PAGE, height) as figure:
        svg = ElementTree.fromstring(_saved(figure, "svg"))
    for name in ("width", "height"):
        del svg.attrib[name]
    svg.attrib |= {"role": "img", "aria-label": title}
    for parent in list(svg.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in svg.iter():  # attributes alone: a name that is drawn stays as it is
        element.attrib.update((key, _in_page(key, value, prefix)) for key, value in element.items())
    return ElementTree.tostring(svg, encoding="unicode")


def _in_page(key: str, value: str, prefix: str) -> str:
    if key == "aria-label":
        return value
    if key == "id":
        return f"{prefix}-{value}"
    if key == f"{{{_XLINK}}}href":
        return value.replace("#", f"#{prefix}-", 1) if value.startswith("#") else value
    value = value.replace("url(#", f"url(#{prefix}-")
    return _PLACEHOLDER.sub(lambda found: _VARIABLES[found.group()], value)


def _saved(figure: Figure, format: str) -> bytes:
    file = BytesIO()
    metadata = {"Date": None} if format == "svg" else None
    figure.savefig(file, format=format, metadata=metadata)
    return file.getvalue()
