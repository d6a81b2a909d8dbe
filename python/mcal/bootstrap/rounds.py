"""What is known of every test item at a round: all that a bootstrap needs to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mcal._core import as_integer
from mcal.profiles import match_bins
from mcal.types import IndexArray

__all__ = ["MeasuredRound", "measure_round"]

NOT_COUNTED = -1


@dataclass(frozen=True, eq=False)
class MeasuredRound:
    """One classifier's test items at one round.

    Attributes
    ----------
    n_train : int
        |B| of the model that was measured, >= 1.
    bin_edges : (n_bins + 1,) int64
        Ranks in U at which its bins of confidence begin and end; ``Profile.bin_edges``.
    cells : (n_test,) int32
        For each item of T, in an order that all rounds share, 2 x bin + 1 if the model was wrong
        about it, 2 x bin if it was right; -1 where the item did not count at this round.

    Raises
    ------
    ValueError
        A field is of another shape or out of range.
    """

    n_train: int
    bin_edges: IndexArray
    cells: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        as_integer(self.n_train, "n_train", 1)
        edges, cells = np.asarray(self.bin_edges), np.asarray(self.cells)
        if edges.ndim != 1 or edges.size < 2 or edges[0] != 0 or np.any(np.diff(edges) <= 0):
            raise ValueError(
                "bin_edges: expected rising ranks from 0, "
                f"found shape {edges.shape}, starting {edges.ravel()[:3].tolist()}"
            )
        if cells.ndim != 1 or cells.dtype.kind not in "iu":
            raise ValueError(
                f"cells: expected integers of shape (n_test,), found shape {cells.shape} "
                f"and dtype {cells.dtype}"
            )
        most = 2 * (edges.size - 1) - 1
        if cells.size and not NOT_COUNTED <= cells.min() <= cells.max() <= most:
            raise ValueError(f"cells: expected -1 to {most}, found {cells.min()} to {cells.max()}")

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and lists, for a store."""
        return {
            "n_train": int(self.n_train),
            "bin_edges": np.asarray(self.bin_edges).tolist(),
            "cells": np.asarray(self.cells).tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` gave."""
        return cls(
            values["n_train"],
            np.array(values["bin_edges"], np.int64),
            np.array(values["cells"], np.int32),
        )


def measure_round(
    test_deficit: npt.ArrayLike,
    test_wrong: npt.ArrayLike,
    pool_deficit: npt.ArrayLike,
    *,
    n_train: int,
    counted: npt.ArrayLike | None = None,
    n_bins: int = 20,
    matched: bool = True,
) -> MeasuredRound:
    """Reduce a model's scores of T and U to what a bootstrap needs of them.

    Parameters
    ----------
    test_deficit : (n_test,) float
        ``1 - margin`` of all items of T, in [0, 1], in the order that every round keeps.
    test_wrong : (n_test,) bool
        Whether the model's label differs from the person's.
    pool_deficit : (U,) float
        ``1 - margin`` of the unlabelled items, in any order.
    n_train : int
        |B| that the model was trained on, >= 1.
    counted : (n_test,) bool, optional
        Items that measure at this round, at least one; default: all.
    n_bins, matched
        As ``estimate_profile`` takes them; the same bins come out.

    Returns
    -------
    MeasuredRound

    Raises
    ------
    ValueError
        On empty, mismatched, NaN or out-of-range input.
    """
    deficit = np.asarray(test_deficit, dtype=np.float64)
    wrong = _flags("test_wrong", test_wrong, deficit.shape)
    kept = np.ones(deficit.shape, np.bool_)
    if counted is not None:
        kept = _flags("counted", counted, deficit.shape)
    bins, edges = match_bins(deficit[kept], pool_deficit, n_bins=n_bins, matched=matched)
    cells = np.full(deficit.shape, NOT_COUNTED, np.int32)
    cells[kept] = np.where(bins < 0, NOT_COUNTED, 2 * bins + wrong[kept])
    return MeasuredRound(n_train, edges, cells)


def _flags(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    array = np.asarray(values)
    if array.dtype != np.bool_ or array.shape != shape:
        raise ValueError(
            f"{name}: expected bool of shape {shape}, found {array.dtype} of shape {array.shape}"
        )
    return array
