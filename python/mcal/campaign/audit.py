"""An audit's pure part: what is frozen before it, and what follows from its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..certificate import (
    AuditPlan,
    Certificate,
    ClassReport,
    WeightedAuditPlan,
    allowed_errors,
    audit_order,
    certify,
    certify_weighted,
    class_report,
    machine_positions,
    plan_audit,
    plan_weighted_audit,
    promised_error,
)
from ..certificate.weighted import LEAST_TEST
from ..profiles import Profile
from ..settings import Settings
from ..shares import percent_at_most
from ..store import LabelTable, Ranking
from ..types import FloatArray, IndexArray
from .label_cost import that_pay
from .scoring import ItemScores

__all__ = [
    "Certified",
    "FrozenAudit",
    "certify_drawn",
    "certify_ranking",
    "explain",
    "freeze",
    "how_drawn",
    "n_test_of",
    "plan_for",
    "promise_ranking",
]


@dataclass(frozen=True, eq=False)
class FrozenAudit:
    """A ranking, and the audit drawn from it."""

    plan: AuditPlan | WeightedAuditPlan
    n_ranked: int
    indices: IndexArray  # (K,) most confident first, as deep as the machine may ever label
    labels: IndexArray  # (K,) the machine's
    deficit: FloatArray  # (K,)
    audited: IndexArray  # (n_audit,) indices that people check
    seeds: dict[str, int]

    def details(self) -> dict[str, Any]:
        """For the record: what was drawn from what, how, and what is expected of it."""
        n_audit = self.plan.n_audit  # of two strata a sum, not a field
        return {"n_ranked": self.n_ranked, "n_audit": n_audit, **asdict(self.plan), **self.seeds}


@dataclass(frozen=True, eq=False)
class Certified:
    """What the labels of an audit lead to."""

    certificate: Certificate
    classes: ClassReport
    chosen: IndexArray  # positions in the ranking of what the machine labels
    n_dear: int = 0  # machine labels that were proven, and not given: people's cost no more

    def words(self) -> str:
        """What was found."""
        if not self.n_dear:
            return explain(self.certificate)
        return f"{self.n_dear:,} machine labels are proven, but people's cost no more: none given"

    def details(self) -> dict[str, Any]:
        """For the record; of the classes, those that the machine gives."""
        report = self.classes
        given = np.flatnonzero(report.n_machine)
        names = ("n_machine", "n_audit", "n_wrong", "low", "high")
        by_class = {name: getattr(report, name)[given].tolist() for name in names}
        found = {"confidence": report.confidence, "n_intervals": report.n_intervals}
        return {
            **asdict(self.certificate),
            "classes": {**found, "label": given.tolist(), **by_class},
        }


def n_test_of(profile: Profile) -> int:
    """Test items that a profile was measured on."""
    return max(1, round(float(profile.bin_n_test.sum())))


def plan_for(profile: Profile, *, n_pool: int, settings: Settings) -> AuditPlan | WeightedAuditPlan:
    """The audit that the settings ask for; a uniform one where weights would save nothing."""
    expected = profile.bin_edges, profile.bin_error
    n_test, confidence = n_test_of(profile), settings.certificate.confidence
    if settings.certificate.kind == "weighted":
        weighted = plan_weighted_audit(
            *expected,
            n_pool=n_pool,
            n_test=n_test,
            target_error=settings.target_error,
            confidence=confidence,
            least=settings.prices.min_batch,
        )
        if weighted.boundary:
            return weighted
    return plan_audit(
        *expected,
        n_pool=n_pool,
        n_test=n_test,
        target_error=settings.target_error,
        confidence=confidence,
        target=settings.target,
        least=settings.prices.min_batch,
    )


def how_drawn(plan: AuditPlan | WeightedAuditPlan, profile: Profile, settings: Settings) -> str:
    """To add to an audit's words: weights, or why there are none where they were asked for."""
    if isinstance(plan, WeightedAuditPlan):
        return ", the less sure ones more densely"
    if settings.certificate.kind != "weighted":
        return ""
    n_test = n_test_of(profile)
    why = "weights would save next to nothing"
    if n_test < LEAST_TEST:
        why = f"{n_test:,} test items are fewer than the {LEAST_TEST} that weights take"
    return f", drawn uniformly, for {why}"


def certify_drawn(
    drawn: Mapping[str, Any],
    positions: IndexArray,
    wrong: npt.NDArray[np.bool_],
    *,
    n_pool: int,
    settings: Settings,
) -> Certificate:
    """The certificate of an audit of either kind, from the fields of its plan and ``n_ranked``."""
    target_error, confidence = settings.target_error, settings.certificate.confidence
    if drawn.get("boundary"):  # 0, of earlier versions: a weighted audit that was drawn uniformly
        return certify_weighted(
            drawn["n_ranked"],
            drawn["frame"],
            positions,
            wrong,
            boundary=drawn["boundary"],
            weights=(drawn["weight_sure"], drawn["weight_unsure"]),
            n_pool=n_pool,
            target_error=target_error,
            confidence=confidence,
        )
    return certify(
        drawn["n_ranked"],
        drawn["frame"],
        positions,
        wrong,
        n_pool=n_pool,
        target_error=target_error,
        confidence=confidence,
        target=settings.target,
        start=drawn.get("start"),
    )


