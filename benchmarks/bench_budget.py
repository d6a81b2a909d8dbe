"""Campaigns with a budget: what is spent, certified and realised, by the share of human-only.

    python benchmarks/bench_budget.py --seeds 5
    python benchmarks/bench_budget.py --world medium --items 6000 --seeds 20

Whole campaigns on the worlds of tests/worlds.py, whose trainings cost a fixed price and no time.
A dollar above the budget, or an item without a label, ends the benchmark. The means over seeds
follow, and how often the realised error was above the certified one, which 5 % may be.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mcal.campaign import Campaign
from mcal.settings import PlanSettings, PriceSettings, Settings
from worlds import WORLDS, World

SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Line:
    """One campaign."""

    spent_usd: float
    certified: float
    realised: float
    n_train: int
    n_audit: int
    n_machine: int
    rounds: int
    wall_s: float


def label(world: World, share: float, seed: int, replicas: int) -> Line | str:
    """Run one campaign; why not, where the budget is too small."""
    prices = PriceSettings(
        gpu_usd_per_hour=0.0, fixed_cost_per_training=world.fixed_cost_per_training
    )
    budget_usd = round(share * prices.price_per_label * world.n_pool, 6)
    settings = Settings(
        seed=seed, budget_usd=budget_usd, prices=prices, plan=PlanSettings(replicas=replicas)
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            campaign = Campaign.create(
                Path(folder) / "run",
                pool=world.pool,
                annotator=world.annotator,
                classifiers=[world.classifier],
                settings=settings,
            )
        except ValueError as error:
            return str(error)
        with campaign:
            result = campaign.run()
    assert result is not None
    s = result.summary
    assert s.total_cost_usd <= budget_usd, f"{s.total_cost_usd} spent of {budget_usd}"
    assert (result.sources != "").all()
    assert s.certified_error is not None
    realised = float(np.mean(result.labels != world.truth))
    wall_s = time.perf_counter() - began
    return Line(
        s.total_cost_usd,
        s.certified_error,
        realised,
        s.n_train,
        s.n_audit,
        s.n_machine,
        s.rounds,
        wall_s,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", choices=[w.name for w in WORLDS], action="append")
    parser.add_argument("--items", type=int, help="of each pool; trainings cost in proportion")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--replicas", type=int, default=200)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, CPython {platform.python_version()}, {chosen.seeds} seeds")
    print(
        "world     share  budget $   spent $  certified  realised  above     B     A      S  rounds"
        "  wall s"
    )
    for world in WORLDS:
        if chosen.world and world.name not in chosen.world:
            continue
        factor = (chosen.items or world.n_pool) / world.n_pool
        for share in SHARES:
            lines = []
            for seed in range(chosen.seeds):
                one = replace(
                    world,
                    n_pool=round(factor * world.n_pool),
                    fixed_cost_per_training=factor * world.fixed_cost_per_training,
                    seed=seed,
                )
                found = label(one, share, seed, chosen.replicas)
                if isinstance(found, str):
                    print(f"{world.name:9} {share:5.0%}  {found}")
                    break
                lines.append(found)
            if not lines:
                continue

            def mean(name: str, lines: list[Line] = lines) -> float:
                return float(np.mean([getattr(line, name) for line in lines]))

            above = sum(line.realised > line.certified for line in lines)
            print(
                f"{world.name:9} {share:5.0%} {share * 0.04 * one.n_pool:9.2f} "
                f"{max(line.spent_usd for line in lines):9.2f} {mean('certified'):10.2%} "
                f"{mean('realised'):9.2%} {above:3d}/{len(lines):<2d} {mean('n_train'):6.0f}"
                f"{mean('n_audit'):6.0f}{mean('n_machine'):7.0f}{mean('rounds'):8.1f}"
                f"{mean('wall_s'):8.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
