"""Slow, readable answers that every engine is tested against."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import IndexArray, ScoreKind
from .uncertainty import Uncertainty

__all__ = ["first_k", "uncertainty"]


def uncertainty(scores: npt.NDArray[Any], *, kind: ScoreKind) -> Uncertainty:
    """What ``mcal.uncertainty`` promises, row by row in extended precision, without checks.

    Extended precision has the range for exp(-700) beside 1, so the definitions are used as they
    are, except that 1 - p1 is the sum of the other probabilities.
    """
    rows = [_row(np.asarray(row, np.longdouble), kind) for row in scores]
    label, deficit, entropy, least_confidence = zip(*rows, strict=True)
    return Uncertainty(
        np.array(label, np.int64),
        np.array(deficit, np.float64),
        np.array(entropy, np.float64),
        np.array(least_confidence, np.float64),
    )


def _row(
    scores: npt.NDArray[np.longdouble], kind: ScoreKind
) -> tuple[int, np.longdouble, np.longdouble, np.longdouble]:
    label = int(np.argmax(scores))
    mass = np.exp(scores - scores[label]) if kind == "logits" else scores / scores[label]
    others = np.delete(mass, label)
    total = 1 + others.sum()
    p = others / total
    p = p[p > 0]  # 0 log 0 = 0
    entropy = np.log1p(others.sum()) / total - (p * np.log(p)).sum()
    deficit = (others.sum() + others.max()) / total
    return label, deficit, entropy, others.sum() / total


def first_k(values: npt.NDArray[Any], k: int, *, largest: bool) -> IndexArray:
    """Positions of the k smallest or largest values by a stable sort of all."""
    ranks = np.unique(values, return_inverse=True)[1]  # 0, 1, ... by value; equal for equal values
    return np.argsort(-ranks if largest else ranks, kind="stable")[:k].astype(np.int64)
