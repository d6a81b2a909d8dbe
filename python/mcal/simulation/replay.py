"""A pool whose models were trained once and recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .worlds import BoolArray, Model

__all__ = ["Replay"]


@dataclass(frozen=True, eq=False)
class Replay:
    """Recorded models at rising training sizes; the one nearest in log n stands for the others.

    The recorded scores must be of items that the models had not been trained on, or the pool looks
    easier than it is. What differs between campaigns is the draw of T, of B0 and of the audit.

    Parameters
    ----------
    name : str
    n_train : (R,) int
        Rising training sizes >= 1.
    deficit : (R, N) float
        ``1 - margin`` in [0, 1].
    wrong : (R, N) bool
    train_s : (R,) float
        Seconds of training and scoring, >= 0; linear in n between the sizes.
    n_classes : int
        C >= 2.

    Raises
    ------
    ValueError
        Shapes that do not fit together, or values out of range.
    """

    name: str
    n_train: npt.NDArray[np.int64]
    deficit: FloatArray
    wrong: BoolArray
    train_s: FloatArray
    n_classes: int

    def __post_init__(self) -> None:
        sizes = np.asarray(self.n_train)
        if sizes.ndim != 1 or not sizes.size or sizes.dtype.kind not in "iu":
            raise ValueError(f"n_train: expected integers of shape (R,), found {sizes!r}")
        if sizes[0] < 1 or np.any(np.diff(sizes) <= 0):
            raise ValueError(f"n_train: expected rising sizes >= 1, found {sizes.tolist()}")
        deficit, wrong = np.asarray(self.deficit), np.asarray(self.wrong)
        if deficit.ndim != 2 or deficit.shape[0] != sizes.size or not deficit.shape[1]:
            raise ValueError(
                f"deficit: expected shape ({sizes.size}, N), found shape {deficit.shape}"
            )
        if not np.all((deficit >= 0.0) & (deficit <= 1.0)):
            raise ValueError("deficit: expected values in [0, 1], found NaN or values outside")
        if wrong.shape != deficit.shape or wrong.dtype != np.bool_:
            raise ValueError(
                f"wrong: expected bool of shape {deficit.shape}, "
                f"found {wrong.dtype} of shape {wrong.shape}"
            )
        seconds = np.asarray(self.train_s)
        if seconds.shape != sizes.shape or not np.all((seconds >= 0.0) & np.isfinite(seconds)):
            raise ValueError(f"train_s: expected {sizes.size} numbers >= 0, found {seconds!r}")
        if self.n_classes < 2:
            raise ValueError(f"n_classes: expected at least 2, found {self.n_classes!r}")

    @property
    def n_pool(self) -> int:
        return int(self.deficit.shape[1])

    def model(self, n_train: int) -> Model:
        """The recorded model nearest to ``n_train``, as if it had been trained on so many."""
        sizes = np.asarray(self.n_train, np.float64)
        at = int(np.argmin(np.abs(np.log(sizes) - np.log(n_train))))
        train_s = float(np.interp(n_train, sizes, self.train_s))
        return Model(n_train, self.deficit[at], self.wrong[at], train_s)

    def draw(self, seed: int) -> Replay:
        """Itself: what was recorded is always the same."""
        return self

    def resized(self, n_pool: int) -> Replay:
        """The first ``n_pool`` recorded items."""
        if n_pool > self.n_pool:
            raise ValueError(
                f"n_pool: expected at most the {self.n_pool:,} items recorded, found {n_pool:,}"
            )
        return Replay(
            self.name,
            self.n_train,
            self.deficit[:, :n_pool],
            self.wrong[:, :n_pool],
            self.train_s,
            self.n_classes,
        )
