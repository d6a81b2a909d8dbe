"""Where a campaign stands, from its store alone: no pool, no torch.

Predictions come from the latest round's "plan" estimates, of which the cheapest counts: keys
``total_cost_usd`` (every label and the training to come), ``predicted_interval_90_usd``, which like
``predicted_total_cost_usd`` holds what training had cost when it was recorded, and
``estimated_error`` (in the sense of the target). What training has cost is added when it is read,
for later candidates of the round have been paid since. Once the buying has ended nothing but
people's labels is still to be paid, at known prices. Once the machine has labelled,
``estimated_error`` is the one in the details of the end, or of the action that ended the buying,
"machine_label" or "people". With an audit its details carry the certificate too:
``certified_error`` and ``confidence``, and ``classes``: the intervals of the classes it gives. A
plan without machine labels after one round is no forecast yet: a single point has no slope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mcal.consensus import Disagreement
from mcal.money import add_usd
from mcal.settings import Settings
from mcal.types import BatchStatus, Purpose

from .differing import consensus_error, expected_settings, measured_disagreement
from .forecasts import best_plan, predicted_usd, sunk_usd
from .records import ActionRecord, BatchRecord, EstimateRecord
from .showing import summary_html
from .store import Store
from .terms import settings_now

__all__ = [
    "ESTIMATE_KIND",
    "CampaignSummary",
    "ClassInterval",
    "ClassIntervals",
    "has_ended",
    "summarise",
]

ESTIMATE_KIND = "point estimate, not certified"
"""Of a campaign without a certificate, or without one yet."""


@dataclass(frozen=True)
class ClassInterval:
    """How often the machine's labels of one class are wrong."""

    name: str
    n_machine: int
    n_audit: int  # audited among what the machine would have labelled so
    n_wrong: int  # of these
    low: float  # the error among the machine's labels is between these
    high: float


@dataclass(frozen=True)
class ClassIntervals:
    """The classes that the machine gives, from the audit."""

    confidence: float  # that all intervals hold
    confidence_each: float  # that a given one does
    classes: tuple[ClassInterval, ...]


