"""Learning-curve fits: the error of a classifier against the number of its training labels.

algorithm.md section 3; the truncated power law is Eq. 3 of the paper. With p = alpha n^-gamma and
E0 = 1 - 1/C the error of guessing, the four forms are

=========  ===================================  ====================
power      u = p                                alpha, gamma
truncated  u = p exp(-n/k)                      alpha, gamma, k
floor      u = p + floor                        alpha, gamma, floor
plateau    e = E0 / (1 + E0/p), no other cap    alpha, gamma
=========  ===================================  ====================

and the first three are soft-capped by e = (u^-8 + E0^-8)^(-1/8). No form ever
rises with n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from mcal import _core
from mcal.types import FloatArray

from .inputs import chance_error, choice, numbers, per_point, require, sizes

__all__ = [
    "FORMS",
    "FitStatus",
    "Form",
    "Objective",
    "PowerLawFits",
    "fit_power_laws",
]

Form = Literal["power", "truncated", "floor", "plateau"]
Objective = Literal["binomial", "log"]

FORMS: tuple[Form, ...] = get_args(Form)
_OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
_PARAMETERS: dict[Form, tuple[str, ...]] = {
    "power": ("alpha", "gamma"),
    "truncated": ("alpha", "gamma", "k"),
    "floor": ("alpha", "gamma", "floor"),
    "plateau": ("alpha", "gamma"),
}


class FitStatus(IntEnum):
    """How a fit ended; the higher, the less it is worth. NaN parameters from 4 on."""

    CONVERGED = 0
    """The predicted fall of the objective is at most tolerance x (objective + tolerance)."""
    NO_ERRORS = 1
    """Binomial, nothing wrong at any size: alpha = 0 is the maximum, gamma stays at 0.5."""
    STALLED = 2
    """No further fall at the largest damping: the best parameters found."""
    MAX_ITERATIONS = 3
    """The best parameters found."""
    TOO_FEW_POINTS = 4
    """Fewer different training sizes than 2 (binomial), or than parameters (log)."""
    ZERO_COUNT = 5
    """Log residuals, and a point with weight has nothing wrong: it has no logarithm."""


@dataclass(frozen=True)
class PowerLawFits:
    """Fits of one form, one row a curve. ``parameters`` is in the order of ``names``."""

    form: Form
    chance_error: float  # E0; inf: no cap
    parameters: FloatArray  # (rows, P), NaN where nothing could be fitted
    status: npt.NDArray[np.int32]  # (rows,) of FitStatus
    objective: FloatArray  # (rows,) what was minimised, see fit_power_laws
    deviance: FloatArray  # (rows,) twice the objective without the priors
    n_iterations: npt.NDArray[np.int32]  # (rows,) evaluations of the objective, all starts

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters: alpha, gamma and, by form, k (inf: no cut-off) or floor."""
        return _PARAMETERS[self.form]

    @property
    def fitted(self) -> npt.NDArray[np.bool_]:
        """(rows,) whether there are parameters."""
        return self.status < FitStatus.TOO_FEW_POINTS

    def predict(self, n_train: npt.ArrayLike) -> FloatArray:
        """Error (rows, K) at training sizes ``n_train`` (K,) > 0; NaN rows where not fitted."""
        return np.exp(self.log_error(n_train))

    def log_error(self, n_train: npt.ArrayLike) -> FloatArray:
        """Logarithm of ``predict``: (rows, K), -inf where the error is 0."""
        n = sizes(n_train)
        alpha, gamma = self.parameters[:, 0, None], self.parameters[:, 1, None]
        order = 1.0 if self.form == "plateau" else 8.0
        with np.errstate(divide="ignore", invalid="ignore"):  # alpha = 0; NaN stays NaN
            eta = np.log(alpha) - gamma * np.log(n)
            if self.form == "truncated":
                eta = eta - n / self.parameters[:, 2, None]
            elif self.form == "floor":
                eta = np.logaddexp(eta, np.log(self.parameters[:, 2, None]))
            cap = -order * np.log(self.chance_error)
            return np.asarray(-np.logaddexp(-order * eta, cap) / order)

    def to_json(self) -> dict[str, Any]:
        """Lists and numbers that strict JSON can hold; ``from_json`` reads them back exactly."""
        return {
            "form": self.form,
            "chance_error": to_plain(self.chance_error),
            "parameters": to_plain(self.parameters),
            "status": self.status.tolist(),
            "objective": to_plain(self.objective),
            "deviance": to_plain(self.deviance),
            "n_iterations": self.n_iterations.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` gave."""
        form: Form = choice(value["form"], "form", FORMS)
        return cls(
            form=form,
            chance_error=float(value["chance_error"]),
            parameters=from_plain(value["parameters"]).reshape(-1, len(_PARAMETERS[form])),
            status=np.array(value["status"], np.int32),
            objective=from_plain(value["objective"]),
            deviance=from_plain(value["deviance"]),
            n_iterations=np.array(value["n_iterations"], np.int32),
        )


def fit_power_laws(
    n_train: npt.ArrayLike,
    wrong: npt.ArrayLike,
    n_test: npt.ArrayLike,
    *,
    form: Form = "truncated",
    objective: Objective = "binomial",
    n_classes: int | None = None,
    weights: npt.ArrayLike | None = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-7,
) -> PowerLawFits:
    """Fit many learning curves at once, each row on its own.

    ``"binomial"`` minimises half the binomial deviance plus the priors of algorithm.md section 3:
    with s = wrong / n_test and n_max the largest training size of the row,

        sum wrong log(s/e) + (n_test - wrong) log((1-s)/(1-e)) + (gamma - 0.5)^2 / (2 0.3^2)
        + n_max / (0.15 k)   or   + (floor / (alpha n_max^-gamma)) / 0.15,

    and ``"log"`` minimises sum weight (log e - log s)^2 / 2 without priors. Both with
    0 <= gamma <= 3, k > 0, floor >= 0 and alpha n_max^-gamma <= 100 E0. Zero counts are data:
    ``"binomial"`` uses them as they are, ``"log"`` refuses the row (``FitStatus.ZERO_COUNT``)
    unless the point's weight is 0; nothing is added to any count.

    Parameters
    ----------
    n_train : (R,) or (rows, R) real
        Training sizes, > 0, in any order.
    wrong : (rows, R) real
        Wrong test items, in [0, n_test]; effective counts need not be whole.
    n_test : (R,) or (rows, R) real
        Test items, >= 0; a point without any does not count.
    form : {"truncated", "power", "floor", "plateau"}
        See the module.
    objective : {"binomial", "log"}
        See above.
    n_classes : int, optional
        C >= 2, for the cap E0 = 1 - 1/C. None is no cap; an error is at most 1, so the plateau and
        the binomial objective then take E0 = 1.
    weights : (R,) or (rows, R) real, optional
        >= 0, default 1. ``"binomial"`` multiplies both counts by them.
    max_iterations : int
        Evaluations of the objective a row may take, >= 1.
    tolerance : float
        In (0, 1), see ``FitStatus.CONVERGED``.

    Returns
    -------
    PowerLawFits
        A row that cannot be fitted has NaN parameters and a status that says why.

    Raises
    ------
    ValueError
        For shapes, dtypes and values other than these, NaN and empty input.

    Notes
    -----
    Levenberg-Marquardt with exact second derivatives and bounds, from a weighted log-log
    regression: a local minimum, in practice the global one. A row of 10 points takes about 4
    evaluations; one core with AVX2 spent 1.3 microseconds on it for the binomial power, 1.5 for
    the truncated, 1.8 for the floor and 1.0 for the plateau; with log residuals 0.5, 0.6, 1.2 and
    1.0. A floor, which can have several minima, starts from a scan over gamma (log), and from more
    points where errors reach 0.95 E0: capped log floors then take tens of evaluations.
    benchmarks/bench_fit.py measures.
    Rows go to all threads with the same result on any number of them.
    """
    form = choice(form, "form", FORMS)
    objective = choice(objective, "objective", _OBJECTIVES)
    w = numbers(wrong, "wrong", "real numbers of shape (rows, R)")
    if w.ndim != 2 or w.size == 0:
        raise ValueError(f"wrong: expected shape (rows, R), at least one of each, found {w.shape}")
    n = per_point(n_train, "n_train", w.shape)
    t = per_point(n_test, "n_test", w.shape)
    v = per_point(np.ones(w.shape[1]) if weights is None else weights, "weights", w.shape)
    require(n > 0.0, n, "n_train", "> 0")
    require(t >= 0.0, t, "n_test", ">= 0")
    require(v >= 0.0, v, "weights", ">= 0")
    require((w >= 0.0) & (w <= t), w, "wrong", "from 0 to n_test")

    chance = chance_error(n_classes)
    if np.isinf(chance) and (form == "plateau" or objective == "binomial"):
        chance = 1.0
    parameters, status, value, deviance, n_iterations = _core.fit_batch(
        n,
        w,
        t,
        v,
        form=FORMS.index(form),
        objective=_OBJECTIVES.index(objective),
        chance=0.0 if np.isinf(chance) else chance,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    return PowerLawFits(form, chance, parameters, status, value, deviance, n_iterations)


def to_plain(value: float | FloatArray) -> Any:
    """Numbers, and the words "inf" and "nan", which JSON has no numbers for."""
    if isinstance(value, np.ndarray):
        return [to_plain(v) for v in (value if value.ndim > 1 else value.tolist())]
    return value if np.isfinite(value) else str(value)


def from_plain(value: Any) -> FloatArray:
    """Read what ``to_plain`` gave."""
    return np.array(value, np.float64)
