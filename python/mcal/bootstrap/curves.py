"""Replicas of the error curves: test items resampled, profiles and fits made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mcal import _core
from mcal._core import as_integer, as_number
from mcal.fitting import FORMS, Form
from mcal.profiles import DEFAULT_THETAS
from mcal.types import FloatArray, IndexArray

from .rounds import MeasuredRound

__all__ = ["CurveReplicas", "bootstrap_curves", "quantiles"]

GAMMA_MEAN, GAMMA_DEVIATION, GAMMA_MAX = 0.5, 0.3, 3.0
RATIO_MEAN: dict[Form, float] = {"truncated": 0.2, "floor": 0.6}


@dataclass(frozen=True, eq=False)
class CurveReplicas:
    """Error curves that the test items at hand could as well have given.

    Attributes
    ----------
    thetas : (T,) float64
        Shares of U, rising, in (0, 1].
    n_knots : (K,) int64
        Training sizes, rising.
    error : (replicas, T, K) float64
        Error among the most confident theta of U; theta x error never falls with theta and error
        never rises with n. NaN where there were too few rounds to fit.
    form : (replicas,) int32
        Which of ``forms`` each replica drew; -1 where nothing could be fitted.
    forms : tuple of str
        The forms that were fitted.
    """

    thetas: FloatArray
    n_knots: IndexArray
    error: FloatArray
    form: npt.NDArray[np.int32]
    forms: tuple[Form, ...]

    @property
    def form_shares(self) -> dict[Form, float]:
        """How many of the replicas drew each form; all 0 where nothing could be fitted."""
        return {f: float(np.mean(self.form == i)) for i, f in enumerate(self.forms)}

    def error_at(self, n_train: int, theta: float) -> FloatArray:
        """Error (replicas,) at one training size and share, linear between knots and thetas.

        Wrong labels theta x error are interpolated over theta, from 0 at theta = 0, as the plan
        search does.

        Raises
        ------
        ValueError
            ``n_train`` is not between the first and the last knot, or ``theta`` not in
            (0, thetas[-1]].
        """
        n = as_integer(n_train, "n_train", int(self.n_knots[0]), int(self.n_knots[-1]))
        share = as_number(theta, "theta", 0.0, 1.0)
        if not 0.0 < share <= self.thetas[-1]:
            raise ValueError(f"theta: expected in (0, {self.thetas[-1]}], found {theta!r}")
        right = int(np.searchsorted(self.n_knots, n))
        error = self.error[:, :, right]
        if self.n_knots[right] != n:
            left, width = right - 1, self.n_knots[right] - self.n_knots[right - 1]
            part = (n - self.n_knots[left]) / width
            error = (1.0 - part) * self.error[:, :, left] + part * error
        above = int(np.searchsorted(self.thetas, share))
        high = self.thetas[above]
        if high == share:
            return error[:, above].copy()
        low = self.thetas[above - 1] if above else 0.0
        low_wrong = low * error[:, above - 1] if above else 0.0
        part = (share - low) / (high - low)
        wrong: FloatArray = (1.0 - part) * low_wrong + part * high * error[:, above]
        return wrong / share

    def error_interval(
        self, n_train: int, theta: float, confidence: float = 0.9
    ) -> tuple[float, float]:
        """Central interval of ``error_at``; NaN where no replica could be fitted.

        Raises
        ------
        ValueError
            As ``error_at``; or ``confidence`` is not in (0, 1).
        """
        return quantiles(self.error_at(n_train, theta), confidence)


def bootstrap_curves(
    rounds: Sequence[MeasuredRound],
    n_knots: npt.ArrayLike,
    *,
    n_classes: int,
    seed: int,
    n_replicas: int = 500,
    thetas: npt.ArrayLike = DEFAULT_THETAS,
    form: Literal["average"] | Form = "average",
) -> CurveReplicas:
    """Resample the test items, and fit the learning curves of every resample.

    Each replica draws as many items of T, with replacement, as there are, the same ones at every
    round; its profiles and fits are those of ``estimate_profile`` and ``fit_power_laws`` for
    these items, but for one correction, of a bias that pooling bins has in replicas twice over,
    and two differences that make replicas as different as the data leave the truth:

    * The priors' centres are drawn once for each replica: gamma's from N(0.5, 0.3), that of
      n_max / k from an exponential of mean 0.2, that of floor / (alpha n_max^-gamma) from one of
      mean 0.6; both ratios then have a normal prior of deviation 0.15. A fixed prior pulls all
      replicas to one place in directions that the data say nothing about.
    * One form is drawn for all thetas, with weight exp(-deviance / 2), the deviance being the
      mean over thetas. A mean of forms is a curve that none of them believes in; a sum over
      thetas counts the same wrong items up to T times and leaves one form.

    Parameters
    ----------
    rounds : sequence of R MeasuredRound
        Oldest first or in any order, all of the same test items.
    n_knots : (K,) int
        Rising training sizes >= 1 at which curves are kept; ``curve_knots`` for a plan.
    n_classes : int
        C >= 2.
    seed : int
        >= 0; the same seed gives the same replicas at any number of threads.
    n_replicas : int
        >= 1.
    thetas : (T,) float
        Shares of U, rising, in (0, 1].
    form : {"average", "truncated", "power", "floor", "plateau"}
        All four, or one alone, whose intervals are too narrow when the truth is another.

    Returns
    -------
    CurveReplicas

    Raises
    ------
    ValueError
        No round, rounds of different test items, or an argument out of range.

    Notes
    -----
    Cost: one pass over the items per replica and round, and four fits per replica and theta;
    benchmarks/bench_bootstrap.py measures. Memory: replicas x (4 n_test + 8 T (2 R + K)) bytes.
    Source: algorithm.md section 3; docs/decisions.md.
    """
    n_replicas = as_integer(n_replicas, "n_replicas", 1)
    seed = as_integer(seed, "seed", 0)
    chance = 1.0 - 1.0 / as_integer(n_classes, "n_classes", 2)
    if form != "average" and form not in FORMS:
        raise ValueError(f"form: expected average, {', '.join(FORMS)}, found {form!r}")
    forms: tuple[Form, ...] = FORMS if form == "average" else (form,)
    knots = np.asarray(n_knots)
    if knots.ndim != 1 or not knots.size or knots.dtype.kind not in "iu":
        raise ValueError(
            f"n_knots: expected integers of shape (K,), at least one, found shape {knots.shape} "
            f"and dtype {knots.dtype}"
        )
    falling = np.flatnonzero(np.diff(knots) <= 0)
    if knots[0] < 1 or falling.size:
        found = knots[:1] if knots[0] < 1 else knots[falling[0] : falling[0] + 2]
        raise ValueError(f"n_knots: expected rising sizes >= 1, found {found.tolist()}")
    shares = np.asarray(thetas, dtype=np.float64)
    if shares.ndim != 1 or not shares.size:
        raise ValueError(f"thetas: expected shape (T,), at least one, found shape {shares.shape}")
    if not rounds:
        raise ValueError("rounds: expected at least one, found none")
    cells, bin_size = _stacked(rounds)

    rng = np.random.default_rng(seed)
    counts = _resampled(rng, n_replicas, cells.shape[1])
    gamma_centre = np.clip(rng.normal(GAMMA_MEAN, GAMMA_DEVIATION, n_replicas), 0.0, GAMMA_MAX)
    ratio = rng.exponential(1.0, n_replicas)
    form_draw = rng.random(n_replicas)

    as_measured = np.ones((1, cells.shape[1]), np.int32)
    once, n_once = _core.replica_profiles(as_measured, cells, bin_size, shares)
    wrong, n_test = _core.replica_profiles(counts, cells, bin_size, shares)
    wrong = _without_bias(wrong, n_test, once, n_once)
    error, drawn = _core.replica_curves(
        np.array([r.n_train for r in rounds], np.float64),
        wrong,
        n_test,
        shares,
        knots.astype(np.float64),
        forms=[FORMS.index(f) for f in forms],
        chance=chance,
        gamma_centre=gamma_centre,
        ratio_centre=[RATIO_MEAN.get(f, 0.0) * ratio for f in forms],
        form_draw=form_draw,
    )
    shape = (n_replicas, shares.size, knots.size)
    return CurveReplicas(shares, knots.astype(np.int64), error.reshape(shape), drawn, forms)


def quantiles(values: FloatArray, confidence: float) -> tuple[float, float]:
    """Central interval of the values that are numbers; NaN when none is."""
    share = as_number(confidence, "confidence", 0.0, 1.0, open=True)
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.5 - share / 2, 0.5 + share / 2])
    return float(low), float(high)


def _stacked(rounds: Sequence[MeasuredRound]) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Cells (R, n_test) and bin sizes (R, bins), filled up with empty bins."""
    n_items = {r.cells.size for r in rounds}
    if len(n_items) != 1 or n_items == {0}:
        raise ValueError(
            f"rounds: expected the same test items at each, at least one, found {sorted(n_items)}"
        )
    bin_size = np.zeros((len(rounds), max(r.bin_edges.size for r in rounds) - 1))
    for row, r in zip(bin_size, rounds, strict=True):
        row[: r.bin_edges.size - 1] = np.diff(r.bin_edges)
    return np.stack([r.cells for r in rounds]).astype(np.int32), bin_size


