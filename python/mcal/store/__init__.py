"""The durable record of a campaign, and the summary that is read from it."""

from __future__ import annotations

from .delivered import NO_ROUND, Delivered, read_delivered
from .differing import (
    LEAST_ITEMS,
    consensus_error,
    enough_judges,
    expected_settings,
    least_label_error,
    measured_disagreement,
)
from .forecasts import RoundForecast, best_plan, forecasts, sunk_usd
from .may_write import check_may_write
from .records import (
    KNOWN,
    ActionRecord,
    BatchRecord,
    CampaignRecord,
    EstimateKind,
    EstimateRecord,
    FinishRecord,
    LabelTable,
    MachineLabelling,
    MachineLabels,
    Ranking,
    RunRecord,
    RunStatus,
)
from .showing import summary_html
from .store import FILE_NAME, Store
from .summary import (
    ESTIMATE_KIND,
    CampaignSummary,
    ClassInterval,
    ClassIntervals,
    has_ended,
    summarise,
)
from .terms import add_budget, settings_now

__all__ = [
    "ESTIMATE_KIND",
    "FILE_NAME",
    "KNOWN",
    "LEAST_ITEMS",
    "NO_ROUND",
    "ActionRecord",
    "BatchRecord",
    "CampaignRecord",
    "CampaignSummary",
    "ClassInterval",
    "ClassIntervals",
    "Delivered",
    "EstimateKind",
    "EstimateRecord",
    "FinishRecord",
    "LabelTable",
    "MachineLabelling",
    "MachineLabels",
    "Ranking",
    "RoundForecast",
    "RunRecord",
    "RunStatus",
    "Store",
    "add_budget",
    "best_plan",
    "check_may_write",
    "consensus_error",
    "enough_judges",
    "expected_settings",
    "forecasts",
    "has_ended",
    "least_label_error",
    "measured_disagreement",
    "read_delivered",
    "settings_now",
    "summarise",
    "summary_html",
    "sunk_usd",
]
