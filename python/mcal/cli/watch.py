"""``mcal status --watch``: a campaign that another process runs, as it goes on."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .chart import MOST_ROWS, forecast_chart, print_chart
from .live import can_draw, money_words
from .standing import Standing, follow
from .tables import print_lines, print_summary

__all__ = ["panel", "watch_campaign"]

_SILENT_S = 60.0  # a training tells of itself every second or so, a slow one every epoch
_LEAST_ROWS = 2
_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def watch_campaign(folder: Path, console: Console, every_s: float, *, as_json: bool) -> None:
    """Show the campaign until it is done: drawn in place, in lines, or as lines of JSON.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with words that say what has not been stopped.
    """
    standings = follow(folder, every_s)
    try:
        if as_json:
            _write_json(standings, folder)
        elif can_draw(console):
            _draw(standings, folder, console)
        else:
            _write_lines(standings, folder, console)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("watching no longer; the campaign is not stopped by it") from None


def _write_json(standings: Iterator[Standing | None], folder: Path) -> None:
    told: str | None = None
    for standing in standings:
        line = "" if standing is None else json.dumps(standing.to_json())
        if line != told:
            typer.echo(line or _awaited(folder), err=not line)
        told = line


def _write_lines(standings: Iterator[Standing | None], folder: Path, console: Console) -> None:
    told = ""
    for standing in standings:
        now = datetime.now(UTC)
        line = _awaited(folder) if standing is None else _line(standing, now)
        if line != told:
            print_lines(console, [f"{now.astimezone():%H:%M:%S}  {line}"])
        told = line
        if standing is not None and standing.summary.finished_at is not None:
            _print_end(standing, console)


def _draw(standings: Iterator[Standing | None], folder: Path, console: Console) -> None:
    with Live(console=console, auto_refresh=False) as live:
        for standing in standings:
            if standing is None:
                live.update(Text(_awaited(folder)), refresh=True)
                continue
            width, height = console.size
            shown = panel(
                folder,
                standing,
                datetime.now(UTC),
                width=width,
                height=height,
                ascii_only=console.options.ascii_only,
            )
            live.update(shown, refresh=True)
            # The last frame makes room for the whole bill; after Ctrl-C it stays.
            live.transient = standing.summary.finished_at is not None
    if standing is not None:
        _print_end(standing, console)


def _print_end(standing: Standing, console: Console) -> None:
    print_summary(console, standing.summary)
    print_chart(console, standing.forecasts, standing.summary)


def panel(
    folder: Path,
    standing: Standing,
    now: datetime,
    *,
    width: int,
    height: int,
    ascii_only: bool = False,
) -> RenderableType:
    """What is happening, the bill so far, and as much of the chart as the terminal has room for."""
    summary = standing.summary
    head = [
        Text.assemble((summary.phase, "bold cyan"), f"  {folder}"),
        *map(Text, textwrap.wrap(_work(standing), width)),
        *map(Text, textwrap.wrap(_life(standing, now), width)),
        Text(),
    ]
    bill = _bill(standing)

    def chart(most_rows: int) -> list[Text]:
        return forecast_chart(
            standing.forecasts, summary, width=width, most_rows=most_rows, ascii_only=ascii_only
        )

    n_lines = len(head) + bill.row_count + 1 + len(chart(_LEAST_ROWS))
    n_rows = min(MOST_ROWS, _LEAST_ROWS + max(0, height - 1 - n_lines))
    rows: list[Text | Table] = [*head, bill, Text(), *chart(n_rows)]
    for row in rows:
        if isinstance(row, Text):
            row.no_wrap, row.overflow = True, "ellipsis"
    return Group(*rows)


def _bill(standing: Standing) -> Table:
    summary = standing.summary
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)  # a line each: the chart has the rest
    if summary.n_known:
        table.add_row("known before", f"{summary.n_known:,}", "")
    of_pool = f"{summary.n_human - summary.n_known:,} of {summary.n_pool:,}"
    table.add_row("people", of_pool, f"${summary.human_cost_usd:,.2f}")
    if summary.n_machine:
        fee = f"${summary.machine_fee_usd:,.2f}"
        table.add_row("machine", f"{summary.n_machine:,}", fee)
    rounds = f"{summary.rounds:,} round{'s' * (summary.rounds != 1)}"
    table.add_row("training", rounds, f"${summary.training_cost_usd:,.2f}")
    table.add_row("spent", "", f"${summary.total_cost_usd:,.2f}", style="bold")
    if summary.predicted_total_cost_usd is not None:
        table.add_row("predicted", "", f"${summary.predicted_total_cost_usd:,.2f}")
        low, high = summary.predicted_interval_usd or (0.0, 0.0)
        if low < high:
            table.add_row("90 % between", f"${low:,.2f}", f"${high:,.2f}")
    if summary.budget_usd is not None:
        table.add_row("budget", "", f"${summary.budget_usd:,.2f}")
    table.add_row("people alone", "", f"${summary.human_only_cost_usd:,.2f}")
    return table


def _line(standing: Standing, now: datetime) -> str:
    """One line for a log; what only time changes is not in it."""
    summary = standing.summary
    facts = {
        "n_human": summary.n_human,
        "n_known": summary.n_known,
        "n_pool": summary.n_pool,
        "spent_usd": summary.total_cost_usd,
        "predicted_usd": None if summary.finished_at else summary.predicted_total_cost_usd,
        "predicted_interval_usd": summary.predicted_interval_usd,
        "human_only_usd": summary.human_only_cost_usd,
        "certified_error": summary.certified_error,
    }
    work = _work(standing)
    if _silence_s(standing, now) >= _SILENT_S:
        work += "; it gives no sign of life"
    words = [f"{summary.phase:<18}", *([work] if work else []), f"[{money_words(facts)}]"]
    return "  ".join(words)


def _work(standing: Standing) -> str:
    """What is being done, in words that change with it only."""
    summary, run = standing.summary, standing.training
    if summary.phase == "training" and run is not None:
        doing = "scores the pool" if run.score_s else f"trains on {run.n_train:,} labels"
        return f"round {run.round}: {run.classifier} {doing}"
    if summary.phase == "waiting for people" and (batch := summary.open_batch) is not None:
        told = f"{batch['n_told']:,} of {batch['n_items']:,} labels are in"
        return f"round {batch['round']}, {batch['purpose']}: {told}"
    return summary.stop_reason or ""


def _life(standing: Standing, now: datetime) -> str:
    """How long it has taken, and whether a training still goes on; changes with time alone."""
    summary, run = standing.summary, standing.training
    if summary.phase == "waiting for people" and (batch := summary.open_batch) is not None:
        return f"asked {_span(_age_s(batch['created_at'], now))} ago"
    if summary.phase != "training" or run is None:
        return ""
    silence_s = _silence_s(standing, now)
    if silence_s < _SILENT_S:
        so_far = _span(run.train_s + run.score_s)
        return f"{so_far} so far, last sign of life {_span(silence_s)} ago"
    return (
        f"no sign of life for {_span(silence_s)}; if its process has ended, the command that ran "
        "it continues the campaign"
    )


def _silence_s(standing: Standing, now: datetime) -> float:
    """Seconds since the training under way gave a sign of life; 0 where none is."""
    if standing.training is None or standing.summary.phase != "training":
        return 0.0
    return _age_s(standing.training.seen_at, now)


def _age_s(then: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(then)).total_seconds())


def _span(seconds: float) -> str:
    """A length of time, in the largest unit it fills twice."""
    unit_s, name = next((u for u in _UNITS if seconds >= 2.0 * u[0]), _UNITS[-1])
    return f"{seconds / unit_s:.0f} {name}"


def _awaited(folder: Path) -> str:
    return f"waiting for a campaign to begin in {folder}"