def freeze(
    scores: ItemScores,
    left: IndexArray,
    profile: Profile,
    *,
    n_pool: int,
    settings: Settings,
    order_seed: int,
    draw_seed: int,
) -> FrozenAudit:
    """Rank the unlabelled items, plan the audit and draw it, before any audit label is seen.

    Parameters
    ----------
    scores : ItemScores
        Of the model in hand.
    left : (R,) int64
        Positions in ``scores`` of the readable items nobody has been asked for.
    profile : Profile
        Of the same model over the same items.
    n_pool : int
    settings : Settings
    order_seed, draw_seed : int
        For ties in the ranking, and for the draw.
    """
    ranked = left[audit_order(scores.deficit[left], seed=order_seed)]
    plan = plan_for(profile, n_pool=n_pool, settings=settings)
    audited = scores.indices[ranked[plan.draw(draw_seed)]]
    # The first E un-audited items are never refused, and may reach below the frame.
    is_set = settings.target == "set"
    free = allowed_errors(n_pool, settings.target_error) + plan.n_audit if is_set else 0
    kept = ranked[: max(plan.frame, free)]
    return FrozenAudit(
        plan,
        int(ranked.size),
        scores.indices[kept],
        scores.labels[kept],
        scores.deficit[kept],
        audited,
        {"order_seed": order_seed, "draw_seed": draw_seed},
    )


def certify_ranking(
    ranking: Ranking,
    audited: LabelTable,
    *,
    drawn: Mapping[str, Any],
    n_pool: int,
    n_classes: int,
    settings: Settings,
) -> Certified:
    """The certificate, what holds class by class, and what the machine labels.

    "No class fits" is an error of the machine like any other. ``drawn`` is what
    was recorded with the ranking, ``FrozenAudit.details()``.
    """
    by_item = np.argsort(ranking.indices)
    positions = by_item[np.searchsorted(ranking.indices, audited.indices, sorter=by_item)]
    wrong = ranking.labels[positions] != audited.labels
    certificate = certify_drawn(drawn, positions, wrong, n_pool=n_pool, settings=settings)
    n_dear = 0
    if not that_pay(certificate.n_machine, n_pool, settings):
        n_dear = certificate.n_machine
        certificate = replace(
            certificate, cut=0, n_machine=0, certified_errors=0, certified_error=0.0
        )
    cut = certificate.cut
    classes = class_report(
        ranking.labels,
        drawn["frame"],
        positions,
        wrong,
        cut=cut,
        n_classes=n_classes,
        confidence=settings.certificate.confidence,
        boundary=drawn.get("boundary", 0),
    )
    return Certified(certificate, classes, machine_positions(cut, positions), n_dear)


def promise_ranking(
    ranking: Ranking, audited: LabelTable, *, n_pool: int, n_classes: int, settings: Settings
) -> Certified:
    """The same where the machine labels the whole ranking: the smallest error to be promised.

    What it labels was settled before the audit, which was drawn from all of ``ranking``.
    """
    by_item = np.argsort(ranking.indices)
    positions = by_item[np.searchsorted(ranking.indices, audited.indices, sorter=by_item)]
    wrong, confidence = ranking.labels[positions] != audited.labels, settings.certificate.confidence
    n_items, n_audit, n_wrong = ranking.indices.size, positions.size, int(wrong.sum())
    n_machine = n_items - n_audit
    error = promised_error(
        n_items, n_audit, n_wrong, n_pool=n_pool, confidence=confidence, target=settings.target
    )
    certificate = Certificate(
        cut=n_items,
        n_machine=n_machine,
        certified_errors=round(error * (n_pool if settings.target == "set" else n_machine)),
        certified_error=error,
        n_audit=n_audit,
        n_wrong=n_wrong,
        tolerated=None,
        target_error=settings.target_error,
        confidence=confidence,
        target=settings.target,
    )
    classes = class_report(
        ranking.labels,
        n_items,
        positions,
        wrong,
        cut=n_items,
        n_classes=n_classes,
        confidence=confidence,
    )
    return Certified(certificate, classes, machine_positions(n_items, positions))


def explain(certificate: Certificate) -> str:
    """A certificate in words."""
    c = certificate
    found = f"the audit found {c.n_wrong:,} of {c.n_audit:,} labels wrong" if c.n_audit else ""
    if not c.n_machine:
        return f"{found or 'nothing was audited'}: no label of the machine can be promised"
    sure = f"with {100.0 * c.confidence:.10g}% confidence"
    promise = f"at most {percent_at_most(c.certified_error)} wrong {sure}"
    return f"{found or 'without an audit'}: {c.n_machine:,} machine labels, {promise}"
