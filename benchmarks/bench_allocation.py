"""Other sizes and steps against the default rules, campaign by campaign, in simulated worlds.

    python benchmarks/bench_allocation.py [--items 20000] [--campaigns 40] [--price 0.04]
        [--target-error 0.05] [--world any-power ...] [--free]
        [--replicas 100] [--seed 0] --try VARIANT ...

A variant is a comma-separated list of ``name=value``: ``test`` and ``first`` are factors of the
default |T| and |B0|; every other name is one of ``[plan]``, with a number, true or false. The
default runs on the same pools with the same seeds; "saves" is its mean total less the variant's, as
a share of what people alone cost, with its standard error; "kept" counts campaigns within the
target. ``--free`` makes trainings cost nothing. Worlds beside the named ones: "stubborn-power" and
"stubborn-floor", of which a model trained on 1 % errs on 60 %, on 25 % still on 20 %.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mcal.campaign.estimate import n_test_items
from mcal.settings import PriceSettings, Settings
from mcal.simulation import FAMILIES, QUICK, WORLDS, Curve, Outcome, RandomWorld, Source, World
from mcal.simulation.policies import open_policies
from mcal.types import derive_seed

(MCAL,) = open_policies(["mcal"])


def stubborn(family: str, n_pool: int) -> World:
    """A pool that stays hard: whatever is bought, many of the rest are for people."""
    points = ((0.01 * n_pool, 0.60), (0.25 * n_pool, 0.20))
    floor = 0.08 if family == "floor" else 0.0
    curve = Curve("floor" if floor else "power", points, floor=floor)
    return World(f"stubborn-{family}", n_pool, 10, curve, ranking=0.65, train_fixed_s=60.0,
                 train_s_per_item=0.24)  # fmt: skip


def open_world(name: str, n_pool: int) -> Source:
    kind, _, family = name.partition("-")
    return stubborn(family, n_pool) if kind == "stubborn" else WORLDS[name].resized(n_pool)


def changed(settings: Settings, variant: str, n_pool: int) -> Settings:
    values: dict[str, float | int | bool] = {}
    for part in filter(None, variant.split(",")):
        name, _, text = part.partition("=")
        if name == "test":
            size = n_test_items(n_pool, settings)
            values["test_size"] = max(1, round(float(text) * size))
        elif name == "first":
            values["initial_share"] = float(text) * settings.plan.initial_share
        else:
            values[name] = json.loads(text)
    plan = type(settings.plan).model_validate({**settings.plan.model_dump(), **values})
    return settings.model_copy(update={"plan": plan})


def drawn(world: Source, seed: int, *, free: bool) -> World:
    """The pool's own world, for one seed."""
    own = world.world(seed) if isinstance(world, RandomWorld) else world
    assert isinstance(own, World)
    return replace(own, train_fixed_s=0.0, train_s_per_item=0.0) if free else own


def run(
    world: Source, variants: Sequence[Settings], n_campaigns: int, seed: int, *, free: bool
) -> list[list[Outcome]]:
    """Outcomes by variant."""
    rows = []
    for i in range(n_campaigns):
        own = derive_seed(seed, i, f"world:{world.name}")
        pool = drawn(world, own, free=free).draw(own)
        rows.append([MCAL.run(pool, settings, own) for settings in variants])
    return [list(column) for column in zip(*rows, strict=True)]


def shares(outcomes: Sequence[Outcome]) -> np.ndarray:
    return np.array([o.total_usd / o.human_only_usd for o in outcomes])


def line(name: str, outcomes: Sequence[Outcome], saved: np.ndarray, world: str) -> str:
    n = len(outcomes)
    error = np.std(saved) / n**0.5 if n > 1 else float("nan")
    mean: Mapping[str, float] = {
        what: float(np.mean([getattr(o, what) / o.n_pool for o in outcomes]))
        for what in ("n_test", "n_train", "n_audit", "n_rest", "n_machine")
    }
    usd = np.mean([o.total_usd for o in outcomes])
    kept = np.mean([o.promise_kept for o in outcomes])
    rounds = np.mean([o.rounds for o in outcomes])
    return (
        f"{world:>14} {name:>30} {usd:10,.2f} {np.mean(shares(outcomes)):7.2%} "
        f"{np.mean(saved):+7.2%} +-{error:6.2%} {kept:6.1%} {rounds:6.1f} "
        + " ".join(f"{share:6.1%}" for share in mean.values())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--campaigns", type=int, default=40, help="for each world")
    parser.add_argument("--price", type=float, default=0.04)
    parser.add_argument("--target-error", type=float, default=0.05)
    parser.add_argument("--world", nargs="+", default=[f"any-{family}" for family in FAMILIES])
    parser.add_argument("--free", action="store_true")
    parser.add_argument("--replicas", type=int, default=QUICK.replicas)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--try", dest="variants", nargs="*", default=[], metavar="VARIANT")
    arguments = parser.parse_args()
    default = Settings(
        target_error=arguments.target_error,
        plan=QUICK.model_copy(update={"replicas": arguments.replicas}),
        prices=PriceSettings(price_per_label=arguments.price),
    )
    names = ["default", *arguments.variants]
    variants = [default, *(changed(default, v, arguments.items) for v in arguments.variants)]
    print(f"N = {arguments.items:,}, ${arguments.price:g} a label, target "
          f"{arguments.target_error:.0%}, {arguments.campaigns} campaigns for each world"
          + (", training free" if arguments.free else ""))  # fmt: skip
    print(f"{'world':>14} {'variant':>30} {'dollars':>10} {'people':>7} {'saves':>7}   {'s.e.':>6} "
          f"{'kept':>6} {'rounds':>6} {'T':>6} {'B':>6} {'A':>6} {'R':>6} {'S':>6}")  # fmt: skip
    began_s, every = time.perf_counter(), [[] for _ in variants]
    for world in arguments.world:
        found = run(open_world(world, arguments.items), variants, arguments.campaigns,
                    arguments.seed, free=arguments.free)  # fmt: skip
        for name, outcomes, gathered in zip(names, found, every, strict=True):
            print(line(name, outcomes, shares(found[0]) - shares(outcomes), world), flush=True)
            gathered += outcomes
    for name, outcomes in zip(names, every, strict=True):
        print(line(name, outcomes, shares(every[0]) - shares(outcomes), "all"), flush=True)
    print(f"{time.perf_counter() - began_s:.0f} s")


if __name__ == "__main__":
    main()
