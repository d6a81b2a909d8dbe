import numpy as np
import pytest
from scipy.stats import binom, binomtest

from mcal.annotators import OracleAnnotator
from mcal.consensus import counted, disagreement, exact_interval, majority, needs_third
from mcal.types import NO_LABEL, Batch, Judgements, Purpose


def said(*rows: tuple[int, int, str]) -> Judgements:
    indices, labels, people = zip(*rows, strict=True) if rows else ((), (), ())
    return Judgements(np.array(indices, np.int64), np.array(labels, np.int64), people)


def noisy(n: int, k: int, rate: float, n_classes: int) -> tuple[Judgements, np.ndarray]:
    classes = tuple(map(str, range(n_classes)))
    truth = np.random.default_rng(3).integers(0, n_classes, n)
    rows, names = np.arange(n), tuple(map(str, range(n)))
    oracle = OracleAnnotator(truth, classes, rate, seed=7)
    found = oracle.collect(Batch("b", Purpose.TEST, 0, rows, names, classes, k), "b").judgements
    assert found is not None
    return found, truth


def test_most_votes_win_and_a_tie_goes_to_what_was_said_first() -> None:
    found = majority(
        said(
            *((9, label, f"p{i}") for i, label in enumerate([2, 0, 0])),
            *((4, label, f"p{i}") for i, label in enumerate([1, 0])),
            *((7, label, f"p{i}") for i, label in enumerate([2, NO_LABEL, 1, NO_LABEL, 1])),
            (1, 2, "p0"),
        ),
        3,
    )
    assert found.indices.tolist() == [1, 4, 7, 9]
    assert found.labels.tolist() == [2, 1, NO_LABEL, 0]
    assert found.agreement.tolist() == [1.0, 0.5, 0.4, 2 / 3]
    none = majority(said(), 3)
    assert none.indices.size == none.labels.size == none.agreement.size == 0
    with pytest.raises(ValueError, match="-1 <= label < 2, found 0 to 2"):
        majority(said((0, 0, "a"), (0, 2, "b")), 2)


def test_majority_equals_a_slow_count() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (int(i), int(c), f"p{n}") for n, (i, c) in enumerate(rng.integers(0, 5, (400, 2)) - [0, 1])
    ]
    found = majority(said(*rows), 4)
    for index, label in zip(found.indices.tolist(), found.labels.tolist(), strict=True):
        votes = [c for i, c, _ in rows if i == index]
        assert label == max(dict.fromkeys(votes), key=votes.count)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_three_people_of_17_percent_err_as_algebra_says(n_classes: int) -> None:
    n, p = 40_000, 0.17
    found, truth = noisy(n, 3, p, n_classes)
    wrong = (majority(found, n_classes).labels != truth).mean()
    # Wrong where two or three say the same wrong class, or all three differ and the first is wrong.
    same = 1.0 / (n_classes - 1)
    two_wrong = 3 * (1 - p) * p**2
    expected = two_wrong * same + two_wrong * (1 - same) * 2 / 3 + p**3
    assert abs(wrong - expected) < 4 * np.sqrt(expected / n)
    if n_classes == 2:
        assert expected == pytest.approx(3 * p**2 - 2 * p**3)


def test_the_first_two_people_are_the_pair() -> None:
    rows = [(3, 1, "a"), (5, 0, "a"), (3, 2, "b"), (8, 1, "a"), (3, 1, "c"), (8, 1, "b")]
    assert needs_third(said(*rows)).tolist() == [3]
    found = disagreement(said(*rows))
    assert (found.n_items, found.n_differing, found.share) == (2, 1, 0.5)
    empty = disagreement(said((1, 1, "a")))
    assert (empty.n_items, empty.low, empty.high) == (0, 0.0, 1.0)
    assert np.isnan(empty.share)


def test_disagreement_is_that_of_independent_people() -> None:
    n, p, c = 30_000, 0.17, 10
    found = disagreement(noisy(n, 2, p, c)[0])
    expected = 1 - (1 - p) ** 2 - p**2 / (c - 1)
    assert found.low < expected < found.high
    assert found.high - found.low < 0.012


@pytest.mark.parametrize("n", [1, 2, 7, 100, 3_001])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_interval_is_clopper_and_pearson_s(n: int, confidence: float) -> None:
    for found in {0, 1, n // 3, n - 1, n}:
        expected = binomtest(found, n).proportion_ci(confidence, "exact")
        assert exact_interval(found, n, confidence) == pytest.approx(
            (expected.low, expected.high), abs=1e-9
        )


def test_the_interval_covers() -> None:
    n, p = 120, 0.3
    counts = np.arange(n + 1)
    ends = np.array([exact_interval(int(x), n) for x in counts])
    outside = binom.pmf(counts, n, p)[(ends[:, 0] > p) | (ends[:, 1] < p)].sum()
    assert 0.0 < outside <= 0.05


def test_the_interval_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match=r"^n_found: expected"):
        exact_interval(3, 2)
    with pytest.raises(ValueError, match=r"^confidence: expected"):
        exact_interval(1, 2, 1.0)


def test_a_person_counts_once_and_no_more_than_ordered() -> None:
    rows = [(3, 1, "a"), (3, 2, "a"), (5, 0, "b"), (3, 0, "b"), (3, 0, "c"), (5, 1, "a")]
    found = counted(said(*rows), 2)
    assert list(zip(found.indices, found.labels, found.people, strict=True)) == [
        (3, 1, "a"),
        (5, 0, "b"),
        (3, 0, "b"),
        (5, 1, "a"),
    ]