@dataclass(frozen=True)
class CampaignSummary:
    """Counts are items, money is in dollars, shares and errors are in 0..1; None is not known."""

    phase: str  # "new", "waiting for people", "training", "deciding", "stuck", "done"
    n_pool: int
    n_test: int  # measured on; without the items that no class fits
    n_train: int  # trained on; without the items that no class fits
    n_known: int  # people's labels that were there before, and cost nothing here
    n_known_train: int  # of these, trained on
    n_audit: int  # people's labels that check the machine's
    n_human: int  # people's labels, all of them
    n_bought: dict[str, int]  # of these, by what they were ordered for ("test", "train", ...)
    n_machine: int
    n_unlabelled: int
    n_no_label: int  # people looked, and no class fits
    n_broken: int  # cannot be read; people label them
    human_cost_usd: float
    training_cost_usd: float  # training, scoring and fixed costs
    machine_fee_usd: float
    total_cost_usd: float  # spent so far
    human_only_cost_usd: float  # people label everything
    predicted_total_cost_usd: float | None
    predicted_interval_usd: tuple[float, float] | None  # 90 %, of the total
    saving: float | None  # share of the human-only price: of the finished campaign, else predicted
    budget_usd: float | None  # for everything; None where the target error is the goal
    reserved_usd: float | None  # of the budget, not spent: ordered, or kept back for the end
    left_usd: float | None  # of the budget, neither spent nor reserved; below 0: overrun
    target_error: float
    target_met: bool | None  # whether no more than the target error is certified; None as that is
    target: str
    estimated_error: float | None  # by the test set, before any audit
    certified_error: float | None  # in the sense of the target; the error is no larger, with
    confidence: float | None  # this probability; both None until the audit is in
    estimate_kind: str
    class_intervals: ClassIntervals | None  # None without an audit
    judgements_per_item_measured: float | None  # of known people, thirds included; None of unknown
    disagreement: float | None  # items on which two people differ, of those drawn first, at random
    disagreement_interval: tuple[float, float] | None  # exact, 95 %
    true_error_estimate: float | None  # certified error + estimated error of people's labels
    stop_reason: str | None  # of the end, or why a budget is stuck
    rounds: int  # rounds with a finished training
    classifier: str | None  # that labelled, else of the best plan, else trained last
    open_batch: dict[str, Any] | None
    created_at: str
    finished_at: str | None

    def to_json(self) -> dict[str, Any]:
        """The same as a dictionary that JSON can hold."""
        return asdict(self)

    def __repr__(self) -> str:
        error = "estimated" if self.certified_error is None else "certified"
        return (
            f"CampaignSummary({self.phase}: {self.n_human:,} people's and {self.n_machine:,} "
            f"machine's labels of {self.n_pool:,}, ${self.total_cost_usd:,.2f} spent, "
            f"{error}_error={getattr(self, f'{error}_error')})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return summary_html(self)


def summarise(store: Store) -> CampaignSummary:
    """Where the campaign stands, at one moment, while a writer works or not."""
    with store.transaction():
        return _summarise(store)


def _summarise(store: Store) -> CampaignSummary:
    campaign = store.campaign
    settings = settings_now(store)
    batches, runs, spend, finished = store.batches(), store.runs(), store.spend(), store.finished
    told, bought = dict.fromkeys(Purpose, 0), dict.fromkeys(Purpose, 0)
    for batch in batches:
        told[batch.purpose] += batch.n_told
        bought[batch.purpose] += 0 if batch.is_known else batch.n_told
    known = [batch for batch in batches if batch.is_known]
    no_label, labelling = store.no_label_counts(), store.machine_labelling
    n_human = sum(told.values())
    n_machine = labelling.n_items if labelling else 0
    waiting = next((each for each in batches if each.status != BatchStatus.CLOSED), None)
    trained = [run for run in runs if run.status == "finished"]
    n_rounds = len({run.round for run in trained})
    last_act = store.actions()[-1:]
    stuck = last_act[0].reason if last_act and last_act[0].name == "stuck" else None
    plan, ended = best_plan(store.estimates("plan")), has_ended(store)
    has_forecast = ended or (
        plan is not None and (n_rounds >= 2 or plan.payload.get("n_machine") != 0)
    )

    if finished is not None:
        phase = "done"
    elif stuck is not None:
        phase = "stuck"
    elif waiting is not None:
        phase = "waiting for people"
    elif any(run.status == "started" for run in runs):
        phase = "training"
    else:
        phase = "deciding" if len(batches) > len(known) else "new"

    classifier = labelling.classifier if labelling else None
    if classifier is None and plan is not None:
        classifier = plan.classifier
    if classifier is None and trained:
        classifier = trained[-1].classifier

    certified_error, confidence = _certificate(store)
    total = add_usd(*spend.values())
    expected = expected_settings(store, settings).prices.people
    human_only = expected.total_usd(campaign.n_pool)
    reserved = 0.0 if finished else round(_committed_usd(store, total) - total, 9)
    people_usd = expected.total_usd(campaign.n_pool - n_machine)
    if settings.consensus.third_on_disagreement:  # those of the labels that are in are known
        people_usd += spend["labels"] - expected.total_usd(n_human)
    predicted, interval = predicted_usd(plan, sunk_usd(store, plan)) if plan else (None, None)
    if ended:
        others = (usd for kind, usd in spend.items() if kind != "labels")
        predicted = add_usd(people_usd, *others)
        interval = (predicted, predicted)
    elif predicted is not None and settings.budget_usd is not None:
        most = max(settings.budget_usd, total)  # the budget ends a campaign, whatever was planned
        predicted = min(predicted, most)
        interval = interval and (min(interval[0], most), min(interval[1], most))
    price = predicted if has_forecast else None
    differing = measured_disagreement(store)
    return CampaignSummary(
        phase=phase,
        n_pool=campaign.n_pool,
        n_test=told[Purpose.TEST] - no_label[Purpose.TEST],
        n_train=told[Purpose.TRAIN] - no_label[Purpose.TRAIN],
        n_known=sum(batch.n_items for batch in known),
        n_known_train=sum(b.n_items for b in known if b.purpose is Purpose.TRAIN),
        n_audit=told[Purpose.AUDIT],
        n_human=n_human,
        n_bought={str(purpose): n for purpose, n in bought.items()},
        n_machine=n_machine,
        n_unlabelled=campaign.n_pool - n_human - n_machine,
        n_no_label=sum(no_label.values()),
        n_broken=len(campaign.broken),
        human_cost_usd=spend["labels"],
        training_cost_usd=add_usd(spend["training"], spend["fixed"]),
        machine_fee_usd=spend["machine_fee"],
        total_cost_usd=total,
        human_only_cost_usd=human_only,
        predicted_total_cost_usd=predicted,
        predicted_interval_usd=interval,
        saving=None if price is None or not human_only else 1.0 - price / human_only,
        budget_usd=settings.budget_usd,
        reserved_usd=None if settings.budget_usd is None else reserved,
        left_usd=None
        if settings.budget_usd is None
        else round(settings.budget_usd - total - reserved, 9),
        target_error=settings.target_error,
        target_met=None if certified_error is None else certified_error <= settings.target_error,
        target=settings.target,
        estimated_error=_estimated_error(store, plan if has_forecast else None),
        certified_error=certified_error,
        confidence=confidence,
        estimate_kind=ESTIMATE_KIND
        if confidence is None
        else f"certified with {100.0 * confidence:.10g}% confidence",
        class_intervals=_class_intervals(store),
        judgements_per_item_measured=_judgements_per_item(store),
        disagreement=None if differing is None else differing.share,
        disagreement_interval=None if differing is None else (differing.low, differing.high),
        true_error_estimate=_true_error_estimate(certified_error, differing, settings),
        stop_reason=finished.stop_reason if finished else stuck,
        rounds=n_rounds,
        classifier=classifier,
        open_batch=_open_batch(waiting) if waiting else None,
        created_at=campaign.created_at,
        finished_at=finished.finished_at if finished else None,
    )


def _open_batch(batch: BatchRecord) -> dict[str, Any]:
    names = ("batch_id", "purpose", "round", "n_items", "n_told", "ticket", "created_at")
    return {name: getattr(batch, name) for name in names}


def has_ended(store: Store) -> bool:
    """Whether nothing but people's labels is still to be paid: the machine labels no more."""
    rest = (b for b in store.batches() if b.purpose is Purpose.REST and not b.is_known)
    return bool(_endings(store)) or any(rest)


def _estimated_error(store: Store, plan: EstimateRecord | None) -> float | None:
    finished = store.finished
    sources: list[Mapping[str, Any]] = [finished.details] if finished else []
    sources += [act.details for act in _endings(store)]
    sources += [plan.payload] if plan else []
    known = (_number(source, "estimated_error") for source in sources)
    return next((error for error in known if error is not None), None)


def _certificate(store: Store) -> tuple[float | None, float | None]:
    """The certified error and its confidence."""
    for action in _endings(store):
        if (error := _number(action.details, "certified_error")) is not None:
            return error, _number(action.details, "confidence")
    return None, None


def _judgements_per_item(store: Store) -> float | None:
    heard = store.judgements().indices
    return heard.size / np.unique(heard).size if heard.size else None


def _true_error_estimate(
    certified_error: float | None, differing: Disagreement | None, settings: Settings
) -> float | None:
    """Against the truth, not people's labels; no promise. At most 1. algorithm.md section 5."""
    if certified_error is None or differing is None:
        return None
    wanted = settings.consensus
    if wanted.rule != "majority":
        return None  # nothing known says how much better than one person another rule is
    n_judges = settings.prices.judgements_per_item + wanted.third_on_disagreement
    return min(1.0, certified_error + consensus_error(differing.high, n_judges))


def _class_intervals(store: Store) -> ClassIntervals | None:
    """What was found class by class; campaigns certified before mcal recorded it have none."""
    names = store.campaign.classes
    for action in _endings(store):
        if found := action.details.get("classes"):
            columns = ("n_machine", "n_audit", "n_wrong", "low", "high")
            rows = zip(found["label"], *(found[column] for column in columns), strict=True)
            confidence, n_intervals = found["confidence"], max(1, found["n_intervals"])
            return ClassIntervals(
                confidence=confidence,
                confidence_each=1.0 - (1.0 - confidence) / n_intervals,
                classes=tuple(ClassInterval(names[label], *row) for label, *row in rows),
            )
    return None


def _committed_usd(store: Store, spent_usd: float) -> float:
    """The total that the last decision within a budget counts on, or what is spent already."""
    amounts = [_number(act.details, "committed_usd") for act in store.actions()]
    return max([spent_usd, *[usd for usd in amounts if usd is not None][-1:]])


def _endings(store: Store) -> list[ActionRecord]:
    return [act for act in store.actions() if act.name in ("machine_label", "people")]


def _number(payload: Mapping[str, Any], key: str) -> float | None:
    value = payload.get(key)
    return None if value is None else float(value)
