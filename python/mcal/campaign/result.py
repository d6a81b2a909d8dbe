"""The finished data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..store import CampaignSummary, Store
from ..types import NO_LABEL, FloatArray, IndexArray, Purpose, Source

__all__ = ["CampaignResult", "read_result"]


@dataclass(frozen=True)
class CampaignResult:
    """One entry per item of the pool, and the bill.

    Attributes
    ----------
    labels : (N,) int64
        Class numbers; ``NO_LABEL`` where no class fits.
    sources : (N,) str
        "human", "audit" or "machine"; "" where nobody has labelled the item yet.
    confidence : (N,) float64
        Margin of machine labels in [0, 1]; NaN for people's.
    summary : CampaignSummary
        Counts, dollars, error.
    """

    labels: IndexArray
    sources: npt.NDArray[np.str_]
    confidence: FloatArray
    summary: CampaignSummary


def read_result(store: Store, summary: CampaignSummary) -> CampaignResult:
    """The labels in a store, in the order of the pool."""
    n_pool = store.campaign.n_pool
    labels = np.full(n_pool, NO_LABEL, np.int64)
    sources = np.full(n_pool, "", dtype=f"<U{max(len(s) for s in Source)}")
    confidence = np.full(n_pool, np.nan)
    for purpose in Purpose:
        table = store.labels(purpose)
        labels[table.indices] = table.labels
        sources[table.indices] = Source.AUDIT if purpose is Purpose.AUDIT else Source.HUMAN
    machine = store.machine_labels()
    if machine is not None:
        labels[machine.indices] = machine.labels
        sources[machine.indices] = Source.MACHINE
        confidence[machine.indices] = machine.confidence
    return CampaignResult(labels, sources, confidence, summary)
