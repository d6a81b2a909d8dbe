"""Slow, readable fits by scipy, from many starting points, for the compiled ones to agree with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from mcal.fitting import Form, Objective, fit_power_laws
from mcal.types import FloatArray


@dataclass(frozen=True)
class Problem:
    """One curve: counts at R training sizes, drawn from one of the forms."""

    form: Form
    n_classes: int
    n_train: FloatArray
    wrong: FloatArray
    n_test: FloatArray

    @property
    def chance(self) -> float:
        return 1.0 - 1.0 / self.n_classes

    @property
    def n_parameters(self) -> int:
        return 3 if self.form in ("truncated", "floor") else 2


def log_error_and_slopes(
    form: Form, x: FloatArray, n: FloatArray, chance: float
) -> tuple[FloatArray, FloatArray]:
    """log e (R,) and its derivatives (R, P).

    x = (log of alpha n_max^-gamma, gamma, n_max/k or floor/(alpha n_max^-gamma)).
    """
    log_relative = np.log(n / n.max())
    log_u = x[0] - x[1] * log_relative
    slopes = [np.ones_like(n), -log_relative]
    if form == "truncated":
        log_u = log_u - x[2] * np.exp(log_relative)
        slopes.append(-np.exp(log_relative))
    elif form == "floor":
        power = np.exp(-x[1] * log_relative)
        log_u = x[0] + np.log(power + x[2])
        slopes = [np.ones_like(n), -log_relative * power / (power + x[2]), 1.0 / (power + x[2])]
    order = 1.0 if form == "plateau" else 8.0
    above = order * (log_u - np.log(chance))
    below_cap = special.expit(-above)
    log_e = log_u - np.logaddexp(0.0, above) / order
    return log_e, np.stack(slopes, axis=1) * below_cap[:, None]


def log_error(form: Form, x: FloatArray, n: FloatArray, chance: float) -> FloatArray:
    """The first of ``log_error_and_slopes``."""
    return log_error_and_slopes(form, x, n, chance)[0]


def random_problem(rng: np.random.Generator, form: Form, objective: Objective) -> Problem:
    n_classes = int(rng.integers(2, 100))
    n_rounds = int(rng.integers(4, 15))
    n = np.sort(rng.choice(np.arange(100.0, 20_000.0), n_rounds, replace=False))
    x = np.array([np.log(rng.uniform(0.003, 0.9)), rng.uniform(0.05, 1.5), rng.exponential(0.3)])
    n_test = rng.integers(50, 3000, n_rounds).astype(float)
    error = np.exp(log_error(form, x, n, 1.0 - 1.0 / n_classes))
    wrong = rng.binomial(n_test.astype(int), error).astype(float)
    if objective == "log":
        wrong = np.maximum(wrong, 1.0)
    elif wrong.sum() == 0.0:
        wrong[0] = 1.0
    return Problem(form, n_classes, n, wrong, n_test)


def negative_log_posterior(x: FloatArray, p: Problem) -> tuple[float, FloatArray]:
    """Half the binomial deviance plus the penalties, and its gradient."""
    log_e, slopes = log_error_and_slopes(p.form, x, p.n_train, p.chance)
    right = p.n_test - p.wrong
    share = p.wrong / p.n_test
    right_share = np.maximum(-np.expm1(log_e), 1e-15)
    likelihood = special.xlogy(p.wrong, share) - p.wrong * log_e
    likelihood += special.xlogy(right, 1.0 - share) - right * np.log(right_share)
    value = likelihood.sum() + (x[1] - 0.5) ** 2 / (2 * 0.3**2) + x[2:].sum() / 0.15
    gradient = (right * np.exp(log_e) / right_share - p.wrong) @ slopes
    gradient[1] += (x[1] - 0.5) / 0.3**2
    gradient[2:] += 1.0 / 0.15
    return float(value), gradient


def log_residuals(x: FloatArray, p: Problem) -> tuple[FloatArray, FloatArray]:
    """Residuals (R,) and their derivatives (R, P)."""
    log_e, slopes = log_error_and_slopes(p.form, x, p.n_train, p.chance)
    return log_e - np.log(p.wrong / p.n_test), slopes


def half_squares(x: FloatArray, p: Problem) -> tuple[float, FloatArray]:
    """Half the sum of squared log residuals, and its gradient."""
    residuals, slopes = log_residuals(x, p)
    return float(0.5 * residuals @ residuals), residuals @ slopes


def best_fit(p: Problem, objective: Objective) -> tuple[float, FloatArray]:
    """The least objective that scipy finds from several starts, and where."""
    function = negative_log_posterior if objective == "binomial" else half_squares
    highest = float(np.log(100.0 * p.chance))
    lower = [-60.0, 0.0, 0.0][: p.n_parameters]
    upper = [highest, 3.0, np.inf][: p.n_parameters]
    bounds = list(zip(lower, upper, strict=True))
    last = min(float(np.log((p.wrong[-1] + 0.5) / (p.n_test[-1] + 1.0))), highest)
    # Only a floor makes several minima.
    thirds = (0.05, 1.0, 10.0) if p.form == "floor" else (0.1,)
    starts = [
        np.array([last, gamma, third][: p.n_parameters]) for gamma in (0.3, 2.0) for third in thirds
    ]
    rough = [
        optimize.minimize(
            function, x, (p,), "L-BFGS-B", jac=True, bounds=bounds,
            options={"ftol": 1e-10, "gtol": 1e-8, "maxiter": 60},
        )
        for x in starts
    ]  # fmt: skip
    x = min(rough, key=lambda fit: float(fit.fun)).x
    if objective == "binomial":
        fine = optimize.minimize(
            function, x, (p,), "SLSQP", jac=True, bounds=bounds,
            options={"ftol": 1e-14, "maxiter": 500},
        )  # fmt: skip
        x = min((fine.x, x), key=lambda at: function(np.clip(at, lower, upper), p)[0])
    else:
        x = optimize.least_squares(
            lambda at: log_residuals(at, p)[0], np.clip(x, lower, upper),
            lambda at: log_residuals(at, p)[1], bounds=(lower, upper),
            xtol=1e-14, ftol=1e-14, gtol=1e-14,
        ).x  # fmt: skip
    return function(x, p)[0], x


def objective_at(x: FloatArray, p: Problem, objective: Objective) -> float:
    """What scipy minimises, at any x."""
    return (negative_log_posterior if objective == "binomial" else half_squares)(x, p)[0]


def compiled_fit(p: Problem, objective: Objective) -> tuple[float, FloatArray]:
    """The objective that the compiled fit reports, and its parameters as ``log_error`` has them."""
    fit = fit_power_laws(
        p.n_train, p.wrong[None], p.n_test,
        form=p.form, objective=objective, n_classes=p.n_classes,
    )  # fmt: skip
    alpha, gamma, *third = fit.parameters[0]
    at_largest = alpha * p.n_train.max() ** -gamma
    ratio = [p.n_train.max() / k if p.form == "truncated" else k / at_largest for k in third]
    return float(fit.objective[0]), np.array([np.log(at_largest), gamma, *ratio])


def relative_gap(p: Problem, objective: Objective) -> tuple[float, float]:
    """How much worse than scipy's best the compiled parameters are, and the number reported.

    Both relative to scipy's best; the first is scipy's own objective at our parameters.
    """
    best, _ = best_fit(p, objective)
    reported, x = compiled_fit(p, objective)
    return (objective_at(x, p, objective) - best) / best, (reported - best) / best
