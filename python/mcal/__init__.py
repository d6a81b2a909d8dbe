"""Label a whole data set, people and machine together, for the fewest dollars at a chosen error.

The numeric functions take and return NumPy arrays, those of selection CuPy's and torch's too;
``Campaign`` runs the whole job. Names are imported on first use, so that ``import mcal`` stays
cheap.
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
    "read_settings": "mcal.config",
    "PriceSettings": "mcal.settings",
    "PriceTier": "mcal.settings",
    "PlanSettings": "mcal.settings",
    "PoolSettings": "mcal.settings",
    "OracleSettings": "mcal.settings",
    "FilesSettings": "mcal.settings",
    "CallableSettings": "mcal.settings",
    "FunctionAnnotator": "mcal.annotators.function",
    "LabelStudioSettings": "mcal.settings",
    "LabelsSettings": "mcal.settings",
    "WebAnnotator": "mcal.annotators.web",
    "WebSettings": "mcal.settings",
    "GroundTruthSettings": "mcal.settings",
    "CertificateSettings": "mcal.settings",
    "ClassifierSettings": "mcal.settings",
    "ConsensusSettings": "mcal.settings",
    "ConsensusAnnotator": "mcal.annotators.consensus",
    "DeviceError": "mcal.errors",
    "McalError": "mcal.errors",
    "MissingExtraError": "mcal.errors",
    "Quote": "mcal.quoting",
    "quote": "mcal.quoting",
    "NO_LABEL": "mcal.types",
    "ArrayPool": "mcal.pools",
    "EmbeddingPool": "mcal.pools",
    "ImageFolderPool": "mcal.pools",
    "open_pool": "mcal.pools",
    "OracleAnnotator": "mcal.annotators",
    "FilesAnnotator": "mcal.annotators",
    "CampaignSummary": "mcal.store",
    "fit_power_laws": "mcal.fitting",
    "PowerLawFits": "mcal.fitting",
    "fit_curves": "mcal.fitting",
    "CurveFits": "mcal.fitting",
    "FitStatus": "mcal.fitting",
    "search_plan": "mcal.planning",
    "Plan": "mcal.planning",
    "curve_knots": "mcal.planning",
    "TrainingCost": "mcal.planning",
    "bootstrap_curves": "mcal.bootstrap",
    "CurveReplicas": "mcal.bootstrap",
    "bootstrap_plans": "mcal.bootstrap",
    "PlanReplicas": "mcal.bootstrap",
    "measure_round": "mcal.bootstrap",
    "MeasuredRound": "mcal.bootstrap",
    "estimate_profile": "mcal.profiles",
    "largest_cut": "mcal.profiles",
    "Profile": "mcal.profiles",
    "AuditPlan": "mcal.certificate",
    "Certificate": "mcal.certificate",
    "ClassReport": "mcal.certificate",
    "WeightedAuditPlan": "mcal.certificate",
    "audit_order": "mcal.certificate",
    "certify": "mcal.certificate",
    "certify_weighted": "mcal.certificate",
    "class_report": "mcal.certificate",
    "machine_positions": "mcal.certificate",
    "plan_audit": "mcal.certificate",
    "plan_weighted_audit": "mcal.certificate",
    "promised_error": "mcal.certificate",
    "split_confidence": "mcal.certificate",
    "uncertainty": "mcal.selection",
    "Uncertainty": "mcal.selection",
    "margin": "mcal.selection",
    "entropy": "mcal.selection",
    "least_confidence": "mcal.selection",
    "smallest_k": "mcal.selection",
    "largest_k": "mcal.selection",
    "KCenter": "mcal.selection",
    "k_center": "mcal.selection",
    "typical": "mcal.selection",
    "thread_count": "mcal._core",
    "set_thread_count": "mcal._core",
    "simd_level": "mcal._core",
    "set_simd_level": "mcal._core",
    "supported_simd_levels": "mcal._core",
}

__all__ = [
    "NO_LABEL",
    "ArrayPool",
    "AuditPlan",
    "CallableSettings",
    "Campaign",
    "CampaignResult",
    "CampaignSummary",
    "Certificate",
    "CertificateSettings",
    "ClassReport",
    "ClassifierSettings",
    "ConsensusAnnotator",
    "ConsensusSettings",
    "CurveFits",
    "CurveReplicas",
    "DeviceError",
    "EmbeddingPool",
    "FilesAnnotator",
    "FilesSettings",
    "FitStatus",
    "FunctionAnnotator",
    "GroundTruthSettings",
    "ImageFolderPool",
    "KCenter",
    "LabelStudioSettings",
    "LabelsSettings",
    "McalError",
    "MeasuredRound",
    "MissingExtraError",
    "OracleAnnotator",
    "OracleSettings",
    "Plan",
    "PlanReplicas",
    "PlanSettings",
    "PoolSettings",
    "PowerLawFits",
    "PriceSettings",
    "PriceTier",
    "Profile",
    "Quote",
    "Settings",
    "TrainingCost",
    "Uncertainty",
    "WebAnnotator",
    "WebSettings",
    "WeightedAuditPlan",
    "__version__",
    "audit_order",
    "bootstrap_curves",
    "bootstrap_plans",
    "certify",
    "certify_weighted",
    "class_report",
    "curve_knots",
    "entropy",
    "estimate_profile",
    "fit_curves",
    "fit_power_laws",
    "k_center",
    "largest_cut",
    "largest_k",
    "least_confidence",
    "machine_positions",
    "margin",
    "measure_round",
    "open_pool",
    "plan_audit",
    "plan_weighted_audit",
    "promised_error",
    "quote",
    "read_settings",
    "search_plan",
    "set_simd_level",
    "set_thread_count",
    "simd_level",
    "smallest_k",
    "split_confidence",
    "supported_simd_levels",
    "thread_count",
    "typical",
    "uncertainty",
]

if TYPE_CHECKING:
    from ._core import (
        set_simd_level,
        set_thread_count,
        simd_level,
        supported_simd_levels,
        thread_count,
    )
    from .annotators import FilesAnnotator, OracleAnnotator
    from .annotators.consensus import ConsensusAnnotator
    from .annotators.function import FunctionAnnotator
    from .annotators.web import WebAnnotator
    from .bootstrap import (
        CurveReplicas,
        MeasuredRound,
        PlanReplicas,
        bootstrap_curves,
        bootstrap_plans,
        measure_round,
    )
    from .campaign import Campaign, CampaignResult
    from .certificate import (
        AuditPlan,
        Certificate,
        ClassReport,
        WeightedAuditPlan,
        audit_order,
        certify,
        certify_weighted,
        class_report,
        machine_positions,
        plan_audit,
        plan_weighted_audit,
        promised_error,
        split_confidence,
    )
    from .config import read_settings
    from .errors import DeviceError, McalError, MissingExtraError
    from .fitting import CurveFits, FitStatus, PowerLawFits, fit_curves, fit_power_laws
    from .planning import Plan, TrainingCost, curve_knots, search_plan
    from .pools import ArrayPool, EmbeddingPool, ImageFolderPool, open_pool
    from .profiles import Profile, estimate_profile, largest_cut
    from .quoting import Quote, quote
    from .selection.k_center import KCenter, k_center
    from .selection.smallest_k import largest_k, smallest_k
    from .selection.typical import typical
    from .selection.uncertainty import Uncertainty, entropy, least_confidence, margin, uncertainty
    from .settings import (
        CallableSettings,
        CertificateSettings,
        ClassifierSettings,
        ConsensusSettings,
        FilesSettings,
        GroundTruthSettings,
        LabelsSettings,
        LabelStudioSettings,
        OracleSettings,
        PlanSettings,
        PoolSettings,
        PriceSettings,
        PriceTier,
        Settings,
        WebSettings,
    )
    from .store import CampaignSummary
    from .types import NO_LABEL


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(_WHERE[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'mcal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
