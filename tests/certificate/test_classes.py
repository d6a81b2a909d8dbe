"""Per-class intervals: all at once, for a cut chosen on the audit."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from mcal import ClassReport, certify, class_report, machine_positions

LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 2])


def missed_by(report: ClassReport, labels: np.ndarray, machine: np.ndarray, wrong: np.ndarray):
    """Whether any interval misses the error it is for."""
    n = report.n_machine
    assert n.tolist() == np.bincount(labels[machine], minlength=n.size).tolist()
    errors = np.bincount(labels[machine[wrong[machine]]], minlength=n.size)
    assert (np.isnan(report.low) == (n == 0)).all()
    some = n > 0
    rate = errors[some] / n[some]
    return bool(((rate < report.low[some] - 1e-12) | (rate > report.high[some] + 1e-12)).any())


@pytest.mark.parametrize("n_audit", [2, 4])
def test_intervals_hold_together_for_every_layout_and_the_worst_cut(n_audit: int) -> None:
    """All layouts x all draws; the cut that hurts most may be taken after looking at the truth."""
    for layout in product((False, True), repeat=6):
        wrong = np.array([*layout, True, False])
        missed = 0
        for drawn in combinations(range(6), n_audit):
            positions = np.array(drawn)
            missed += any(
                missed_by(
                    class_report(
                        LABELS,
                        6,
                        positions,
                        wrong[positions],
                        cut=cut,
                        n_classes=4,
                        confidence=0.3,
                    ),
                    LABELS,
                    machine_positions(cut, positions),
                    wrong,
                )
                for cut in (2, 4, 6, 8)
            )
        assert missed / comb(6, n_audit) <= 0.7 + 1e-12


def test_intervals_after_certify_are_honest_and_not_empty_words() -> None:
    rng = np.random.default_rng(4)
    n, n_audit, n_classes = 6000, 900, 5
    missed, widths = 0, []
    for _ in range(300):
        labels = rng.integers(0, n_classes, n)
        wrong = rng.random(n) < np.linspace(0, 0.2, n) * (1 + labels) / 3
        positions = rng.choice(n, n_audit, replace=False)
        found = certify(n, n, positions, wrong[positions], n_pool=n, target_error=0.05)
        report = class_report(
            labels, n, positions, wrong[positions], cut=found.cut, n_classes=n_classes
        )
        assert report.n_intervals == 5
        assert report.n_audit.sum() == (positions < found.cut).sum()
        assert report.n_wrong.sum() == wrong[positions[positions < found.cut]].sum()
        machine = machine_positions(found.cut, positions)
        missed += missed_by(report, labels, machine, wrong)
        widths.append(report.high - report.low)
    assert missed / 300 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert np.median(widths) < 0.25  # 0.13 by Clopper and Pearson for one fixed cut


def test_a_class_that_was_never_audited_is_not_known() -> None:
    report = class_report([0, 0, 0, 1], 4, [0, 1], [False, False], cut=4, n_classes=3)
    assert report.n_machine.tolist() == [1, 1, 0]
    assert report.high[1] == 1.0
    assert np.isnan(report.high[2])
    assert report.n_intervals == 2


def test_everything_audited_knows_everything() -> None:
    report = class_report([0, 1, 1], 3, [0, 1, 2], [False, True, False], cut=3, n_classes=2)
    assert report.n_machine.tolist() == [0, 0]
    assert report.n_wrong.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": [0, 1]}, "labels: expected at least 4 integers, found int64 of shape"),
        ({"labels": [0, 1, 2, 0]}, r"labels: expected classes in \[0, 2\), found 2"),
        ({"labels": [0, 1, -1, 0]}, r"labels: expected classes in \[0, 2\), found -1"),
        ({"labels": [0.0, 1.0, 1.0, 0.0]}, "labels: expected at least 4 integers, found float64"),
        ({"positions": [0, 4]}, r"positions: expected ranks in \[0, 4\), found 4"),
        ({"cut": -1}, "cut: expected an integer >= 0, found -1"),
        ({"n_classes": 0}, "n_classes: expected an integer >= 1, found 0"),
        ({"confidence": 2}, "confidence: expected a finite number > 0 and < 1, found 2"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], words: str) -> None:
    call: dict[str, object] = {
        "labels": [0, 1, 1, 0],
        "frame": 4,
        "positions": [0, 1],
        "wrong": [True, False],
        "cut": 3,
        "n_classes": 2,
    }
    with pytest.raises(ValueError, match=words):
        class_report(**(call | change))  # type: ignore[arg-type]
