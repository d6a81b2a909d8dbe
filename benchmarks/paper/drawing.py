"""Rows into files: CSV, Markdown and pictures. Every file appears whole."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcal.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "MARKERS", "Row", "as_text", "draw", "draw_table", "write_csv", "write_table"]

Row = dict[str, Any]
PANEL_INCHES = (4.6, 3.4)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444", "#8c510a")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """All rows with all their columns, numbers in full."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _joined(value) for key, value in row.items()} for row in rows)
    with whole_file(path) as file:
        file.write(text.getvalue().encode())


def as_text(row: Row, columns: dict[str, tuple[str, str]]) -> list[str]:
    """The cells of a row for people; ``columns``: key -> (heading, format)."""
    cells = []
    for key, (_, form) in columns.items():
        value = row.get(key)
        cells.append("" if value is None else str(_joined(value, form)))
    return cells


def _joined(value: Any, form: str | None = None) -> Any:
    """A tuple as one text, its values in full or as ``form`` has them."""
    if isinstance(value, tuple):
        return " ".join(str(_joined(each, form)) for each in value)
    return value if form is None else format(value, form)


def write_table(path: Path, rows: Sequence[Row], columns: dict[str, tuple[str, str]]) -> None:
    """A Markdown table."""
    headings = [heading for heading, _ in columns.values()]
    headings = [heading.replace("|", r"\|") for heading in headings]
    lines = [headings, ["---"] * len(headings), *(as_text(row, columns) for row in rows)]
    with whole_file(path) as file:
        file.write("".join(f"| {' | '.join(cells)} |\n" for cells in lines).encode())


def draw(
    paths: Sequence[Path],
    panels: Sequence[Callable[[Axes], None]],
    *,
    title: str,
    note: str,
    per_row: int = 3,
) -> None:
    """Panels of one size, a title, and a note below: what was measured, and what the paper says."""
    from matplotlib.figure import Figure

    n_columns = min(per_row, len(panels))
    n_rows = -(-len(panels) // n_columns)
    width, height = PANEL_INCHES[0] * n_columns, PANEL_INCHES[1] * n_rows + 1.1
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.55 / height, 1, 1 - 0.55 / height))  # type: ignore
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        panel(axis)
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    wrapped = textwrap.fill(title, int(width * 11))
    figure.suptitle(wrapped, fontsize=11, parse_math=False)
    _note(figure, note, width)
    _save(figure, paths)


def draw_table(
    paths: Sequence[Path],
    rows: Sequence[Row],
    columns: dict[str, tuple[str, str]],
    *,
    title: str,
    note: str,
) -> None:
    """A table as a picture."""
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

    cells = [as_text(row, columns) for row in rows]
    headings = [heading for heading, _ in columns.values()]
    widths = [
        max(len(text) for text in column) + 2 for column in zip(headings, *cells, strict=True)
    ]
    width, height = max(8.0, 0.085 * sum(widths)), 0.27 * (len(cells) + 1) + 1.3
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes((0.01, 0.6 / height, 0.98, 1 - 1.15 / height))
    axis.axis("off")
    table = axis.table(
        cells,
        colLabels=headings,
        colWidths=[w / sum(widths) for w in widths],
        bbox=Bbox.unit(),
        cellLoc="right",
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    is_text = [form == "" for _, form in columns.values()]
    for (row, column), cell in table.get_celld().items():
        if is_text[column]:
            cell.set_text_props(ha="left")
            cell.PAD = 0.03
        cell.set_linewidth(0.3)
        cell.set_facecolor("#e8eef4" if row == 0 else "white")
    figure.suptitle(title, fontsize=11, y=1 - 0.2 / height, parse_math=False)
    _note(figure, note, width)
    _save(figure, paths)


def _note(figure: Figure, note: str, width_inches: float) -> None:
    text = textwrap.fill(note, int(width_inches * 17))
    figure.text(0.01, 0.01, text, fontsize=7, color="#444444", va="bottom", parse_math=False)


def _save(figure: Figure, paths: Sequence[Path]) -> None:
    import matplotlib

    # The same picture is the same file.
    with matplotlib.rc_context({"svg.hashsalt": "mcal", "svg.fonttype": "path"}):
        for path in paths:
            kind = path.suffix.removeprefix(".")
            metadata = {"Date": None} if kind == "svg" else None
            with whole_file(path) as file:
                figure.savefig(file, format=kind, metadata=metadata, dpi=110)
