"""The errors expected along a ranking, and how deep an audit reaches for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import FloatArray

__all__ = ["Curve", "as_curve", "audit_frame", "normal_cdf", "normal_quantile"]


@dataclass(frozen=True)
class Curve:
    """Expected errors along the ranking: a rate per bin."""

    edges: FloatArray  # (n_bins + 1,) ranks, from 0
    rate: FloatArray  # (n_bins,)
    errors: FloatArray  # (n_bins + 1,) expected above each edge

    def above(self, ranks: FloatArray) -> FloatArray:
        """Errors expected above each rank."""
        return np.interp(ranks, self.edges, self.errors)

    def smoothed(self, n_test: int) -> Curve:
        """With half a wrong test item more, likelier to stand where the machine is less sure.

        None wrong among n says that about one in 2 n is wrong, not that none is.
        """
        n_ranked = self.edges[-1]
        unseen = 0.5 * n_ranked / n_test * (self.edges / max(1.0, n_ranked)) ** 2
        rate = np.minimum(np.diff(self.errors + unseen) / np.diff(self.edges), 1.0)
        errors = np.concatenate([[0.0], np.cumsum(rate * np.diff(self.edges))])
        return Curve(self.edges, rate, errors)

    def deepest(self, errors: float) -> float:
        """The last rank with at most so many errors expected above it."""
        b = int(np.searchsorted(self.errors, errors, side="right"))
        if b == self.errors.size:
            return float(self.edges[-1])
        return float(self.edges[b - 1] + (errors - self.errors[b - 1]) / self.rate[b - 1])


def as_curve(bin_edges: npt.ArrayLike, bin_error: npt.ArrayLike) -> Curve:
    """The curve of a profile's bins, checked."""
    edges, rate = np.asarray(bin_edges, np.float64), np.asarray(bin_error, np.float64)
    if edges.ndim != 1 or not edges.size:
        raise ValueError(f"bin_edges: expected shape (n_bins + 1,), found {edges.shape}")
    fractional = edges[edges != np.floor(edges)]  # NaN too
    if fractional.size or edges[0] != 0:
        found = fractional[0] if fractional.size else edges[0]
        raise ValueError(f"bin_edges: expected whole ranks from 0, found {found}")
    steps = np.flatnonzero(np.diff(edges) <= 0)
    if steps.size:
        at = int(steps[0])
        raise ValueError(f"bin_edges: expected rising ranks, found {edges[at : at + 2].tolist()}")
    if rate.shape != (edges.size - 1,):
        raise ValueError(f"bin_error: expected {edges.size - 1} rates, found shape {rate.shape}")
    outside = rate[~((rate >= 0) & (rate <= 1))]  # NaN too
    if outside.size:
        raise ValueError(f"bin_error: expected rates in [0, 1], found {outside[0]}")
    errors = np.concatenate([[0.0], np.cumsum(rate * np.diff(edges))])
    return Curve(edges, rate, errors)


def audit_frame(curve: Curve, deepest: float, errors: float, n_test: int) -> int:
    """One standard error of the expected errors below the deepest cut that keeps the target."""
    n_ranked = int(curve.edges[-1])
    if deepest >= n_ranked:
        return n_ranked
    b = int(np.searchsorted(curve.edges, deepest, side="right")) - 1
    slack = math.sqrt(errors * n_ranked / n_test) / max(float(curve.rate[b]), 1.0 / n_ranked)
    return min(n_ranked, math.floor(deepest + slack))


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def normal_quantile(probability: float) -> float:
    """By bisection: the standard library has it only in ``statistics``."""
    low, high = -9.0, 9.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if normal_cdf(middle) < probability else (low, middle)
    return low
