"""What may be promised about machine labels, from a random audit by people.

A campaign steers by its test set, but promises nothing with it: the classifier, the plan and the
number of machine labels were all chosen on it. Once the model is frozen, people label a uniform
random sample of the most confident items instead, drawn without replacement, and the exact
hypergeometric law of that sample is the certificate (algorithm.md, section 5).

    plan = plan_audit(profile.bin_edges, profile.bin_error, ...)   how many, along which ranks
    positions = plan.draw(seed)                                    recorded, then labelled
    certificate = certify(..., positions, wrong, ...)              what may be machine-labelled

``positions`` here are ranks: offsets into the ranking of the items nobody has labelled yet, most
confident first. Nothing in this room depends on how the ranking, or the model, came about.
"""

from .audit import Certificate, certify, machine_positions
from .bounds import allowed_errors, promised_error, split_confidence
from .classes import ClassReport, class_report
from .plan import AuditPlan, audit_order, machine_labels_by_luck, plan_audit
from .weighted import WeightedAuditPlan, certify_weighted, plan_weighted_audit

__all__ = [
    "AuditPlan",
    "Certificate",
    "ClassReport",
    "WeightedAuditPlan",
    "allowed_errors",
    "audit_order",
    "certify",
    "certify_weighted",
    "class_report",
    "machine_labels_by_luck",
    "machine_positions",
    "plan_audit",
    "plan_weighted_audit",
    "promised_error",
    "split_confidence",
]
