"""The report of a campaign over a million items: seconds, bytes, peak memory.

    python benchmarks/bench_report.py [--n-pool 1000000] [--folder DIR]

A whole simulated campaign is run first (the tests' easy world, one candidate, audit and all), and
its report is written by a process of its own. The page is checked against the campaign's summary
before its time is printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from mcal.campaign import Campaign
from mcal.settings import PriceSettings, Settings
from mcal.store import Store, summarise

MOST_S, MOST_MB = 10.0, 5.0  # what was promised for a million items


def make_campaign(folder: Path, n_pool: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from worlds import EASY

    world = replace(EASY, n_pool=n_pool)
    prices = PriceSettings(fixed_cost_per_training=world.fixed_cost_per_training)
    with Campaign.create(
        folder,
        pool=world.pool,
        classifiers=[world.classifier],
        annotator=world.annotator,
        settings=Settings(prices=prices),
    ) as campaign:
        assert campaign.run() is not None


def write(folder: Path, path: Path) -> None:
    """In a process that has imported nothing of the report yet, as the command line would."""
    start = time.perf_counter()
    from mcal.report import write_report

    with Store.open(folder, read_only=True) as store:
        write_report(store, path)
        wall_s = time.perf_counter() - start
        summary = summarise(store)
    page = path.read_text(encoding="utf-8")
    for fact in (
        f"{summary.n_pool:,} items are labelled, for ${summary.total_cost_usd:,.2f}",
        f"<dd>{summary.n_human:,}</dd>",
        f"<dd>{summary.n_machine:,}</dd>",
    ):
        assert fact in page, fact
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    size_mb = path.stat().st_size / 1e6
    print(f"report  {wall_s:6.2f} s of {MOST_S:g}   {size_mb:5.2f} MB of {MOST_MB:g}", end="   ")
    print(f"peak {int(peak.split()[1]) / 1024:,.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-pool", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the campaign here, or use the one there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch) / "campaign"
        if not Store.exists(folder):
            start = time.perf_counter()
            make_campaign(folder, given.n_pool)
            print(f"campaign of {given.n_pool:,} items in {time.perf_counter() - start:.0f} s")
        size_mb = (folder / "campaign.sqlite").stat().st_size / 1e6
        print(
            f"store of {size_mb:,.0f} MB; {platform.machine()}, Python {platform.python_version()}"
        )
        own = multiprocessing.get_context("spawn")
        process = own.Process(target=write, args=(folder, Path(scratch) / "report.html"))
        process.start()
        process.join()
        sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
