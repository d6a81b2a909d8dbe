"""The end of a budget against every division of the labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from mcal.campaign.finale import plan_finale
from mcal.types import FloatArray


def curve(n_items: int, error: float) -> tuple[FloatArray, FloatArray]:
    ranks = np.linspace(0.0, n_items, 11)
    return ranks, error * n_items * (ranks / max(1, n_items)) ** 2


def limit(n_frame: int, n_audit: int, found: int, confidence: float) -> int:
    """The most errors missed, by a loop over scipy's tails."""
    missed = 0
    while missed < n_frame - n_audit and (
        hypergeom.cdf(found, n_frame, missed + 1 + found, n_audit) > 1.0 - confidence
    ):
        missed += 1
    return missed


@pytest.mark.parametrize("error", [0.0, 0.05, 0.6])
@pytest.mark.parametrize("n_labels", [0, 1, 37, 99, 100, 140])
def test_the_division_is_the_best_there_is(error: float, n_labels: int) -> None:
    ranks, wrong = curve(100, error)
    found = plan_finale(n_labels, ranks, wrong, n_pool=150, confidence=0.93)
    n_labels = min(n_labels, 100)
    assert found.n_audit + found.n_rest == n_labels
    assert found.n_machine == 100 - n_labels
    promised = []
    for n_audit in range(n_labels + 1):
        n_frame = 100 - n_labels + n_audit
        expected = float(np.interp(n_frame, ranks, wrong)) * n_audit / max(1, n_frame)
        low = min(n_audit, int(expected))
        ends = [limit(n_frame, n_audit, x, 0.93) for x in (low, min(n_audit, low + 1))]
        promised.append((ends[0] + (expected - low) * (ends[1] - ends[0])) / 150)
    if n_labels == 100:
        assert (found.n_machine, found.promised, found.error, found.n_audit) == (0, 0.0, 0.0, 0)
    assert found.promised == pytest.approx(promised[found.n_audit])
    assert found.promised <= 1.03 * min(promised) + 1 / 150  # of a grid of audits


def test_the_error_counts_what_the_audit_mends() -> None:
    ranks, wrong = curve(1000, 0.3)
    found = plan_finale(400, ranks, wrong, n_pool=1000, confidence=0.95)
    above = np.interp(found.n_frame, ranks, wrong)
    assert 0 < found.n_audit < 400
    assert found.error == pytest.approx(above * found.n_machine / found.n_frame / 1000)
    assert found.error < found.promised


def test_without_a_promise_people_label_the_least_sure() -> None:
    ranks, wrong = curve(1000, 0.3)
    found = plan_finale(400, ranks, wrong, n_pool=1000, confidence=None)
    assert (found.n_frame, found.n_audit, found.n_rest) == (600, 0, 400)
    assert found.promised == found.error == pytest.approx(np.interp(600, ranks, wrong) / 1000)


def test_more_labels_never_promise_more_error() -> None:
    ranks, wrong = curve(2000, 0.2)
    promised = [
        plan_finale(n, ranks, wrong, n_pool=2500, confidence=0.95).promised
        for n in range(0, 2001, 50)
    ]
    assert (np.diff(promised) <= 1e-3).all()
    assert promised[-1] == 0.0
