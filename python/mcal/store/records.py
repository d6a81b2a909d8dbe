"""What the store hands out. Times are ISO strings in UTC, money is in dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mcal.types import BatchStatus, FloatArray, IndexArray, Purpose

__all__ = [
    "KNOWN",
    "ActionRecord",
    "BatchRecord",
    "CampaignRecord",
    "EstimateKind",
    "EstimateRecord",
    "FinishRecord",
    "LabelTable",
    "MachineLabelling",
    "MachineLabels",
    "Ranking",
    "RunRecord",
    "RunStatus",
]

RunStatus = Literal["started", "interrupted", "finished"]
EstimateKind = Literal["profile", "fit", "plan", "cost", "cells", "outlook"]


@dataclass(frozen=True)
class CampaignRecord:
    """What a campaign began with."""

    settings_json: str
    n_pool: int
    classes: tuple[str, ...]
    pool_kind: str
    pool_fingerprint: str
    broken: Mapping[int, str]
    created_at: str
    mcal_version: str


KNOWN = "known"
"""The selection of batches that nobody selected: labels that the campaign began with."""


@dataclass(frozen=True)
class BatchRecord:
    """A purchase of people's labels; ``status`` follows from the ticket and the labels told."""

    batch_id: str
    purpose: Purpose
    round: int
    status: BatchStatus
    ticket: str | None
    selection: str
    engine: str
    price_per_label: float  # of its first item; volume prices may change inside a batch
    n_items: int
    n_told: int
    reason: str
    created_at: str
    closed_at: str | None

    @property
    def is_known(self) -> bool:
        """Whether its labels were there before the campaign, and nobody was asked."""
        return self.selection == KNOWN


@dataclass(frozen=True, eq=False)
class LabelTable:
    """People's labels, in the order of the batches and, inside each, in its chosen order."""

    indices: IndexArray  # (K,)
    labels: IndexArray  # (K,) class numbers, or NO_LABEL
    batches: IndexArray  # (K,) positions in Store.batches()
    price_usd: FloatArray  # (K,) what each cost


@dataclass(frozen=True)
class RunRecord:
    """One training with its scoring."""

    run_id: int
    round: int
    classifier: str
    n_train: int
    seed: int
    device: str
    status: RunStatus
    train_s: float
    score_s: float
    cost_usd: float  # training and scoring
    fixed_cost_usd: float
    checkpoint: str | None
    checkpoint_sha256: str | None
    started_at: str
    seen_at: str  # its last sign of life
    ended_at: str | None


@dataclass(frozen=True)
class EstimateRecord:
    """What was concluded from a training."""

    round: int
    classifier: str
    kind: EstimateKind
    payload: Mapping[str, Any]
    created_at: str


@dataclass(frozen=True)
class ActionRecord:
    """What was decided, and why."""

    round: int
    name: str
    reason: str
    details: Mapping[str, Any]
    created_at: str


@dataclass(frozen=True)
class MachineLabelling:
    """Which model labelled, how many items, and for how much."""

    classifier: str
    round: int
    fee_usd_each: float
    n_items: int
    created_at: str


@dataclass(frozen=True, eq=False)
class MachineLabels:
    """The final machine labels, by ascending index."""

    indices: IndexArray  # (K,)
    labels: IndexArray  # (K,) class numbers
    confidence: FloatArray  # (K,) in [0, 1]
    classifier: str
    round: int
    fee_usd_each: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """Items that nobody had labelled when a model was frozen, most confident first."""

    indices: IndexArray  # (K,)
    labels: IndexArray  # (K,) the machine's class numbers
    deficit: FloatArray  # (K,) 1 - confidence, in [0, 1], not falling
    classifier: str
    round: int


@dataclass(frozen=True)
class FinishRecord:
    """How a campaign ended."""

    stop_reason: str
    details: Mapping[str, Any]
    finished_at: str
