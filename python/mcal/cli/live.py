"""What the user sees while a campaign runs: a live panel, or plain lines where none can be drawn.

Both are fed with ``mcal.types.Event``. An event without a share is a step and gets a line of its
own; one with a share is progress: it moves the panel's bar, and in plain output it gets a line at
the beginning of its phase and then every ``PLAIN_EVERY_S`` seconds.

Facts understood: ``round``, ``n_pool``, ``n_human``, ``n_known`` (of these, not bought),
``spent_usd``, ``predicted_usd`` (total when all is done), ``predicted_interval_usd`` (its 90 %
interval), ``human_only_usd`` (what people alone would cost), ``certified_error``. Each is kept
until told anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mcal.shares import percent_at_most
from mcal.types import Event

__all__ = ["LiveView", "PlainView", "can_draw", "money_words", "open_view"]

PLAIN_EVERY_S = 15.0
BAR_WIDTH = 30


def open_view(console: Console) -> PlainView:
    """A live panel on a terminal, plain lines anywhere else; to be used as a context manager."""
    return LiveView(console) if can_draw(console) else PlainView(console)


def can_draw(console: Console) -> bool:
    """Whether it is a terminal that can be redrawn in place."""
    return console.is_terminal and not console.is_dumb_terminal


class PlainView:
    """One line per step: for logs, and for terminals that cannot redraw."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.facts: Mapping[str, Any] = {}
        self.event: Event | None = None
        self._clock = clock
        self._began_s = clock()
        self._told_s = self._began_s
        self._told_money = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __call__(self, event: Event) -> None:
        """Take in an event of ``Campaign.run``."""
        before, self.event = self.event, event
        # Replaced, never changed: the panel is drawn by a thread of its own.
        self.facts = {**self.facts, **event.facts}
        if event.share is None:
            is_news = before is None or (before.phase, before.words) != (event.phase, event.words)
        else:
            is_news = self._is_progress_told(before, event)
        if is_news:
            self._tell(event)

    def progress(self, share: float, words: str) -> None:
        """Take in progress from before the campaign runs: reading or fetching the pool."""
        self(Event("open", words, share))

    def _is_progress_told(self, before: Event | None, event: Event) -> bool:
        begins = before is None or before.phase != event.phase
        return begins or self._clock() - self._told_s >= PLAIN_EVERY_S

    def _tell(self, event: Event) -> None:
        self._told_s = self._clock()
        share = "" if event.share is None else f" {event.share:.0%}"
        money = money_words(self.facts)
        new_money = f"  [{money}]" if money and money != self._told_money else ""
        self._told_money = money
        elapsed_s = self._told_s - self._began_s
        line = f"{elapsed_s:7.1f}s  {event.phase:<8}  {event.words}{share}{new_money}"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveView(PlainView):
    """The steps scroll by above a panel with phase, labels, dollars and a progress bar."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, clock=clock)
        self._live = Live(
            get_renderable=self.panel, console=console, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def panel(self) -> RenderableType:
        """The panel as of now."""
        event, facts = self.event, self.facts
        if event is None:
            return Text("opening the campaign ...")
        where = Table.grid(padding=(0, 2))
        round_words = f"round {facts['round']}" if "round" in facts else ""
        bar = "" if event.share is None else ProgressBar(1.0, event.share, width=BAR_WIDTH)
        share = "" if event.share is None else f"{event.share:.0%}"
        where.add_row(Text(event.phase, style="bold cyan"), round_words, bar, share)
        return Group(where, Text(event.words), Text(money_words(facts), style="bold"))

    def _is_progress_told(self, before: Event | None, event: Event) -> bool:
        return False  # the bar shows it


def money_words(facts: Mapping[str, Any]) -> str:
    """Labels, dollars and the certified error in one line, as far as they are known."""
    words = []
    if "n_human" in facts:
        of_pool = f" of {facts['n_pool']:,}" if "n_pool" in facts else ""
        n_known = facts.get("n_known", 0)
        known = f", {n_known:,} known before" if n_known else ""
        words.append(f"{facts['n_human'] - n_known:,}{of_pool} labels bought{known}")
    if "spent_usd" in facts:
        words.append(f"${facts['spent_usd']:,.2f} spent")
    if facts.get("predicted_usd") is not None:
        low, high = facts.get("predicted_interval_usd") or (0.0, 0.0)
        between = f" (90 %: ${low:,.2f} to ${high:,.2f})" if low < high else ""
        words.append(f"${facts['predicted_usd']:,.2f} predicted in all{between}")
    if "human_only_usd" in facts:
        words.append(f"${facts['human_only_usd']:,.2f} by people alone")
    if facts.get("certified_error") is not None:
        words.append(f"error certified at most {percent_at_most(facts['certified_error'])}")
    return ", ".join(words)
