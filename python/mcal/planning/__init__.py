"""Fits and prices in, a plan out: what to buy next and when to stop. Pure.

Paper Eq. 1, 2 and 4, Algorithm 1 lines 8-20; algorithm.md section 4.
"""

from .rules import is_stable, next_batch_size, worth_going_on
from .search import CostSurface, Plan, curve_knots, label_cost_usd, refine_thetas, search_plan
from .training_cost import TrainingCost, TrainingCostModel, fit_training_cost

__all__ = [
    "CostSurface",
    "Plan",
    "TrainingCost",
    "TrainingCostModel",
    "curve_knots",
    "fit_training_cost",
    "is_stable",
    "label_cost_usd",
    "next_batch_size",
    "refine_thetas",
    "search_plan",
    "worth_going_on",
]
