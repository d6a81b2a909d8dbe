"""What the user chooses about a campaign: one validated, frozen tree of values.

The same tree is read from TOML by ``config.py``, built from keyword arguments by
``Campaign.create`` and kept as JSON in the store.
"""

from .annotator import (
    AnnotatorSettings,
    CallableSettings,
    FilesSettings,
    GroundTruthSettings,
    LabelStudioSettings,
    OracleSettings,
    WebSettings,
)
from .prices import PriceSettings, PriceTier
from .tree import (
    CertificateSettings,
    ClassifierSettings,
    ConsensusSettings,
    LabelsSettings,
    PlanSettings,
    PoolSettings,
    Settings,
)

__all__ = [
    "AnnotatorSettings",
    "CallableSettings",
    "CertificateSettings",
    "ClassifierSettings",
    "ConsensusSettings",
    "FilesSettings",
    "GroundTruthSettings",
    "LabelStudioSettings",
    "LabelsSettings",
    "OracleSettings",
    "PlanSettings",
    "PoolSettings",
    "PriceSettings",
    "PriceTier",
    "Settings",
    "WebSettings",
]
