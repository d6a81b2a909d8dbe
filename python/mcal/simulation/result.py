"""Many simulated campaigns, and what they say about a policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .books import Outcome

__all__ = ["PolicySummary", "SimulationResult"]

FORECAST_SHARE = 0.05
"""|B| / N at which a forecast is held against what the campaign came to cost."""


@dataclass(frozen=True)
class PolicySummary:
    """One policy on one world. Shares are of the human-only price; means are over campaigns."""

    world: str
    policy: str
    n_campaigns: int
    total_usd: float
    total_share: float
    regret_share: float
    """Total less that of the oracle plan on the same pool."""
    kept: float
    """Share of campaigns whose error was within the target."""
    kept_interval: tuple[float, float]
    """95 %, Wilson's."""
    error: float
    error_max: float
    train_share: float
    """|B| / N; and so on for the other kinds of labels."""
    machine_share: float
    audit_share: float
    rounds: float
    training_usd: float
    forecast_coverage: float | None
    """How often the 90 % interval of the total, made when |B| reached 5 % of N, held the final
    total; None where no campaign has one."""
    forecast_above: float | None
    """How often the final total was above the interval."""
    forecast_width: float | None
    """Mean width of those intervals / the final total."""
    n_forecasts: int
    """Campaigns that these three are over."""
    n_early: int
    """Others that ended before |B| reached 5 % of N, whose last forecast has an interval."""
    early_coverage: float | None
    """How often that last interval held the final total."""
    n_without: int
    """Campaigns with neither: ``n_forecasts + n_early + n_without = n_campaigns``."""


@dataclass(frozen=True)
class SimulationResult:
    """Outcomes by (world, policy), campaign after campaign; those of the oracle plan by world."""

    outcomes: Mapping[tuple[str, str], Sequence[Outcome]]
    oracle: Mapping[str, Sequence[Outcome]]

    def summaries(self) -> list[PolicySummary]:
        """A row for every world and policy, in the order asked for."""
        return [
            _summary(world, policy, outcomes, self.oracle[world])
            for (world, policy), outcomes in self.outcomes.items()
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """The summaries as plain dictionaries."""
        return [asdict(summary) for summary in self.summaries()]


def _summary(
    world: str, policy: str, outcomes: Sequence[Outcome], oracle: Sequence[Outcome]
) -> PolicySummary:
    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    n = len(outcomes)
    kept = sum(o.promise_kept for o in outcomes)
    told, early = [], []
    for o in outcomes:
        found = o.forecast_at(FORECAST_SHARE)
        if found is not None and found.has_interval():
            told.append((found, o.total_usd))
        elif found is None and o.forecasts and o.forecasts[-1].has_interval():
            early.append((o.forecasts[-1], o.total_usd))
    return PolicySummary(
        world=world,
        policy=policy,
        n_campaigns=n,
        total_usd=mean([o.total_usd for o in outcomes]),
        total_share=mean([o.total_usd / o.human_only_usd for o in outcomes]),
        regret_share=mean(
            [
                (o.total_usd - best.total_usd) / o.human_only_usd
                for o, best in zip(outcomes, oracle, strict=True)
            ]
        ),
        kept=kept / n,
        kept_interval=_wilson(kept, n),
        error=mean([o.error for o in outcomes]),
        error_max=max(o.error for o in outcomes),
        train_share=mean([o.n_train / o.n_pool for o in outcomes]),
        machine_share=mean([o.n_machine / o.n_pool for o in outcomes]),
        audit_share=mean([o.n_audit / o.n_pool for o in outcomes]),
        rounds=mean([o.rounds for o in outcomes]),
        training_usd=mean([o.training_usd for o in outcomes]),
        forecast_coverage=mean([f.holds(usd) for f, usd in told]) if told else None,
        forecast_above=mean([usd > f.high_usd for f, usd in told]) if told else None,
        forecast_width=mean([(f.high_usd - f.low_usd) / usd for f, usd in told]) if told else None,
        n_forecasts=len(told),
        n_early=len(early),
        early_coverage=mean([f.holds(usd) for f, usd in early]) if early else None,
        n_without=n - len(told) - len(early),
    )


def _wilson(count: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    share, z2 = count / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)
