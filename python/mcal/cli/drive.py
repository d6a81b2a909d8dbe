"""What ``run`` and ``demo`` share: one campaign, on to its end or to people's turn."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import typer
from rich.console import Console

from mcal.campaign import Campaign
from mcal.settings import Settings
from mcal.store import Store, summarise
from mcal.types import TellsPeople, Wakes

from .live import PlainView, open_view
from .tables import broken_lines, continuing_line, print_lines, print_summary

__all__ = ["WAITING", "drive"]

WAITING = 3
POLL_S = 5.0


def drive(settings: Settings, folder: Path, *, again: str, wait: bool = False) -> None:
    """Run the campaign in ``folder``, begun or continued, under a live view.

    Parameters
    ----------
    settings : Settings
        What the campaign is, or was, begun with.
    folder : Path
        Where it is kept.
    again : str
        The command that continues it, to be told to the user.
    wait : bool
        Look again and again whether people have answered, instead of leaving.

    Raises
    ------
    typer.Exit
        With code ``WAITING`` when it is people's turn.
    """
    console = Console(highlight=False)
    if Store.exists(folder):
        with Store.open(folder, read_only=True) as store:
            print_lines(console, [continuing_line(folder, summarise(store))])
    with (
        open_view(console) as view,
        Campaign.from_settings(settings, folder, progress=view.progress) as campaign,
    ):
        pool = campaign.pool
        print_lines(console, broken_lines(pool.broken(), pool.n_pool, pool.item_name))
        is_done = _run(campaign, view, wait=wait)
        summary, problems = campaign.summary(), campaign.problems
        to_do = _what_to_do(campaign)
    print_summary(console, summary)
    where = shlex.quote(str(folder))
    if is_done:
        print_lines(
            console,
            [
                "",
                f"labels:  mcal export {where}",
                f"report:  mcal report {where}",
                f"check:   mcal evaluate {where}",
            ],
        )
        return
    print_lines(console, [f"! {problem}" for problem in problems])
    print_lines(console, ["", *to_do, f"then:  {again}"])
    raise typer.Exit(WAITING)


def _what_to_do(campaign: Campaign) -> list[str]:
    annotator = campaign.annotator
    if not isinstance(annotator, TellsPeople):
        return ["People's turn: their labels have not all come in yet"]
    first, *more = annotator.to_do(campaign.missing)
    return [f"People's turn: {first}", *more]


def _run(campaign: Campaign, view: PlainView, *, wait: bool) -> bool:
    """Whether the campaign reached its end."""
    told: tuple[str, ...] | None = None
    while campaign.run(on_event=view) is None:
        if not wait:
            return False
        if told is None:
            print_lines(view.console, _what_to_do(campaign))
        if campaign.problems != told:
            told = campaign.problems
            print_lines(view.console, [f"! {problem}" for problem in told])
        if isinstance(campaign.annotator, Wakes):
            campaign.annotator.wait(POLL_S)
        else:
            time.sleep(POLL_S)
    return True
