"""Uncertainty scores against the slow oracle, at every SIMD level and thread count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

import mcal
from mcal import _core
from mcal.selection import _reference

FIELDS = ("label", "deficit", "entropy", "least_confidence")
# Promised in the docstring of mcal.uncertainty.
TOLERANCE = {np.dtype(np.float32): 4e-6, np.dtype(np.float64): 1e-14}
# One class beyond and before the edges of a register, a block and a flush of the accumulators.
CLASSES = [2, 3, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33, 64, 100, 255, 257, 511, 513, 1000, 1025]


@pytest.fixture(params=_core.supported_simd_levels())
def simd_level(request: pytest.FixtureRequest) -> Iterator[str]:
    _core.set_simd_level(request.param)
    yield request.param
    _core.set_simd_level("auto")


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def assert_close(found: mcal.Uncertainty, scores: npt.NDArray[np.floating], kind: str) -> None:
    wanted = _reference.uncertainty(scores, kind=kind)
    np.testing.assert_array_equal(found.label, wanted.label)
    for name in FIELDS[1:]:
        np.testing.assert_allclose(
            getattr(found, name),
            getattr(wanted, name),
            rtol=TOLERANCE[scores.dtype],
            atol=1e-300,
            err_msg=name,
        )


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0, 60.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_agrees_with_the_oracle(simd_level, kind, dtype, scale):
    rng = np.random.default_rng(7)
    for n_classes in CLASSES:
        scores = rng.normal(0, scale, (9, n_classes))
        if kind == "probabilities":
            scores = softmax(scores)
        scores = scores.astype(dtype)
        assert_close(mcal.uncertainty(scores, kind=kind), scores, kind)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_threads_agree_to_the_bit(simd_level, kind, dtype):
    rng = np.random.default_rng(3)
    for n_rows, n_classes in [(1, 2), (700, 37), (40, 5000)]:
        scores = rng.normal(0, 8, (n_rows, n_classes))
        scores = (scores if kind == "logits" else softmax(scores)).astype(dtype)
        answers = []
        try:
            for n_threads in (1, 3):
                mcal.set_thread_count(n_threads)
                answers.append(mcal.uncertainty(scores, kind=kind))
        finally:
            mcal.set_thread_count(0)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(answers[1], name), getattr(answers[0], name))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_tie_wherever_they_stand(simd_level, dtype):
    rng = np.random.default_rng(4)
    for n_classes in CLASSES:
        row = rng.normal(0, 8, n_classes).astype(dtype)
        found = mcal.uncertainty(np.tile(row, (700, 1)))
        for name in FIELDS:
            assert np.unique(getattr(found, name)).size == 1


def test_confident_float32_items_do_not_tie(simd_level):
    gaps = np.arange(20, 700, 1, dtype=np.float32)
    logits = np.zeros((len(gaps), 12), np.float32)
    logits[:, 5] = gaps
    found = mcal.uncertainty(logits)
    assert (np.diff(found.deficit) < 0).all()
    assert (np.diff(found.least_confidence) < 0).all()
    assert (np.diff(found.entropy) < 0).all()
    assert found.deficit[-1] > 0
    assert (mcal.margin(logits)[gaps > 40] == 1).all()
    assert_close(found, logits, "logits")


def test_tiny_probabilities_keep_their_precision(simd_level):
    tiny = np.float32([1e-10, 1e-20, 1e-30, 1e-37, 1e-40, 1e-44])
    scores = np.zeros((len(tiny), 20), np.float32)
    scores[:, 3] = 1
    scores[:, 4] = tiny
    scores[:, 17] = tiny / 2
    found = mcal.uncertainty(scores, kind="probabilities")
    assert (np.diff(found.deficit) < 0).all()
    assert_close(found, scores, "probabilities")


def test_one_hot_rows_are_certain(simd_level):
    found = mcal.uncertainty(np.eye(19), kind="probabilities")
    np.testing.assert_array_equal(found.label, np.arange(19))
    for name in FIELDS[1:]:
        np.testing.assert_array_equal(getattr(found, name), np.zeros(19))
        assert not np.signbit(getattr(found, name)).any()


def test_a_one_hot_row_of_many_classes_is_certain(simd_level):
    scores = np.zeros((1, 70_000), np.float32)
    scores[0, 69_999] = 1
    found = mcal.uncertainty(scores, kind="probabilities")
    assert found.label == 69_999
    for name in FIELDS[1:]:
        assert getattr(found, name) == 0
        assert not np.signbit(getattr(found, name))


@pytest.mark.parametrize("n_classes", [2, 3, 9, 16, 40, 1000])
@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_equal_scores_are_most_uncertain_and_go_to_the_first_class(simd_level, kind, n_classes):
    scores = np.full((4, n_classes), 1 / n_classes)
    found = mcal.uncertainty(scores, kind=kind)
    np.testing.assert_array_equal(found.label, np.zeros(4))
    np.testing.assert_allclose(found.deficit, 1, rtol=1e-14)
    np.testing.assert_allclose(found.entropy, np.log(n_classes), rtol=1e-14)
    np.testing.assert_allclose(found.least_confidence, 1 - 1 / n_classes, rtol=1e-14)


def test_ties_at_every_pair_of_positions_go_to_the_lower(simd_level):
    n = 37
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    logits = np.zeros((len(pairs), n), np.float32)
    for row, (a, b) in zip(logits, pairs, strict=True):
        row[[a, b]] = 2
    found = mcal.uncertainty(logits)
    np.testing.assert_array_equal(found.label, [a for a, _ in pairs])
    # With two equal leaders (1 - p1) + p2 is 1.
    np.testing.assert_allclose(found.deficit, 1, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_finite_logits(simd_level, dtype):
    big = np.finfo(dtype).max
    scores = np.array(
        [[big, -big, 0, -big], [-big, -big, -big, -big], [big, big, -big, 0], [-big, 3, 1, -big]],
        dtype,
    )
    found = mcal.uncertainty(scores)
    np.testing.assert_array_equal(found.label, [0, 0, 0, 1])
    np.testing.assert_allclose(found.deficit[:3], [0, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(found.entropy[:3], [0, np.log(4), np.log(2)], rtol=1e-6)
    two = _reference.uncertainty(np.array([[3.0, 1.0]]), kind="logits")
    np.testing.assert_allclose(found.entropy[3], two.entropy[0], rtol=TOLERANCE[scores.dtype])


def test_rows_are_divided_by_their_sum():
    p = np.array([[0.5, 0.3, 0.2004]])
    exact = mcal.uncertainty(p / p.sum(), kind="probabilities")
    found = mcal.uncertainty(p, kind="probabilities")
    np.testing.assert_allclose(found.least_confidence, exact.least_confidence, rtol=1e-14)
    np.testing.assert_allclose(found.entropy, exact.entropy, rtol=1e-14)


def test_any_layout_gives_the_same(simd_level):
    rng = np.random.default_rng(5)
    whole = rng.normal(0, 5, (50, 60)).astype(np.float32)
    for view in (
        whole[::3, 7:50],
        whole[::-1],
        whole[:, ::2],
        whole.T,
        np.asfortranarray(whole),
        np.broadcast_to(whole[0], (4, 60)),
        np.frombuffer(b"." + whole.tobytes(), np.float32, offset=1).reshape(50, 60),  # unaligned
    ):
        found = mcal.uncertainty(view)
        wanted = mcal.uncertainty(np.array(view, order="C"))
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_the_parts_are_those_of_the_whole():
    logits = np.random.default_rng(1).normal(size=(20, 6))
    whole = mcal.uncertainty(logits)
    np.testing.assert_array_equal(mcal.margin(logits), 1 - whole.deficit)
    np.testing.assert_array_equal(mcal.entropy(logits), whole.entropy)
    np.testing.assert_array_equal(mcal.least_confidence(logits), whole.least_confidence)
    p = softmax(logits)
    np.testing.assert_allclose(mcal.margin(p, kind="probabilities"), 1 - whole.deficit, rtol=1e-12)
    p.sort(axis=1)
    np.testing.assert_allclose(mcal.margin(logits), p[:, -1] - p[:, -2], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -np.nan])
@pytest.mark.parametrize("kind", ["logits", "probabilities"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_row_that_is_not_finite_is_named(simd_level, dtype, kind, bad):
    for n_classes in (2, 10, 45):
        for column in range(n_classes):
            scores = np.full((30, n_classes), 1 / n_classes, dtype)
            scores[11, column] = bad
            scores[20] = np.nan
            with pytest.raises(ValueError, match=rf"^scores: .* in row 11, class {column}$"):
                mcal.uncertainty(scores, kind=kind)


# R's and pandas' NA, other payloads, and signalling NaNs, of both signs.
@pytest.mark.parametrize(
    "bits",
    [
        0x7FF00000000007A2,
        0x7FF8000000000001,
        0x7FF0000000000001,
        0xFFFFFFFFFFFFFFFF,
        0x7FC00001,
        0x7F800001,
        0x7FFFFFFF,
        0xFF8007A2,
    ],
    ids=hex,
)
@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_nan_with_a_payload_is_refused(simd_level, kind, bits):
    word, dtype = (np.uint64, np.float64) if bits > 0xFFFFFFFF else (np.uint32, np.float32)
    for n_classes in (2, 10, 45):
        for column in range(n_classes):
            scores = np.full((3, n_classes), 1 / n_classes, dtype)
            scores[:, 0] *= 1.0001
            scores.view(word)[1, column] = bits
            with pytest.raises(ValueError, match=rf"^scores: .* in row 1, class {column}$"):
                mcal.uncertainty(scores, kind=kind)


def test_the_first_bad_row_is_named_whatever_thread_meets_it():
    scores = np.zeros((20_000, 100), np.float32)
    scores[[7001, 19_000], 3] = np.nan
    for _ in range(5):
        with pytest.raises(ValueError, match="found nan in row 7001, class 3"):
            mcal.uncertainty(scores)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ([0.5, 0.6, -0.1], r"found -0\.1 in row 1, class 2"),
        ([0.5, 0.4, 0.05], r"found sum 0\.95 in row 1"),
        ([0.5, 0.5, 0.01], r"found sum 1\.01 in row 1"),
        ([0.0, 0.0, 0.0], r"found sum 0 in row 1"),
        ([3.0, -1.0, 2.0], r"found -1 in row 1, class 1"),
    ],
)
def test_what_is_no_distribution_is_refused(simd_level, row, found):
    scores = np.array([[0.2, 0.3, 0.5], row])
    with pytest.raises(ValueError, match=rf"^scores: expected probabilities >= 0 .*{found}$"):
        mcal.uncertainty(scores, kind="probabilities")


@pytest.mark.parametrize(
    "scores",
    [
        np.zeros(4),
        np.zeros((2, 3, 4)),
        np.zeros((4, 1)),
        np.zeros((0, 3)),
        np.zeros((4, 0)),
        np.zeros((4, 3), np.int64),
        np.zeros((4, 3), np.float16),
        np.zeros((4, 3), ">f4"),
        np.zeros((4, 3), complex),
        np.zeros((4, 3), bool),
        "logits",
        None,
    ],
)
def test_wrong_shapes_and_dtypes_are_refused(scores):
    with pytest.raises(ValueError, match=r"^scores: expected float32 or float64 of shape .*found"):
        mcal.uncertainty(scores)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"^kind: expected 'logits' or 'probabilities', found 'l'"):
        mcal.uncertainty(np.zeros((2, 2)), kind="l")


@pytest.mark.parametrize("kind", [5, None, b"logits"])
def test_a_kind_that_is_no_word_is_refused(kind):
    with pytest.raises(ValueError, match=r"^kind: expected .* or 'probabilities', found (5|N|b')"):
        mcal.uncertainty(np.zeros((2, 2)), kind=kind)
