"""How unsure a model is of each item, in one pass over its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from .. import _core
from ..types import FloatArray, IndexArray

__all__ = ["ScoreKind", "Uncertainty", "entropy", "least_confidence", "margin", "uncertainty"]

ScoreKind = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class Uncertainty:
    """What ``uncertainty`` says about N items, row for row.

    Rank on ``deficit``, not on the margin: 1 - p1 of a confident item is far below the rounding
    of a margin near 1, where items tie by the thousand.
    """

    label: IndexArray  # (N,) most probable class, the lowest on a tie
    deficit: FloatArray  # (N,) (1 - p1) + p2 = 1 - margin, in [0, 1]; small is confident
    entropy: FloatArray  # (N,) -sum p ln p in nats, in [0, ln C]
    least_confidence: FloatArray  # (N,) 1 - p1, in [0, 1 - 1/C]


def uncertainty(scores: npt.NDArray[Any], *, kind: ScoreKind = "logits") -> Uncertainty:
    """Label, deficit, entropy and least confidence of every row of ``scores``.

    Small values keep their relative precision (4e-6 from float32 scores, 1e-14 from float64) down
    to 1e-300, because nothing is subtracted from 1. A row gives the same bits at any number of
    threads and wherever it stands, so that equal rows tie exactly; processors with and without
    fused multiply-add differ by rounding, within that precision.

    Parameters
    ----------
    scores : float32 or float64 array of shape (N, C), N >= 1, C >= 2
        Rows may be any distance apart; if the elements of a row are not adjacent (Fortran order,
        every second column) the array is copied first.
    kind : {"logits", "probabilities"}
        Logits are any finite numbers, turned into probabilities by softmax. Probabilities are
        >= 0, and each row, whose sum must be 1 within 0.001, is divided by its sum.

    Returns
    -------
    Uncertainty
        Four arrays of shape (N,): int64 labels and float64 values. Equal scores: the lowest class
        is the label. The entropy takes 0 ln 0 as 0 and is not divided by ln C.

    Raises
    ------
    ValueError
        Wrong shape or dtype; NaN, an infinity, a negative probability or a wrong sum, naming the
        first such row.

    Notes
    -----
    Cost: memory is read once; one exponential (logits) or logarithm (probabilities) an element.
    Source: algorithm.md sections 2 and 6; formulas in cpp/include/mcal/uncertainty.hpp.
    """
    return Uncertainty(*_core.uncertainty(scores, kind))


def margin(scores: npt.NDArray[Any], *, kind: ScoreKind = "logits") -> FloatArray:
    """Difference p1 - p2 of the two largest class probabilities, float64 (N,) in [0, 1].

    It is 1 - ``uncertainty(scores).deficit`` and rounds to exactly 1 where the deficit is below
    1e-16: show it to people, but rank on the deficit. Parameters, errors and cost are those of
    ``uncertainty``.
    """
    return 1.0 - uncertainty(scores, kind=kind).deficit


def entropy(scores: npt.NDArray[Any], *, kind: ScoreKind = "logits") -> FloatArray:
    """Entropy -sum p ln p of every row in nats, float64 (N,) in [0, ln C], 0 ln 0 = 0.

    Parameters, errors and cost are those of ``uncertainty``.
    """
    return uncertainty(scores, kind=kind).entropy


def least_confidence(scores: npt.NDArray[Any], *, kind: ScoreKind = "logits") -> FloatArray:
    """1 - p1 of every row without cancellation, float64 (N,) in [0, 1 - 1/C].

    Parameters, errors and cost are those of ``uncertainty``.
    """
    return uncertainty(scores, kind=kind).least_confidence
