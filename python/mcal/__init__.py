"""Label a whole data set, people and machine together, for the fewest dollars at a chosen error.

The numeric functions take and return NumPy arrays; ``Campaign`` runs the whole job. Names are
imported on first use, so that ``import mcal`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

__version__ = _version("mcal")

_WHERE = {
    "Campaign": "mcal.campaign",
    "CampaignResult": "mcal.campaign",
    "Settings": "mcal.settings",
    "PriceSettings": "mcal.settings",
    "PlanSettings": "mcal.settings",
    "ClassifierSettings": "mcal.settings",
    "McalError": "mcal.errors",
    "fit_power_laws": "mcal.fitting",
    "PowerLawFits": "mcal.fitting",
    "search_plan": "mcal.planning",
    "Plan": "mcal.planning",
    "uncertainty": "mcal.selection",
    "Uncertainty": "mcal.selection",
    "margin": "mcal.selection",
    "entropy": "mcal.selection",
    "least_confidence": "mcal.selection",
    "smallest_k": "mcal.selection",
    "largest_k": "mcal.selection",
    "KCenter": "mcal.selection",
    "k_center": "mcal.selection",
    "thread_count": "mcal._core",
    "set_thread_count": "mcal._core",
}

__all__ = [
    "Campaign",
    "CampaignResult",
    "ClassifierSettings",
    "KCenter",
    "McalError",
    "Plan",
    "PlanSettings",
    "PowerLawFits",
    "PriceSettings",
    "Settings",
    "Uncertainty",
    "__version__",
    "entropy",
    "fit_power_laws",
    "k_center",
    "largest_k",
    "least_confidence",
    "margin",
    "search_plan",
    "set_thread_count",
    "smallest_k",
    "thread_count",
    "uncertainty",
]

if TYPE_CHECKING:
    from ._core import set_thread_count, thread_count
    from .campaign import Campaign, CampaignResult
    from .errors import McalError
    from .fitting import PowerLawFits, fit_power_laws
    from .planning import Plan, search_plan
    from .selection.k_center import KCenter, k_center
    from .selection.smallest_k import largest_k, smallest_k
    from .selection.uncertainty import Uncertainty, entropy, least_confidence, margin, uncertainty
    from .settings import ClassifierSettings, PlanSettings, PriceSettings, Settings


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(_WHERE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'mcal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
