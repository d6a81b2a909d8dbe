"""Forecast error curves of a pool that purchases make easier: pure numbers.

Profiles are matched to the items left at each round, and the curves fitted to them fall with |B|
as a model gets better. That buying takes the least sure items out of the pool they see only in so
far as the rounds behind them did, when little had been taken. Further on it weighs: of a pool half
bought, all that is left is what was the surer half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fitting import CurveFits
from ..types import FloatArray, IndexArray

__all__ = ["PoolCurves", "deplete"]


@dataclass(frozen=True, eq=False)
class PoolCurves:
    """Fitted curves read at the items that will be left: what ``deplete`` makes of a forecast.

    Attributes
    ----------
    fits : CurveFits
    n_now, n_most : int
        |B| now, and all that T and the broken items leave.
    by_doubt : bool
        Whether the least sure items are bought; otherwise what is left stays as it is.
    """

    fits: CurveFits
    n_now: int
    n_most: int
    by_doubt: bool = True

    @property
    def thetas(self) -> FloatArray:
        """Shares of what is left, (T,)."""
        return self.fits.thetas

    def predict(self, n_train: IndexArray) -> FloatArray:
        """Error rates (T, K) among the surest thetas of what is left after buying up to each."""
        return self.of_left(self.fits.predict(n_train), n_train)

    def of_left(self, error: FloatArray, n_train: IndexArray) -> FloatArray:
        """The same of error rates (..., T, K) that know no purchase to come."""
        if not self.by_doubt:
            return error
        return deplete(self.thetas, error, n_train, self.n_now, self.n_most)


def deplete(
    thetas: FloatArray, error: FloatArray, n_train: IndexArray, n_now: int, n_most: int
) -> FloatArray:
    """Error rates among what is left when the least sure items are bought on the way.

    The surest theta of the ``n_most - n`` items left then are, if buying from the unsure end does
    not reorder the others, the surest theta (n_most - n) / (n_most - n_now) of those left now.

    Parameters
    ----------
    thetas : (T,) float64
        Rising shares in (0, 1].
    error : (..., T, K) float64
        Error rates among the surest thetas, of what is left now, by a model trained on each size.
    n_train : (K,) int64
        Those sizes, n_now <= n <= n_most.
    n_now, n_most : int
        |B| now, and the largest.

    Returns
    -------
    FloatArray
        (..., T, K). Below the first theta an error rate is that of the first.
    """
    wrong = np.concatenate([np.zeros_like(error[..., :1, :]), error * thetas[:, None]], axis=-2)
    ends = np.concatenate([[0.0], thetas])
    left = np.maximum(n_most - n_train, 1) / max(n_most - n_now, 1)
    shares = thetas[:, None] * left  # (T, K)
    upper = np.clip(np.searchsorted(ends, shares), 1, thetas.size)
    weight = (shares - ends[upper - 1]) / (ends[upper] - ends[upper - 1])
    columns = np.arange(left.size)
    among = (1.0 - weight) * wrong[..., upper - 1, columns] + weight * wrong[..., upper, columns]
    depleted: FloatArray = among / shares
    return depleted
