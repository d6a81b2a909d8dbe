"""Learning curves of every theta from all rounds so far. algorithm.md section 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from mcal.types import FloatArray

from .inputs import chance_error, choice, numbers, sizes
from .power_laws import FORMS, FitStatus, Form, PowerLawFits, fit_power_laws, to_plain

_CHOICES: tuple[Literal["average"] | Form, ...] = ("average", *FORMS)


@dataclass(frozen=True)
class CurveFits:
    """Learning curves of all thetas: one or several forms, averaged.

    ``predict`` is the geometric mean of the forms under ``weights``, the same for all thetas,
    after which the wrong items theta x error(theta) are made non-decreasing in theta.
    """

    thetas: FloatArray  # (T,)
    chance_error: float  # E0 = 1 - 1/C
    weights: dict[Form, float]  # sum 1; NaN when no theta could be fitted by all forms
    fits: dict[Form, PowerLawFits]  # rows are thetas

    @property
    def status(self) -> npt.NDArray[np.int32]:
        """(T,) of FitStatus: the worst over the forms that have weight."""
        rows = [f.status for form, f in self.fits.items() if self.weights[form] != 0.0]
        return np.asarray(np.max(rows, axis=0), np.int32)

    @property
    def fitted(self) -> npt.NDArray[np.bool_]:
        """(T,) whether ``predict`` gives numbers."""
        return self.status < FitStatus.TOO_FEW_POINTS

    def predict(self, n_train: npt.ArrayLike) -> FloatArray:
        """Error (T, K) in [0, E0] at training sizes ``n_train`` (K,) > 0.

        Never rises with the training size. NaN for thetas that could not be fitted; the others
        are made monotone without them. Cost: T x K for every form.
        """
        n = sizes(n_train)
        log_error = np.zeros((self.thetas.size, n.size))
        for form, weight in self.weights.items():
            if weight != 0.0:  # 0 x -inf has no place in a mean
                log_error += weight * self.fits[form].log_error(n)
        error = np.exp(log_error)
        fitted = self.fitted
        share = self.thetas[fitted, None]
        error[fitted] = _isotonise(share * error[fitted]) / share
        return np.minimum(error, self.chance_error)

    def to_json(self) -> dict[str, Any]:
        """Lists and numbers that strict JSON can hold; ``from_json`` reads them back exactly."""
        return {
            "thetas": self.thetas.tolist(),
            "chance_error": self.chance_error,
            "weights": {form: to_plain(weight) for form, weight in self.weights.items()},
            "fits": {form: fit.to_json() for form, fit in self.fits.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` gave."""
        return cls(
            thetas=np.array(value["thetas"], np.float64),
            chance_error=float(value["chance_error"]),
            weights={
                choice(form, "weights", FORMS): float(weight)
                for form, weight in value["weights"].items()
            },
            fits={
                choice(form, "fits", FORMS): PowerLawFits.from_json(fit)
                for form, fit in value["fits"].items()
            },
        )


def fit_curves(
    n_train: npt.ArrayLike,
    wrong: npt.ArrayLike,
    n_test: npt.ArrayLike,
    thetas: npt.ArrayLike,
    *,
    n_classes: int,
    form: Literal["average"] | Form = "average",
) -> CurveFits:
    """Fit the learning curves of all thetas, binomially, with one form or all four averaged.

    Forms are averaged with weights exp(-AIC / 2), AIC = deviance + 2 x parameters summed over the
    thetas that every form could fit (algorithm.md section 3).

    One round is too few: every status is ``TOO_FEW_POINTS`` and every prediction NaN. With two
    rounds the priors decide gamma and the third parameter where two points cannot; from three
    on the data take over. A theta without any wrong item predicts 0 (``NO_ERRORS``).

    Parameters
    ----------
    n_train : (R,) real
        Training sizes of the rounds, > 0.
    wrong : (R, T) real
        Wrong test items among the most confident share theta, in [0, n_test].
    n_test : (R, T) real
        Test items in that share, >= 0; a point without any does not count.
    thetas : (T,) real
        Increasing, in (0, 1].
    n_classes : int
        C >= 2.
    form : {"average", "truncated", "power", "floor", "plateau"}
        ``"truncated"`` is the paper's.

    Returns
    -------
    CurveFits

    Raises
    ------
    ValueError
        For shapes, dtypes and values other than these, NaN and empty input.
    """
    share = numbers(thetas, "thetas", "real numbers of shape (T,)")
    if share.ndim != 1 or share.size == 0:
        raise ValueError(f"thetas: expected shape (T,), at least one, found {share.shape}")
    if np.any(np.diff(share) <= 0.0) or share[0] <= 0.0 or share[-1] > 1.0:
        raise ValueError(f"thetas: expected increasing values in (0, 1], found {share}")
    n = numbers(n_train, "n_train", "real numbers of shape (R,)")
    if n.ndim != 1 or n.size == 0:
        raise ValueError(f"n_train: expected shape (R,), at least one, found {n.shape}")
    shape = (n.size, share.size)
    w = numbers(wrong, "wrong", f"real numbers of shape {shape}")
    t = numbers(n_test, "n_test", f"real numbers of shape {shape}")
    for name, value in (("wrong", w), ("n_test", t)):
        if value.shape != shape:
            raise ValueError(f"{name}: expected shape (R, T) = {shape}, found {value.shape}")
    chosen = choice(form, "form", _CHOICES)
    forms: tuple[Form, ...] = FORMS if chosen == "average" else (chosen,)

    fits = {f: fit_power_laws(n, w.T, t.T, form=f, n_classes=n_classes) for f in forms}
    return CurveFits(share, chance_error(n_classes), _akaike_weights(fits), fits)


def _akaike_weights(fits: dict[Form, PowerLawFits]) -> dict[Form, float]:
    usable = np.all([fit.fitted for fit in fits.values()], axis=0)
    if not usable.any():
        return dict.fromkeys(fits, float("nan"))
    aic = np.array([np.sum(fit.deviance[usable] + 2 * len(fit.names)) for fit in fits.values()])
    weight = np.exp(-0.5 * (aic - aic.min()))
    return dict(zip(fits, (weight / weight.sum()).tolist(), strict=True))


def _isotonise(values: FloatArray) -> FloatArray:
    """Least-squares non-decreasing fit along axis 0 of (T, K), each column on its own.

    The max-min formula, max over i <= j of min over k >= j of mean(i..k), on the columns that
    need it.
    """
    result = values.copy()
    columns = np.flatnonzero(np.any(np.diff(values, axis=0) < 0.0, axis=0))
    n_rows = len(values)
    for chunk in np.split(columns, range(65536, columns.size, 65536)):
        sums = np.concatenate([np.zeros((1, chunk.size)), np.cumsum(values[:, chunk], axis=0)])
        best = np.full((n_rows, chunk.size), -np.inf)
        for i in range(n_rows):
            counts = np.arange(1, n_rows - i + 1)[:, None]
            means = (sums[i + 1 :] - sums[i]) / counts
            best[i:] = np.maximum(best[i:], np.minimum.accumulate(means[::-1], axis=0)[::-1])
        result[:, chunk] = best
    return result
