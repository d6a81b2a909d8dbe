"""``mcal simulate``: policies compared on pools that exist only as numbers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mcal.simulation import PolicySummary
    from mcal.types import Progress

__all__ = ["simulate"]

PATIENCE_S = 2.0
"""Work that ends sooner needs no progress bar."""


def simulate(
    world: Annotated[
        list[str] | None,
        typer.Option(
            help="easy, medium, hard or hopeless (like Fashion-MNIST, CIFAR-10, CIFAR-100, "
            "ImageNet); any-power, any-truncated, any-floor or any-plateau (random data sets); "
            "a description FILE.toml; recorded scores FILE.npz. Give it again for more.  "
            "[default: the first four]"
        ),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="mcal, mcal-paper, released, naive-al (or naive-al-1, -2, -5, -10, -20), "
            "oracle-al, ground-truth, pac-labels, people, oracle-plan. Give it again for more.  "
            "[default: all]"
        ),
    ] = None,
    campaigns: Annotated[int, typer.Option(min=1, help="Campaigns for each world.")] = 100,
    target_error: Annotated[
        float, typer.Option(help="Wrong machine labels / all items, at most; a share.")
    ] = 0.05,
    price: Annotated[float, typer.Option(help="Dollars for one person's label.")] = 0.04,
    items: Annotated[
        int | None, typer.Option(min=20, help="Size of the pool.  [default: the world's]")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Another seed, other campaigns.")
    ] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes.  [default: one for each processor]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead.")] = False,
) -> None:
    """Compare ways of labelling on simulated pools, without people or training.

    A world says how a classifier's error falls with training and how well its confidence ranks
    items; every policy meets the same pools. The table gives mean dollars, also as a share of what
    people alone cost; the regret against the best of nine plans in hindsight; how often the
    target was kept (with a 95 % interval); and how often the forecast made when 5 % of the pool was
    bought for training held the final total (90 % are promised), of how many that came so far.
    """
    from rich.console import Console

    from mcal.errors import SettingsError
    from mcal.settings import PriceSettings, Settings
    from mcal.simulation import POLICIES, QUICK, open_world
    from mcal.simulation import simulate as run

    if not 0.0 < target_error < 1.0:
        raise SettingsError(f"--target-error: expected a share in (0, 1), found {target_error:g}")
    if not 1e-9 <= price < float("inf"):
        raise SettingsError(f"--price: expected dollars above 0, found {price:g}")
    worlds = [open_world(name) for name in world or ("easy", "medium", "hard", "hopeless")]
    if items is not None:
        worlds = [one.resized(items) for one in worlds]
    with _bar(Console(stderr=True)) as progress:
        result = run(
            worlds,
            policy or list(POLICIES),
            n_campaigns=campaigns,
            seed=seed,
            settings=Settings(
                target_error=target_error,
                prices=PriceSettings(price_per_label=price),
                plan=QUICK,
            ),
            n_jobs=jobs or os.cpu_count() or 1,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2))
        return
    _print(Console(highlight=False), result.summaries())


@contextmanager
def _bar(console: Console) -> Iterator[Progress]:
    """A progress bar on a terminal, from when the work has taken ``PATIENCE_S``."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    began_s = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("simulating", total=1.0)

    def progress(share: float, words: str) -> None:
        bar.update(task, completed=share, description=words)
        if not bar.live.is_started and time.monotonic() - began_s > PATIENCE_S:
            bar.start()

    try:
        yield progress
    finally:
        bar.stop()


def _print(console: Console, summaries: list[PolicySummary]) -> None:
    from rich.table import Table

    from mcal.shares import percent

    table = Table(box=None, padding=(0, 1, 0, 0))  # within 80 columns
    for name in ("world", "policy"):
        table.add_column(name, no_wrap=True)
    for name in ("dollars", "share", "regret", "kept", "error", "forecast"):
        table.add_column(name, justify="right", no_wrap=True)
    places = 2 if any(row.total_usd < 100.0 for row in summaries) else 0
    for row in summaries:
        low, high = row.kept_interval
        coverage = row.forecast_coverage
        table.add_row(
            row.world,
            row.policy,
            f"{row.total_usd:,.{places}f}",
            f"{row.total_share:.1%}",
            f"{row.regret_share:.1%}",
            f"{row.kept:.0%} ({100 * low:.0f}-{100 * high:.0f})",
            percent(row.error),
            "-" if coverage is None else f"{coverage:.0%} of {row.n_forecasts:,}",
        )
    console.print(table)
