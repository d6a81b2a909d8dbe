"""Counts of wrong test items in, learning curves out. Pure; algorithm.md section 3."""

from .curves import CurveFits, fit_curves
from .power_laws import FORMS, FitStatus, Form, Objective, PowerLawFits, fit_power_laws

__all__ = [
    "FORMS",
    "CurveFits",
    "FitStatus",
    "Form",
    "Objective",
    "PowerLawFits",
    "fit_curves",
    "fit_power_laws",
]
