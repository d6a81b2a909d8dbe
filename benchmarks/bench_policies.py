"""Regret and forecasts: whole simulated campaigns in four families of true curves.

    python benchmarks/bench_policies.py [--campaigns 130] [--items 20000] [--jobs 2] [--policy ...]

Every campaign is another data set; all policies meet the same ones. "regret" is the mean total
above that of the oracle plan, as a share of what people alone cost; "kept" the share of campaigns
whose error was within the target; "keeps" whether that is at least 95 % less 3 standard errors.
"forecast" is how often the 90 % interval of the total cost, made when B first reached 5 % of N,
held the final total (80 to 97 % are asked for), "above" how often the total was dearer, "width" the
mean width of the interval as a share of it; "of" counts the campaigns with such an interval.
"early" is how often the last interval held the total of those that ended before B reached 5 %, and
"none" counts campaigns with neither. The last lines hold mcal against every other policy that keeps
its promise, campaign by campaign.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence

import numpy as np

from mcal.settings import Settings
from mcal.simulation import FAMILIES, POLICIES, QUICK, WORLDS, Outcome, SimulationResult, simulate

CONFIDENCE = 0.95


def keeps(outcomes: Sequence[Outcome]) -> bool:
    slack = 3.0 * (CONFIDENCE * (1.0 - CONFIDENCE) / len(outcomes)) ** 0.5
    return float(np.mean([o.promise_kept for o in outcomes])) >= CONFIDENCE - slack


def print_table(result: SimulationResult) -> None:
    names = ("world", "policy", "people", "regret", "kept", "keeps", "error", "B", "A", "S")
    print(
        " ".join(f"{name:>13}" if i < 2 else f"{name:>7}" for i, name in enumerate(names)), end=""
    )
    print(f" {'rounds':>7} {'forecast':>9} {'of':>4} {'above':>6} {'width':>6}", end="")
    print(f" {'early':>6} {'of':>4} {'none':>5}")
    for s in result.summaries():
        forecast = "" if s.forecast_coverage is None else f"{s.forecast_coverage:9.1%}"
        above = "" if s.forecast_above is None else f"{s.forecast_above:6.1%}"
        early = "" if s.early_coverage is None else f"{s.early_coverage:6.1%}"
        width = "" if s.forecast_width is None else f"{s.forecast_width:6.0%}"
        print(
            f"{s.world:>13} {s.policy:>13} {s.total_share:7.1%} {s.regret_share:7.1%} "
            f"{s.kept:7.1%} {keeps(result.outcomes[s.world, s.policy])!s:>7} {s.error:7.2%} "
            f"{s.train_share:7.1%} {s.audit_share:7.1%} {s.machine_share:7.1%} {s.rounds:7.1f} "
            f"{forecast:>9} {s.n_forecasts:>4} {above:>6} {width:>6} "
            f"{early:>6} {s.n_early:>4} {s.n_without:>5}",
            flush=True,
        )


def print_verdict(result: SimulationResult, worlds: Sequence[str]) -> None:
    mine = [o for world in worlds for o in result.outcomes[world, "mcal"]]
    best = [o for world in worlds for o in result.oracle[world]]
    dollars = np.array([o.total_usd / o.human_only_usd for o in mine])
    least = np.array([o.total_usd / o.human_only_usd for o in best])
    print(f"all worlds: mcal's mean regret {np.mean(dollars - least):.1%}")
    for policy in dict.fromkeys(policy for _, policy in result.outcomes):
        if policy in ("mcal", "oracle-plan"):
            continue
        theirs = [o for world in worlds for o in result.outcomes[world, policy]]
        share = np.array([o.total_usd / o.human_only_usd for o in theirs])
        more = share - dollars
        error = np.std(more) / len(more) ** 0.5
        kept = all(keeps(result.outcomes[world, policy]) for world in worlds)
        print(
            f"  {policy:>13}: regret {np.mean(share - least):6.1%}, {np.mean(more):+6.1%} "
            f"(+- {error:.1%}) of mcal's, dearer in {np.mean(more > 0.0):4.0%} of campaigns; "
            + ("keeps its promise" if kept else "breaks its promise")
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=130, help="for each family")
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target-error", type=float, default=0.05)
    parser.add_argument("--world", nargs="*", default=[f"any-{family}" for family in FAMILIES])
    parser.add_argument("--policy", nargs="*", default=list(POLICIES))
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, N = {arguments.items:,}, "
          f"{arguments.campaigns} campaigns for each world")  # fmt: skip
    began_s = time.perf_counter()
    result = simulate(
        [WORLDS[name].resized(arguments.items) for name in arguments.world],
        arguments.policy,
        n_campaigns=arguments.campaigns,
        seed=arguments.seed,
        settings=Settings(target_error=arguments.target_error, plan=QUICK),
        n_jobs=arguments.jobs,
    )
    print_table(result)
    if "mcal" in arguments.policy:
        print_verdict(result, arguments.world)
    print(f"{time.perf_counter() - began_s:.0f} s")


if __name__ == "__main__":
    main()
