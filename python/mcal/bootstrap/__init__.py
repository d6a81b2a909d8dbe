"""Replicas of the test items through profile, fits and plan: an interval for every forecast. Pure.

algorithm.md sections 3 and 4.
"""

from .curves import CurveReplicas, bootstrap_curves
from .plans import PlanReplicas, bootstrap_plans
from .rounds import MeasuredRound, measure_round

__all__ = [
    "CurveReplicas",
    "MeasuredRound",
    "PlanReplicas",
    "bootstrap_curves",
    "bootstrap_plans",
    "measure_round",
]
