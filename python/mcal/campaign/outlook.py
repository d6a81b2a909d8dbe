"""What the replicas say about a plan, in the few numbers that a decision and a reader need."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from ..bootstrap import PlanReplicas
from ..planning import TrainingCost
from ..types import FloatArray
from .label_cost import LabelCost

__all__ = ["Outlook", "look_out"]

N_STEPS = 100  # quantiles are kept at every percent

SCATTER = 0.06
"""Standard deviation of the log of a total about what a replica foresees: how a campaign strays
from any plan, ending early on good news and auditing less or more than its curves ask for. The
least, in steps of 2 %, that leaves at most 5 % of totals beyond either end of a 90 % interval;
calibrated on 160 simulated campaigns of 20,000 items (docs/decisions.md)."""

_DEVIATES = np.array([NormalDist().inv_cdf((i + 0.5) / 41) for i in range(41)])


@dataclass(frozen=True)
class Outlook:
    """Forecasts with their uncertainty. Dollars still to decide on hold every label and the
    training to come, the audit's labels included; what training has cost is left out.

    Attributes
    ----------
    total_cost_usd : tuple of 101 floats
        C*: the quantiles 0 %, 1 %, ..., 100 % over replicas.
    n_train : tuple of 101 floats
        B_opt, likewise.
    stop_cost_usd : float
        Stopping now, in expectation.
    go_on_cost_usd : float or None
        Buying up to ``go_on_n_train`` and training, in expectation; None when no batch fits.
    go_on_n_train : int or None
        |B| at which that is least.
    """

    total_cost_usd: tuple[float, ...]
    n_train: tuple[float, ...]
    stop_cost_usd: float
    go_on_cost_usd: float | None
    go_on_n_train: int | None

    @property
    def gain_usd(self) -> float | None:
        """What going on saves over stopping now, in expectation; None when no batch fits."""
        return None if self.go_on_cost_usd is None else self.stop_cost_usd - self.go_on_cost_usd

    def cost_interval(self, confidence: float = 0.9) -> tuple[float, float]:
        """Central interval of C*, for decisions: of the best plans, not of what comes of them."""
        return _central(self.total_cost_usd, confidence)

    def predicted_interval(
        self, confidence: float, human_only_usd: float, spent_usd: float
    ) -> tuple[float, float]:
        """Central interval of what the campaign will have cost, for readers.

        Replicas scattered by ``SCATTER``, but none above people's price, and what has been spent on
        training so far.
        """
        known = np.array(self.total_cost_usd)
        totals_usd = np.minimum(np.outer(known, np.exp(SCATTER * _DEVIATES)), human_only_usd)
        low, high = np.quantile(totals_usd, [0.5 - confidence / 2, 0.5 + confidence / 2])
        return float(low) + spent_usd, float(high) + spent_usd

    def in_short(self, human_only_usd: float, spent_usd: float) -> dict[str, Any]:
        """For a plan's record: where total and |B| are expected to end, and whether that pays."""
        return {
            "predicted_interval_50_usd": self.predicted_interval(0.5, human_only_usd, spent_usd),
            "predicted_interval_90_usd": self.predicted_interval(0.9, human_only_usd, spent_usd),
            "n_train_interval_90": self.n_train_interval(0.9),
            "expected_gain_usd": self.gain_usd,
            "pays_probability": self.pays_probability(human_only_usd, spent_usd),
        }

    def n_train_interval(self, confidence: float = 0.9) -> tuple[float, float]:
        """Central interval of B_opt."""
        return _central(self.n_train, confidence)

    def pays_probability(self, human_only_usd: float, spent_usd: float) -> float:
        """Probability that machine labels make the data set cheaper than people alone.

        ``spent_usd`` is what training has cost: without it nearly always, because under Eq. 2 any
        model may label some items.
        """
        return bisect_left(self.total_cost_usd, human_only_usd - spent_usd) / (N_STEPS + 1)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and lists, for a store."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        lists = {name: tuple(values[name]) for name in ("total_cost_usd", "n_train")}
        return cls(**{**values, **lists})


def look_out(
    replicas: PlanReplicas,
    beyond: FloatArray,
    *,
    n_free: int,
    training: TrainingCost,
    labels: LabelCost,
) -> Outlook:
    """Reduce replicas to an outlook, each total with the audit or the safety that follows it.

    Parameters
    ----------
    replicas : PlanReplicas
        Their totals know no audit: the machine labels down to where the curve says.
    beyond : (replicas, K) or (1, K) float64
        At each knot of the curves, what people label more because of an audit, those below its
        cut included, or of the safety that takes its place.
    n_free : int
        Machine labels that need no audit: no replica gets fewer because of one.
    training : TrainingCost
        As the replicas were planned with.
    labels : LabelCost
        As the replicas were planned with.
    """
    knots = replicas.curves.n_knots
    now = int(knots[0])
    walk = np.array([_walk_usd(training, now, n) for n in knots.tolist()])
    leap = np.array([training.path(now, n, int(n > now)) for n in knots.tolist()])
    perfect = replicas.knot_cost_usd - leap  # labels alone
    free_usd = min(float(labels.of(n_free)), replicas.human_only_cost_usd)
    audited = labels.with_fewer(perfect, beyond)
    cost_usd = np.minimum(audited, np.maximum(perfect, free_usd)) + walk
    best = np.nanargmin(cost_usd, axis=1)
    total_usd = np.minimum(cost_usd[np.arange(best.size), best], replicas.human_only_cost_usd)
    mean_usd = cost_usd.mean(axis=0)  # NaN where any is
    on = int(np.nanargmin(mean_usd[1:])) + 1 if np.isfinite(mean_usd[1:]).any() else None
    return Outlook(
        total_cost_usd=_quantiles(total_usd),
        n_train=_quantiles(knots[best].astype(np.float64)),
        stop_cost_usd=float(mean_usd[0]),
        go_on_cost_usd=None if on is None else float(mean_usd[on]),
        go_on_n_train=None if on is None else int(knots[on]),
    )


def _walk_usd(training: TrainingCost, now: int, n: int) -> float:
    """Trainings on the way to |B| = n when no step more than doubles |B|."""
    total_usd = 0.0
    while now < n:
        now, before = min(2 * now, n), now
        total_usd += training.of(now, now - before)
    return total_usd


def _quantiles(values: FloatArray) -> tuple[float, ...]:
    return tuple(np.quantile(values, np.linspace(0.0, 1.0, N_STEPS + 1)).tolist())


def _central(quantiles: Sequence[float], confidence: float) -> tuple[float, float]:
    shares = np.linspace(0.0, 1.0, len(quantiles))
    low, high = np.interp([0.5 - confidence / 2, 0.5 + confidence / 2], shares, quantiles)
    return float(low), float(high)
