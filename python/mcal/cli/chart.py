"""The forecasts of a campaign as rows of characters: a round each, dollars from left to right."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from mcal.store import CampaignSummary, RoundForecast

__all__ = ["MOST_ROWS", "forecast_chart", "print_chart"]

MOST_ROWS = 15
_LEAST_PLOT = 10
_LEAST_WITH_LABELS = 60  # narrower, the number of labels is left out
_FAR = 3.0  # times what is known best: what is farther out would squeeze that into a corner
_TICK_EVERY = 12  # characters, at least


@dataclass(frozen=True)
class _Glyphs:
    """A character for each thing that is drawn; different ones, as colour may be missing."""

    spent: str
    low: str
    between: str
    high: str
    total: str
    bill: str
    budget: str
    alone: str
    axis: str
    tick: str
    beyond: str


_LINES = _Glyphs("━", "├", "─", "┤", "●", "│", "╎", "┊", "─", "┴", "▶")
_ASCII = _Glyphs("=", "[", "-", "]", "o", "|", "!", ":", "-", "+", ">")


@dataclass(frozen=True)
class _Row:
    name: str
    labels: str
    spent_usd: float
    interval_usd: tuple[float, float] | None
    total_usd: float | None
    amount: str

    @property
    def forecast_usd(self) -> list[float]:
        ends = self.interval_usd or ()
        return [*ends] if self.total_usd is None else [*ends, self.total_usd]


@dataclass(frozen=True)
class _Mark:
    """Dollars that every row is compared with."""

    glyph: str
    words: str
    usd: float


def print_chart(
    console: Console, forecasts: Sequence[RoundForecast], summary: CampaignSummary
) -> None:
    """The chart, as wide as the console, below an empty line; nothing without a forecast."""
    lines = forecast_chart(
        forecasts, summary, width=console.width, ascii_only=console.options.ascii_only
    )
    for line in [Text(), *lines] if lines else []:
        console.print(line, no_wrap=True, overflow="crop", highlight=False)


def forecast_chart(
    forecasts: Sequence[RoundForecast],
    summary: CampaignSummary,
    *,
    width: int,
    most_rows: int = MOST_ROWS,
    ascii_only: bool = False,
) -> list[Text]:
    """Lines of at most ``width`` characters; none before there is a forecast.

    Parameters
    ----------
    forecasts : sequence of RoundForecast
        Oldest first.
    summary : CampaignSummary
        For the last row, what is spent now or the bill, and for people alone and the budget.
    width : int
        Characters, from 40 on; a narrower chart is cut by the terminal.
    most_rows : int
        Rounds shown, >= 2: of more the first, the last, and some between, evenly.
    ascii_only : bool
        For terminals that can write nothing else.
    """
    if all(forecast.predicted_usd is None for forecast in forecasts):
        return []
    glyphs = _ASCII if ascii_only else _LINES
    shown = [forecasts[i] for i in _evenly(len(forecasts), most_rows)]
    rows = [*map(_row, shown), _last_row(summary)]
    marks = _marks(summary, glyphs)
    alone_usd = summary.human_only_cost_usd
    alone = _Mark(glyphs.alone, f"people alone ${alone_usd:,.2f}", alone_usd)
    top_usd = _top_usd(rows, [*marks, alone])
    is_far = alone_usd > top_usd
    if not is_far:
        marks.append(alone)

    with_labels = width >= _LEAST_WITH_LABELS
    widths = [
        max(len("round"), *(len(row.name) for row in rows)),
        max(len("labels"), *(len(row.labels) for row in rows)) if with_labels else 0,
        max(len("forecast"), *(len(row.amount) for row in rows)),
    ]
    n_gaps = 3 if with_labels else 2
    n_plot = max(_LEAST_PLOT, width - sum(widths) - n_gaps * 2)
    scale = _Scale(top_usd, n_plot)

    def line(name: str, labels: str, plot: Text, amount: str) -> Text:
        left = f"{name:<{widths[0]}}  " + (f"{labels:>{widths[1]}}  " if with_labels else "")
        return Text.assemble(left, plot, f"  {amount:>{widths[2]}}")

    left_out = len(forecasts) - len(shown)
    title = "The whole bill as forecast, by round"
    lines = [Text(title, style="italic"), line("round", "labels", Text(" " * n_plot), "forecast")]
    lines += [
        line(row.name, row.labels, _plot(row, marks, scale, glyphs), row.amount) for row in rows
    ]
    lines += [line("", "", each, "") for each in _axis(scale, glyphs)]
    notes = [f"{glyphs.spent} spent by then", f"{glyphs.total} forecast"]
    if any(row.interval_usd for row in rows):
        notes.append(f"{glyphs.low}{glyphs.between}{glyphs.high} 90 % interval")
    if any(scale.is_beyond(usd) for row in rows for usd in row.forecast_usd):
        notes.append(f"{glyphs.beyond} beyond the axis")
    notes += [f"{mark.glyph} {mark.words}" for mark in marks]
    if is_far:
        notes.append(f"{alone.words}: {alone_usd / top_usd:,.1f} x the axis")
    if left_out:
        notes.append(f"{left_out:,} of {len(forecasts):,} rounds left out")
    for each in lines:
        each.rstrip()
    return [*lines, *map(Text, _flowed(notes, width))]


def _evenly(n: int, most: int) -> list[int]:
    """Positions in 0..n-1, at most so many, the first and the last among them."""
    return sorted(set(np.linspace(0, n - 1, min(n, most)).round().astype(int).tolist()))


def _row(forecast: RoundForecast) -> _Row:
    total_usd = forecast.predicted_usd
    return _Row(
        f"{forecast.round}",
        f"{forecast.n_train:,}",
        forecast.spent_usd,
        forecast.interval_usd,
        total_usd,
        "-" if total_usd is None else f"${total_usd:,.2f}",
    )


def _last_row(summary: CampaignSummary) -> _Row:
    name = "now" if summary.finished_at is None else "bill"
    spent_usd = summary.total_cost_usd
    return _Row(name, "", spent_usd, None, None, f"${spent_usd:,.2f}")


def _top_usd(rows: Sequence[_Row], marks: Sequence[_Mark]) -> float:
    """The end of the axis: the largest amount that is not far beyond what is known best."""
    spent = [row.spent_usd for row in rows]
    newest = next(row for row in reversed(rows) if row.total_usd is not None)
    near_usd = max(*spent, *newest.forecast_usd)
    amounts = [usd for row in rows for usd in row.forecast_usd] + [mark.usd for mark in marks]
    return max(near_usd, *(usd for usd in amounts if usd <= _FAR * near_usd)) or 1.0


def _marks(summary: CampaignSummary, glyphs: _Glyphs) -> list[_Mark]:
    marks = []
    if summary.finished_at is not None:
        usd = summary.total_cost_usd
        marks.append(_Mark(glyphs.bill, f"bill ${usd:,.2f}", usd))
    if summary.budget_usd is not None:
        usd = summary.budget_usd
        marks.append(_Mark(glyphs.budget, f"budget ${usd:,.2f}", usd))
    return marks


@dataclass(frozen=True)
class _Scale:
    """Dollars to columns: 0 in the first, ``top_usd`` in the last."""

    top_usd: float
    n_columns: int

    def is_beyond(self, usd: float) -> bool:
        return usd > self.top_usd

    def column(self, usd: float) -> int:
        return min(self.n_columns - 1, round(usd / self.top_usd * (self.n_columns - 1)))

    def ticks_usd(self) -> Iterator[float]:
        """Round amounts, evenly apart, from 0 on."""
        least_usd = self.top_usd * _TICK_EVERY / self.n_columns
        power = 10.0 ** math.floor(math.log10(least_usd))
        step_usd = next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= least_usd)
        return (i * step_usd for i in range(math.floor(self.top_usd / step_usd) + 1))


def _plot(row: _Row, marks: Sequence[_Mark], scale: _Scale, glyphs: _Glyphs) -> Text:
    cells = [(" ", "")] * scale.n_columns
    for mark in marks:
        if not scale.is_beyond(mark.usd):
            cells[scale.column(mark.usd)] = (mark.glyph, "dim")
    if row.spent_usd > 0.0:
        spent = scale.column(row.spent_usd) + 1
        cells[:spent] = [(glyphs.spent, "cyan")] * spent
    if row.interval_usd is not None:
        low, high = map(scale.column, row.interval_usd)
        cells[low : high + 1] = [(glyphs.between, "yellow")] * (high + 1 - low)
        cells[low], cells[high] = (glyphs.low, "yellow"), (glyphs.high, "yellow")
    if row.total_usd is not None:
        cells[scale.column(row.total_usd)] = (glyphs.total, "bold")
    if any(map(scale.is_beyond, row.forecast_usd)):
        cells[-1] = (glyphs.beyond, "bold")
    return Text.assemble(*cells)


def _axis(scale: _Scale, glyphs: _Glyphs) -> tuple[Text, Text]:
    """The line with its ticks, and the dollars below."""
    ticks, n = list(scale.ticks_usd()), scale.n_columns
    in_cents = ticks[1] < 1.0 if len(ticks) > 1 else scale.top_usd < 1.0
    line, below = [glyphs.axis] * n, [" "] * n
    for usd in ticks:
        column, words = scale.column(usd), f"${usd:,.2f}" if in_cents else f"${usd:,.0f}"
        line[column] = glyphs.tick
        begin = max(0, min(column - len(words) // 2, n - len(words)))
        below[begin : begin + len(words)] = words
    return Text("".join(line), style="dim"), Text("".join(below), style="dim")


def _flowed(notes: Sequence[str], width: int) -> list[str]:
    """As many of them in a line as fit; one that is too long alone is wrapped."""
    lines: list[str] = []
    for note in notes:
        together = f"{lines[-1]}   {note}" if lines else note
        if lines and len(together) <= width:
            lines[-1] = together
        else:
            lines += textwrap.wrap(note, width)
    return lines