def _resampled(rng: np.random.Generator, n_replicas: int, n_items: int) -> npt.NDArray[np.int32]:
    """(replicas, n_items): how often each item is drawn."""
    counts = np.empty((n_replicas, n_items), np.int32)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, n_items, n_items), minlength=n_items)
    return counts


def _without_bias(
    wrong: FloatArray, n_test: FloatArray, once: FloatArray, n_once: FloatArray
) -> FloatArray:
    """Wrong items (replicas * T, R) without the bias of pooling, given those of T as it is.

    Pooling noisy rates can only lower the error among the most confident: once in the profile of
    T, and once more in each replica's. The ratio of the two measures how much, and undoes both.
    """
    shape = (-1, *once.shape)
    counts = n_test.reshape(shape)
    error = np.divide(wrong.reshape(shape), counts, out=np.zeros(counts.shape), where=counts > 0.0)
    mean = error.sum(axis=0) / np.maximum((counts > 0.0).sum(axis=0), 1)
    measured = np.divide(once, n_once, out=np.zeros(once.shape), where=n_once > 0.0)
    ratio = np.divide(measured, mean, out=np.ones(mean.shape), where=mean > 0.0)
    corrected: FloatArray = np.minimum(error * ratio**2, 1.0) * counts
    return corrected.reshape(wrong.shape)
