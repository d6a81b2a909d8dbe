"""Which items the model is sure of, and which ones people should label next."""

from __future__ import annotations

from .k_center import KCenter, k_center
from .smallest_k import largest_k, smallest_k
from .typical import typical
from .uncertainty import Uncertainty, entropy, least_confidence, margin, uncertainty

__all__ = [
    "KCenter",
    "Uncertainty",
    "entropy",
    "k_center",
    "largest_k",
    "least_confidence",
    "margin",
    "smallest_k",
    "typical",
    "uncertainty",
]
