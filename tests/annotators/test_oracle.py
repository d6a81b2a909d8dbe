from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mcal.annotators import OracleAnnotator
from mcal.testing import AnnotatorContract
from mcal.types import NO_LABEL, Annotator, Batch, Judgements, Purpose

CLASSES = ("a", "b", "c", "d")


def ask(oracle: OracleAnnotator, indices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    rows = np.array(indices, np.int64)
    names = tuple(map(str, rows))
    batch = Batch("b", Purpose.TRAIN, 0, rows, names, CLASSES)
    answers = oracle.collect(batch, oracle.submit(batch))
    assert np.array_equal(answers.indices, rows)
    return answers.labels


class TestOracle(AnnotatorContract):
    answers_at_once = True
    knows_people = True

    def make_annotator(self, world: Path) -> Annotator:
        return OracleAnnotator(self.truth, self.classes)


def test_noise_has_the_rate_asked_for_and_spares_no_class() -> None:
    truth = np.arange(40_000) % 4
    labels = ask(OracleAnnotator(truth, CLASSES, 0.2, seed=5), np.arange(40_000))
    wrong = labels != truth
    assert abs(wrong.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 40_000)
    shifts = np.bincount((labels - truth)[wrong] % 4, minlength=4)
    assert shifts[0] == 0
    expected = wrong.sum() / 3
    assert (np.abs(shifts[1:] - expected) < 4 * np.sqrt(expected)).all()


def test_noise_depends_on_seed_and_item_only() -> None:
    truth = np.arange(3_000) % 4
    whole = ask(OracleAnnotator(truth, CLASSES, 0.3, seed=5), np.arange(3_000))
    mixed = np.random.default_rng(0).permutation(3_000)
    again = OracleAnnotator(truth, CLASSES, 0.3, seed=5)
    assert np.array_equal(ask(again, mixed[:100]), whole[mixed[:100]])
    assert np.array_equal(ask(again, mixed), whole[mixed])
    shorter = OracleAnnotator(truth[:1_000], CLASSES, 0.3, seed=5)
    assert np.array_equal(ask(shorter, np.arange(1_000)), whole[:1_000])
    other = ask(OracleAnnotator(truth, CLASSES, 0.3, seed=6), np.arange(3_000))
    assert not np.array_equal(other, whole)


def test_no_label_stays_no_label() -> None:
    truth = np.full(500, NO_LABEL)
    assert (ask(OracleAnnotator(truth, CLASSES, 0.9), np.arange(500)) == NO_LABEL).all()


@pytest.mark.parametrize(
    ("labels", "rate", "words"),
    [
        (np.array([0, 4]), 0.0, "^labels: expected -1 <= label < 4, found 0 to 4"),
        (np.array([-2, 0]), 0.0, "^labels: expected -1"),
        (np.array([0.0]), 0.0, "^labels: expected integers"),
        (np.array([[0]]), 0.0, "^labels: expected integers"),
        (np.array([0]), 1.0, "^noise_rate: expected"),
        (np.array([0]), -0.1, "^noise_rate: expected"),
        (np.array([0]), float("nan"), "^noise_rate: expected"),
    ],
)
def test_refuses_nonsense(labels: npt.NDArray, rate: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OracleAnnotator(labels, CLASSES, rate)


def test_refuses_items_and_classes_it_does_not_know() -> None:
    oracle = OracleAnnotator(np.zeros(3, np.int64), CLASSES)
    with pytest.raises(ValueError, match="0 <= index < 3"):
        ask(oracle, [3])
    with pytest.raises(ValueError, match="expected classes"):
        oracle.submit(Batch("b", Purpose.TEST, 0, np.array([0]), ("0",), ("x", "y")))


def judgements(oracle: OracleAnnotator, n: int, k: int, before: Judgements | None = None):
    rows, names = np.arange(n), tuple(map(str, range(n)))
    batch = Batch("b", Purpose.TRAIN, 0, rows, names, CLASSES, k, before)
    said = oracle.collect(batch, oracle.submit(batch)).judgements
    assert said is not None
    return said


def test_judges_err_independently_and_the_first_as_when_alone() -> None:
    n, truth = 20_000, np.arange(20_000) % 4
    said = judgements(OracleAnnotator(truth, CLASSES, 0.2, seed=5), n, 3)
    assert said.people[:4] == ("oracle-1", "oracle-2", "oracle-3", "oracle-1")
    labels = said.labels.reshape(n, 3)
    assert np.array_equal(
        labels[:, 0], ask(OracleAnnotator(truth, CLASSES, 0.2, seed=5), np.arange(n))
    )
    wrong = labels != truth[:, None]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        both = (wrong[:, one] & wrong[:, other]).mean()
        assert abs(both - 0.04) < 4 * np.sqrt(0.04 * 0.96 / n)


def test_people_who_judged_before_are_passed_over() -> None:
    oracle = OracleAnnotator(np.arange(50) % 4, CLASSES, 0.3, seed=1)
    before = judgements(oracle, 50, 2)
    third = judgements(oracle, 50, 1, before)
    assert set(third.people) == {"oracle-3"}
    assert np.array_equal(third.labels, judgements(oracle, 50, 3).labels.reshape(50, 3)[:, 2])
