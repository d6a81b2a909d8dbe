"""Learning curves fitted to a sweep: what Figures 2, 3 and 22-27 show. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcal.fitting import fit_curves

from .sweeps import Curves

__all__ = ["FORMS", "curve_rows", "growing_fit_rows", "prediction_rows"]

FORMS = ("power", "truncated", "average")
"""The paper's two, and what mcal uses."""
FEWEST = 3  # points: a truncated power law has so many parameters
Row = dict[str, Any]


def curve_rows(curves: Curves, n_classes: int, thetas: tuple[float, ...]) -> list[Row]:
    """Measured errors and each form's fit to all points (Figure 2)."""
    fitted = {form: _predict(curves, n_classes, form, curves.n_train.size) for form in FORMS}
    return [
        {
            "theta": float(curves.thetas[t]),
            "n_train": int(n_train),
            **_measured(curves, i, t),
            **{form: float(values[t, i]) for form, values in fitted.items()},
        }
        for t in (curves.at(theta) for theta in thetas)
        for i, n_train in enumerate(curves.n_train)
    ]


def prediction_rows(curves: Curves, n_classes: int, thetas: tuple[float, ...]) -> list[Row]:
    """How far off the error at the largest size is, forecast from the first points (Figure 3)."""
    rows = []
    measured = curves.test_wrong[-1] / curves.test_n[-1]
    for n_points in range(FEWEST, curves.n_train.size):
        for form in FORMS:
            forecast = _predict(curves, n_classes, form, n_points)[:, -1]
            rows += [
                {
                    "form": form,
                    "theta": float(curves.thetas[t]),
                    "n_points": n_points,
                    "n_train_known": int(curves.n_train[n_points - 1]),
                    "n_train_forecast": int(curves.n_train[-1]),
                    "forecast": float(forecast[t]),
                    "measured": float(measured[t]),
                    "off_points": 100.0 * abs(float(forecast[t] - measured[t])),
                }
                for t in (curves.at(theta) for theta in thetas)
            ]
    return rows


def growing_fit_rows(curves: Curves, n_classes: int, theta: float) -> list[Row]:
    """Fits to the first few points and to more of them, drawn over all sizes (Figures 22-27)."""
    n_all, t = curves.n_train.size, curves.at(theta)
    counts = sorted({min(n_all, count) for count in (FEWEST, 5, 8, n_all)})
    rows = []
    for form in FORMS[:2]:
        for n_points in counts:
            fitted = _predict(curves, n_classes, form, n_points)[t]
            rows += [
                {
                    "form": form,
                    "theta": float(curves.thetas[t]),
                    "n_points": n_points,
                    "n_train": int(n_train),
                    **_measured(curves, i, t),
                    "fitted": float(fitted[i]),
                }
                for i, n_train in enumerate(curves.n_train)
            ]
    return rows


def _measured(curves: Curves, i: int, t: int) -> Row:
    return {
        "n_test": float(curves.test_n[i, t]),
        "error": float(curves.test_wrong[i, t] / curves.test_n[i, t]),
        "error_of_left": float(curves.true_error[i, t]),
    }


def _predict(curves: Curves, n_classes: int, form: str, n_points: int) -> Any:
    """(T, R) the fit to the first ``n_points`` at every size."""
    first = slice(0, n_points)
    found = fit_curves(
        curves.n_train[first],
        curves.test_wrong[first],
        curves.test_n[first],
        curves.thetas,
        n_classes=n_classes,
        form=form,  # type: ignore[arg-type]
    )
    return np.asarray(found.predict(curves.n_train))
