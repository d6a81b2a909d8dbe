"""How unsure a model is of each item, in one pass over its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from .. import _core
from ..cuda import Engine, open_array
from ..types import FloatArray, IndexArray, ScoreKind
from ._cuda import uncertainty as _cuda

__all__ = ["Uncertainty", "entropy", "least_confidence", "margin", "uncertainty"]


@dataclass(frozen=True)
class Uncertainty:
    """What ``uncertainty`` says about N items, row for row, and the engine that computed it.

    Rank on ``deficit``, not on the margin: 1 - p1 of a confident item is far below the rounding
    of a margin near 1, where items tie by the thousand.
    """

    label: IndexArray  # (N,) most probable class, the lowest on a tie
    deficit: FloatArray  # (N,) (1 - p1) + p2 = 1 - margin, in [0, 1]; small is confident
    entropy: FloatArray  # (N,) -sum p ln p in nats, in [0, ln C]
    least_confidence: FloatArray  # (N,) 1 - p1, in [0, 1 - 1/C]
    engine: Literal["cpu", "cuda"] = "cpu"  # where it was computed


def uncertainty(
    scores: npt.NDArray[Any], *, kind: ScoreKind = "logits", engine: Engine = "auto"
) -> Uncertainty:
    """Label, deficit, entropy and least confidence of every row of ``scores``.

    The deficit is 1 - (p1 - p2), with p1 and p2 the two largest probabilities: small for items the
    model is sure of.

    Small values keep their relative precision (4e-6 from float32 scores, 1e-14 from float64) down
    to 1e-300, because nothing is subtracted from 1. A row gives the same bits at any number of
    threads and wherever it stands, so that equal rows tie exactly; processors with and without
    fused multiply-add differ by rounding, within that precision.

    Parameters
    ----------
    scores : array of shape (N, C), N >= 1, C >= 2
        Of NumPy, CuPy or torch, or anything with DLPack; read where it lies. On the CPU float32 or
        float64, rows at any distance; if the elements of a row are not adjacent (Fortran order,
        every second column) the array is copied first. On CUDA float32, float16 or bfloat16, at
        any strides; rows that are not all at the same place between 16-byte boundaries are copied.
    kind : {"logits", "probabilities"}
        Logits are any finite numbers, turned into probabilities by softmax. Probabilities are
        >= 0, and each row, whose sum must be 1 within 0.001 (bfloat16: 0.005), is divided by its
        sum.
    engine : {"auto", "cpu", "cuda"}
        "auto" computes where the data is. Anything else moves the data there, explicitly. CUDA
        work goes to the caller's current stream.

    Returns
    -------
    Uncertainty
        Four arrays of shape (N,), of the caller's kind and on its device: int64 labels and float64
        values; computed on CUDA the three of values are rows of one array, which lives as long as
        any of them. Equal scores: the lowest class is the label. The entropy takes 0 ln 0 as 0 and
        is not divided by ln C.

    Raises
    ------
    ValueError
        Wrong shape or dtype; NaN, an infinity, a negative probability or a wrong sum, naming the
        first such row.
    DeviceError, MissingExtraError
        CUDA asked for without a device, without enough memory (with bytes needed and free), or
        without CuPy. Nothing falls back to the CPU.

    Notes
    -----
    Cost: memory is read once; one exponential (logits) or logarithm (probabilities) an element.
    Source: algorithm.md sections 2 and 6; formulas in cpp/include/mcal/uncertainty.hpp.
    """
    array = open_array(scores, "scores")
    if array.choose(engine) == "cpu":
        label, *values = map(array.in_kind, _core.uncertainty(array.on_host(), kind))
        return _named(label, values, "cpu")
    with array.on_device() as device:
        started, check = _cuda.start(device, array.uploaded(device), array.dtype, kind)
        label, rows = map(array.in_kind, started)  # while the device works
        check()
    return _named(label, rows, "cuda")


def _named(label: Any, values: Any, engine: Literal["cpu", "cuda"]) -> Uncertainty:
    deficit, entropy, least_confidence = values
    return Uncertainty(label, deficit, entropy, least_confidence, engine)


def margin(
    scores: npt.NDArray[Any], *, kind: ScoreKind = "logits", engine: Engine = "auto"
) -> FloatArray:
    """Difference p1 - p2 of the two largest class probabilities, float64 (N,) in [0, 1].

    It is 1 - ``uncertainty(scores).deficit`` and rounds to exactly 1 where the deficit is below
    1e-16: show it to people, but rank on the deficit. Parameters, errors and cost are those of
    ``uncertainty``.
    """
    return 1.0 - uncertainty(scores, kind=kind, engine=engine).deficit


def entropy(
    scores: npt.NDArray[Any], *, kind: ScoreKind = "logits", engine: Engine = "auto"
) -> FloatArray:
    """Entropy -sum p ln p of every row in nats, float64 (N,) in [0, ln C], 0 ln 0 = 0.

    Parameters, errors and cost are those of ``uncertainty``.
    """
    return uncertainty(scores, kind=kind, engine=engine).entropy


def least_confidence(
    scores: npt.NDArray[Any], *, kind: ScoreKind = "logits", engine: Engine = "auto"
) -> FloatArray:
    """1 - p1 of every row without cancellation, float64 (N,) in [0, 1 - 1/C].

    Parameters, errors and cost are those of ``uncertainty``.
    """
    return uncertainty(scores, kind=kind, engine=engine).least_confidence
