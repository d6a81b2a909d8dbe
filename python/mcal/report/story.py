"""All that a report tells, read from a store at one moment: bounded in size, whatever the pool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcal.money import add_usd
from mcal.settings import Settings
from mcal.store import (
    ActionRecord,
    BatchRecord,
    CampaignRecord,
    CampaignSummary,
    RoundForecast,
    RunRecord,
    Store,
    forecasts,
    settings_now,
    summarise,
)
from mcal.types import NO_LABEL, IndexArray, Purpose, Source

from .audit import AuditFound, machine_cut, read_audit
from .curves import LearningCurves, read_curves
from .ranking import RankingAccuracy, read_ranking
from .surface import CostSurface, read_surface

__all__ = ["BillRow", "ClassCounts", "MachineItems", "Story", "read_story"]

N_SHOWN = 24  # items of each kind in the gallery


@dataclass(frozen=True)
class BillRow:
    """What people's labels of one purpose came to; None is those known before."""

    purpose: Purpose | None
    n_items: int
    cost_usd: float


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Delivered labels by class, in the order of the campaign's classes."""

    names: tuple[str, ...]
    by_source: Mapping[Source, IndexArray]  # each (C,)

    @property
    def total(self) -> IndexArray:
        """(C,) by whomever."""
        total: IndexArray = np.sum(list(self.by_source.values()), axis=0, dtype=np.int64)
        return total


@dataclass(frozen=True, eq=False)
class MachineItems:
    """Items with the machine's opinion, and people's where they have one."""

    indices: IndexArray  # (K,)
    machine: IndexArray  # (K,) class numbers
    confidence: npt.NDArray[np.float64]  # (K,) in [0, 1]
    people: IndexArray | None = None  # (K,) class numbers, or NO_LABEL
    n_all: int = 0  # how many there are, of which these are the first


@dataclass(frozen=True, eq=False)
class Story:
    """A campaign as its report tells it. None is not known, or not known yet."""

    campaign: CampaignRecord
    settings: Settings
    summary: CampaignSummary
    bill: tuple[BillRow, ...]
    forecasts: tuple[RoundForecast, ...]
    batches: tuple[BatchRecord, ...]
    runs: tuple[RunRecord, ...]
    actions: tuple[ActionRecord, ...]
    curves: LearningCurves | None
    ranking: RankingAccuracy | None
    surface: CostSurface | None
    classes: ClassCounts
    doubtful: MachineItems | None
    """Machine labels that the machine was least sure of, the least sure first."""
    audit: AuditFound | None
    cut: int | None
    """How deep into its ranking the machine's labels reach."""
    mistaken: MachineItems | None
    """Audited items that the machine got wrong, the surest mistake first."""


def read_story(campaign: Store | str | Path) -> Story:
    """Read a campaign, or the one in a folder: finished or not, while a writer works on it or not.

    Raises ``StoreError`` for a folder without a campaign. Cost: reads every label once; about a
    second for a million items, and some 30 bytes an item while it runs.
    """
    if not isinstance(campaign, Store):
        with Store.open(Path(campaign), read_only=True) as opened:
            return read_story(opened)
    store = campaign
    with store.transaction():
        settings, summary = settings_now(store), summarise(store)
        batches, people, machine = tuple(store.batches()), store.labels(), store.machine_labels()
        counted = dict.fromkeys(Source, np.empty(0, np.int64))
        is_audit = np.array([b.purpose is Purpose.AUDIT for b in batches], dtype=bool)
        audited = is_audit[people.batches] if batches else np.empty(0, dtype=bool)
        counted[Source.HUMAN] = people.labels[~audited]
        counted[Source.AUDIT] = people.labels[audited]
        doubtful = None
        if machine is not None and machine.indices.size:
            counted[Source.MACHINE] = machine.labels
            least = np.argsort(machine.confidence, kind="stable")[:N_SHOWN]
            doubtful = MachineItems(
                machine.indices[least],
                machine.labels[least],
                machine.confidence[least],
                n_all=machine.indices.size,
            )
        n_classes, audit = len(store.campaign.classes), read_audit(store)
        return Story(
            campaign=store.campaign,
            settings=settings,
            summary=summary,
            bill=_bill(store, batches),
            forecasts=forecasts(store),
            batches=batches,
            runs=tuple(store.runs()),
            actions=tuple(store.actions()),
            curves=read_curves(store, summary.classifier),
            ranking=read_ranking(store, summary.classifier, audit),
            surface=read_surface(store, summary.classifier),
            classes=ClassCounts(
                store.campaign.classes,
                {
                    source: np.bincount(labels[labels != NO_LABEL], minlength=n_classes)
                    for source, labels in counted.items()
                },
            ),
            doubtful=doubtful,
            audit=audit,
            cut=machine_cut(store),
            mistaken=_mistaken(audit),
        )


def _bill(store: Store, batches: tuple[BatchRecord, ...]) -> tuple[BillRow, ...]:
    n_items: Counter[Purpose | None] = Counter()
    cost_usd: dict[Purpose | None, list[float]] = defaultdict(list)
    for batch, batch_usd in zip(batches, store.batch_costs_usd(), strict=True):
        purpose = None if batch.is_known else batch.purpose
        n_items[purpose] += batch.n_told
        cost_usd[purpose].append(batch_usd)
    return tuple(
        BillRow(purpose, n_items[purpose], add_usd(*cost_usd[purpose]))
        for purpose in (None, *Purpose)
        if n_items[purpose]
    )


def _mistaken(audit: AuditFound | None) -> MachineItems | None:
    if audit is None:
        return None
    wrong = np.flatnonzero(audit.wrong)
    shown = wrong[:N_SHOWN]
    return MachineItems(
        audit.indices[shown],
        audit.machine[shown],
        audit.confidence[shown],
        audit.people[shown],
        n_all=wrong.size,
    )
