"""Whole audits by simulation: a short version of ``benchmarks/bench_certificate.py``."""

from math import sqrt

import numpy as np
import pytest

from mcal import (
    audit_order,
    certify,
    machine_positions,
    plan_audit,
    split_confidence,
)

N_BINS = 10
RUNS = 150
LIMIT = 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS)

# Error rates of ten equal bins along the ranking, and what the plan believes instead.
MEDIUM = 0.6 * (np.arange(N_BINS) / (N_BINS - 1)) ** 3
LAYOUTS = {
    "medium": (MEDIUM, MEDIUM),
    "easy": (0.3 * (MEDIUM / 0.6) ** 3, 0.3 * (MEDIUM / 0.6) ** 3),
    "hopeless": (np.full(N_BINS, 0.9), np.full(N_BINS, 0.9)),
    "all right": (np.zeros(N_BINS), MEDIUM),
    "all wrong": (np.ones(N_BINS), MEDIUM),
    "backwards": (MEDIUM[::-1], MEDIUM),
    "believed better": (MEDIUM, MEDIUM / 3),
    "packed at the cut": (np.array([0, 0, 0, 0, 0, 0, 0.2, 1, 1, 1.0]), MEDIUM),
}


def audits(
    name: str, n_ranked: int, target_error: float, target: str, confidence: float = 0.95
) -> float:
    """Share of audits in which the promise was broken."""
    truth, believed = LAYOUTS[name]
    rng = np.random.default_rng(n_ranked)
    wrong = rng.random(n_ranked) < np.repeat(truth, n_ranked // N_BINS)
    above = np.concatenate([[0], np.cumsum(wrong)])
    edges = np.arange(N_BINS + 1) * (n_ranked // N_BINS)
    sizes = {"n_pool": n_ranked, "target_error": target_error, "target": target}
    broken = 0
    for run in range(RUNS):
        rates = rng.binomial(60, believed) / 60
        plan = plan_audit(edges, rates, n_test=600, confidence=confidence, **sizes)
        positions = plan.draw(run)
        found = certify(
            n_ranked,
            plan.frame,
            positions,
            wrong[positions],
            confidence=confidence,
            start=plan.start,
            **sizes,
        )
        errors = above[found.cut] - wrong[positions[positions < found.cut]].sum()
        broken += errors > found.certified_errors
        assert found.certified_error <= target_error
    return broken / RUNS


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(
    ("n_ranked", "target_error", "target"),
    [(500, 0.1, "set"), (8000, 0.02, "set"), (2000, 0.1, "machine")],
)
def test_the_promise_is_broken_no_more_often_than_it_may_be(
    name: str, n_ranked: int, target_error: float, target: str
) -> None:
    assert audits(name, n_ranked, target_error, target) <= LIMIT


def test_heavy_ties_are_ranked_before_the_audit_and_keep_the_promise() -> None:
    rng = np.random.default_rng(0)
    n = 2000
    deficit = np.repeat([0.0, 0.1, 0.5, 0.9], n // 4)
    wrong = rng.random(n) < np.repeat([0.01, 0.05, 0.2, 0.5], n // 4)
    broken = 0
    for run in range(RUNS):
        ranked = wrong[audit_order(deficit, seed=run)]
        positions = rng.choice(1500, 400, replace=False)
        found = certify(n, 1500, positions, ranked[positions], n_pool=n, target_error=0.04)
        machine = machine_positions(found.cut, positions)
        broken += ranked[machine].sum() > found.certified_errors
    assert broken / RUNS <= LIMIT


def test_two_looks_of_which_the_better_is_taken_share_the_risk() -> None:
    """The second look is planned after the first, and draws afresh from what it left."""
    rng = np.random.default_rng(1)
    n, allowed = 3000, 90
    wrong = rng.random(n) < 0.4 * np.linspace(0, 1, n) ** 2
    first, second = split_confidence(0.8, [1, 1])
    broken = gained = 0
    for _ in range(RUNS):
        drawn = rng.choice(2500, 250, replace=False)
        one = certify(n, 2500, drawn, wrong[drawn], n_pool=n, target_error=0.03, confidence=first)
        left = np.setdiff1d(np.arange(n), drawn)
        frame = min(left.size, one.n_machine + 400)
        again = rng.choice(frame, 250, replace=False)
        two = certify(
            left.size,
            frame,
            again,
            wrong[left[again]],
            n_pool=n,
            target_error=0.03,
            confidence=second,
        )
        best = max(
            machine_positions(one.cut, drawn),
            left[machine_positions(two.cut, again)],
            key=lambda machine: machine.size,
        )
        broken += wrong[best].sum() > allowed
        gained += two.n_machine > one.n_machine
    assert broken / RUNS <= 0.2 + 3 * sqrt(0.2 * 0.8 / RUNS)
    assert gained > 0
