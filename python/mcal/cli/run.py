"""``mcal run CONFIG.toml``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["run"]


def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The settings.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the campaign.  [default: CONFIG-campaign]"),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay and look for people's answers, until the end.")
    ] = False,
) -> None:
    """Run a campaign, or continue it.

    The same command goes on after a stop or a kill. It ends with exit code 3 when it is people's
    turn to label; run it again when they have.
    """
    from mcal.config import read_settings

    settings = read_settings(config)  # mistakes are told before torch is imported

    from .drive import drive

    folder = config.with_name(f"{config.stem}-campaign") if out is None else out
    again = shlex.join(["mcal", "run", str(config), "--out", str(folder)])
    drive(settings, folder, again=again, wait=wait)
