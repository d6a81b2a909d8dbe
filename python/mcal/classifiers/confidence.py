"""The chance that a label is wrong, learned from labels that a model was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mcal.types import FloatArray

__all__ = ["Confidence", "fit_confidence"]

_STEPS = 50
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Confidence:
    """``doubt = 1 / (1 + exp(-(offset + features @ weights)))``, rising in every feature."""

    offset: float
    weights: FloatArray  # (F,) >= 0

    def doubt(self, features: FloatArray) -> FloatArray:
        """The chance (K,) of a wrong label, in [0, 1], for features (K, F).

        Small chances keep their relative precision: nothing is subtracted from 1.
        """
        doubt: FloatArray = np.exp(-np.logaddexp(0.0, -(self.offset + features @ self.weights)))
        return doubt


def fit_confidence(
    features: FloatArray,
    wrong: npt.NDArray[np.bool_],
    *,
    prior_weights: FloatArray,
    prior_deviations: FloatArray,
    least_weights: FloatArray,
) -> Confidence:
    """Logistic regression that may not count anything the wrong way, with a normal prior.

    Where labels say little (few of them, none wrong, all wrong) the prior speaks, so that the
    result is always finite.

    Parameters
    ----------
    features : (K, F) float64
        Each the larger, the more doubtful.
    wrong : (K,) bool
        Whether the model's label was wrong.
    prior_weights, prior_deviations : (F,) float64
        Means, and standard deviations > 0, of the weights before any label; the offset's are 0
        and 10.
    least_weights : (F,) float64, >= 0
        A small one for a feature that differs from item to item keeps items from tying when
        labels are so noisy that everything else is left out.

    Notes
    -----
    Newton's method with halved steps on a convex function. A weight that would be below its
    least is set to it, the farthest below first, and the others are fitted again.
    """
    n_features = features.shape[1]
    design = np.column_stack([np.ones(len(features)), features])
    mean = np.concatenate([[0.0], prior_weights])
    precision = 1.0 / np.concatenate([[10.0], prior_deviations]) ** 2
    found = np.concatenate([[0.0], least_weights])
    used = np.ones(n_features + 1, dtype=bool)
    while True:
        given = design[:, ~used] @ found[~used]
        found[used] = _newton(design[:, used], given, wrong, mean[used], precision[used])
        above = found[1:] - least_weights
        worst = int(np.argmin(above))
        if above[worst] >= 0.0:
            return Confidence(float(found[0]), found[1:])
        found[1 + worst], used[1 + worst] = least_weights[worst], False


def _newton(
    design: FloatArray,
    given: FloatArray,
    wrong: npt.NDArray[np.bool_],
    mean: FloatArray,
    precision: FloatArray,
) -> FloatArray:
    def loss(at: FloatArray) -> float:
        score = given + design @ at
        likelihood = (np.logaddexp(0.0, score) - wrong * score).sum()
        return float(likelihood + 0.5 * precision @ (at - mean) ** 2)

    found, value = mean.copy(), loss(mean)
    for _ in range(_STEPS):
        chance = np.exp(-np.logaddexp(0.0, -(given + design @ found)))
        slope = design.T @ (chance - wrong) + precision * (found - mean)
        bend = (design * (chance * (1.0 - chance))[:, None]).T @ design
        step = np.linalg.solve(bend + np.diag(precision), slope)
        size = 1.0
        while size > _TOLERANCE and loss(found - size * step) > value:
            size /= 2.0
        if size <= _TOLERANCE:
            break
        found = found - size * step
        before, value = value, loss(found)
        if before - value <= _TOLERANCE * max(1.0, abs(value)):
            break
    return found
