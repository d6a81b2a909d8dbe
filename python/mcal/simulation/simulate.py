"""Whole campaigns by the thousand: every policy on the same pools."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mcal._core import as_integer, set_thread_count

from ..settings import PlanSettings, Settings
from ..types import Progress, derive_seed, no_progress
from .books import Outcome
from .files import open_world
from .policies import Policy, open_policies
from .policies.oracle_plan import OraclePlan
from .result import SimulationResult
from .worlds import Source

__all__ = ["QUICK", "simulate"]

QUICK = PlanSettings(replicas=100)
"""The default rules but for 100 replicas in place of 500: campaigns take a third of the time, and
the ends of a 90 % interval move by less than they scatter from round to round."""


@dataclass(frozen=True)
class _Task:
    """One pool, and all policies on it; what a worker process is sent."""

    world: Source
    policies: tuple[Policy, ...]
    settings: Settings
    seed: int

    def run(self) -> list[Outcome]:
        """Outcomes by policy, and that of the oracle plan last."""
        pool = self.world.draw(self.seed)
        outcomes = {p.name: p.run(pool, self.settings, self.seed) for p in self.policies}
        oracle = outcomes.get(_ORACLE.name) or _ORACLE.run(pool, self.settings, self.seed)
        return [*outcomes.values(), oracle]


_ORACLE = OraclePlan()


def simulate(
    worlds: Iterable[str | Path | Source],
    policies: Iterable[str | Policy] = ("mcal",),
    *,
    n_campaigns: int = 100,
    seed: int = 0,
    settings: Settings | None = None,
    n_jobs: int = 1,
    progress: Progress = no_progress,
) -> SimulationResult:
    """Run campaigns on simulated pools, with no classifier and no people.

    In one campaign every policy meets the same items, models and random draws, so that
    differences between policies are those of their rules.

    Parameters
    ----------
    worlds : iterable of str, Path or Source
        Names (``mcal.simulation.WORLDS``), files, or worlds of one's own; names must differ.
    policies : iterable of str or Policy
        Names (``mcal.simulation.POLICIES``; "naive-al" is one for each batch size), or objects.
    n_campaigns : int
        Campaigns per world and policy, >= 1.
    seed : int
        >= 0. The same seed gives the same outcomes with any ``n_jobs``, and campaign i of many is
        campaign i of few.
    settings : Settings, optional
        Prices, target and rules; default: ``Settings(plan=QUICK)``. Its pool, annotator and
        classifiers play no part.
    n_jobs : int
        Processes, >= 1. With more than one a script must guard its entry
        (``if __name__ == "__main__"``), as multiprocessing asks.
    progress : Progress
        Called with the share done.

    Returns
    -------
    SimulationResult

    Raises
    ------
    ValueError
        An unknown name, a name twice, nothing to do, or a number out of range.
    """
    n_campaigns = as_integer(n_campaigns, "n_campaigns", 1)
    seed, n_jobs = as_integer(seed, "seed", 0), as_integer(n_jobs, "n_jobs", 1)
    settings = Settings(plan=QUICK) if settings is None else settings
    sources = [open_world(w) if isinstance(w, str | Path) else w for w in worlds]
    chosen = [p for q in policies for p in (open_policies([q]) if isinstance(q, str) else [q])]
    for what, names in (("worlds", [w.name for w in sources]), ("policies", _names(chosen))):
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{what}: expected one at least, each once, found {names}")
    tasks = [
        _Task(world, tuple(chosen), settings, derive_seed(seed, i, f"world:{world.name}"))
        for world in sources
        for i in range(n_campaigns)
    ]
    done: list[list[Outcome]] = []
    for outcomes in _run(tasks, n_jobs):
        done.append(outcomes)
        words = f"{len(done):,} of {len(tasks):,} pools"
        progress(len(done) / len(tasks), words)
    by_world = {
        world.name: done[i * n_campaigns : (i + 1) * n_campaigns] for i, world in enumerate(sources)
    }
    return SimulationResult(
        {
            (world, policy.name): [outcomes[p] for outcomes in rows]
            for world, rows in by_world.items()
            for p, policy in enumerate(chosen)
        },
        {world: [outcomes[-1] for outcomes in rows] for world, rows in by_world.items()},
    )


def _names(policies: Sequence[Policy]) -> list[str]:
    return [policy.name for policy in policies]


def _run(tasks: Sequence[_Task], n_jobs: int) -> Iterator[list[Outcome]]:
    """Outcomes in the order of ``tasks``."""
    if n_jobs == 1 or len(tasks) == 1:
        yield from (task.run() for task in tasks)
        return
    # Spawned, because a forked child inherits threads and locks half-way through their work.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(n_jobs, len(tasks)), mp_context=context, initializer=set_thread_count, initargs=(1,)
    ) as workers:
        chunk = max(1, min(8, len(tasks) // (4 * n_jobs)))
        yield from workers.map(_Task.run, tasks, chunksize=chunk)
