"""Selection of the k smallest and largest against a stable sort."""

from __future__ import annotations

import numpy as np
import pytest

import mcal
from mcal.selection import _reference

DTYPES = [np.float32, np.float64, np.int64]


def assert_right(values, k):
    np.testing.assert_array_equal(
        mcal.smallest_k(values, k), np.argsort(values, kind="stable")[:k], strict=True
    )
    np.testing.assert_array_equal(
        mcal.largest_k(values, k), _reference.first_k(values, k, largest=True), strict=True
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 17, 1000, 1024, 1025, 5000])
def test_agrees_with_a_stable_sort(dtype, n):
    rng = np.random.default_rng(n)
    for values in (
        rng.normal(0, 100, n).astype(dtype),
        rng.integers(-3, 4, n).astype(dtype),  # ties
        np.full(n, 2, dtype),
        np.arange(n).astype(dtype),
        -np.arange(n).astype(dtype),
        np.exp(rng.normal(0, 12, n)).clip(0, 2**62).astype(dtype),  # many exponents
    ):
        for k in sorted({0, 1, n // 3, n - 1, n}):
            assert_right(values, k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_chunks(dtype):
    rng = np.random.default_rng(0)
    n = 600_001  # three chunks
    for values in (rng.normal(0, 1e6, n), rng.integers(0, 50, n)):
        for k in (1000, n):
            assert_right(values.astype(dtype), k)


def test_the_number_of_threads_changes_nothing():
    values = np.random.default_rng(2).integers(0, 1000, 700_000)
    answers = []
    try:
        for n_threads in (1, 2, 5):
            mcal.set_thread_count(n_threads)
            answers.append(mcal.smallest_k(values, 300_000))
    finally:
        mcal.set_thread_count(0)
    for other in answers[1:]:
        np.testing.assert_array_equal(other, answers[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_of_either_sign_are_equal(dtype):
    values = np.array([0.0, -0.0, 0.0, -0.0, -1.0], dtype)
    np.testing.assert_array_equal(mcal.smallest_k(values, 5), [4, 0, 1, 2, 3])
    np.testing.assert_array_equal(mcal.largest_k(values, 5), [0, 1, 2, 3, 4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinities_and_subnormals_have_their_place(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    values = np.array([np.inf, tiny, -np.inf, 0, -tiny, np.finfo(dtype).max, np.inf], dtype)
    np.testing.assert_array_equal(mcal.smallest_k(values, 7), [2, 4, 3, 1, 5, 0, 6])
    np.testing.assert_array_equal(mcal.largest_k(values, 7), [0, 6, 5, 1, 3, 4, 2])


def test_extreme_integers():
    limits = np.iinfo(np.int64)
    values = np.array([0, limits.max, limits.min, -1, limits.max], np.int64)
    np.testing.assert_array_equal(mcal.smallest_k(values, 5), [2, 3, 0, 1, 4])
    np.testing.assert_array_equal(mcal.largest_k(values, 5), [1, 4, 0, 3, 2])


def test_integers_beyond_the_precision_of_a_double():
    values = np.array([2**53 + 1, 2**53, 2**53 + 2], np.int64)
    np.testing.assert_array_equal(mcal.smallest_k(values, 3), [1, 0, 2])


def test_strided_values():
    values = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_array_equal(
        mcal.smallest_k(values[::-1, 1], 50), np.argsort(values[::-1, 1], kind="stable")
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [0, 3, 600_000])
@pytest.mark.parametrize("select", [mcal.smallest_k, mcal.largest_k])
def test_nan_is_refused_and_the_first_named(select, k, dtype):
    values = np.zeros(600_000, dtype)
    values[[299_999, 300_000, 599_999]] = np.nan
    with pytest.raises(ValueError, match=r"^values: expected no NaN, found one at position 299999"):
        select(values, k)


@pytest.mark.parametrize("select", [mcal.smallest_k, mcal.largest_k])
@pytest.mark.parametrize(
    ("values", "k", "message"),
    [
        (np.zeros(3), 4, r"^k: expected 0 to 3, found 4$"),
        (np.zeros(3), -1, r"^k: expected 0 to 3, found -1$"),
        (np.zeros(3), 1.5, r"^k: expected an integer, found 1\.5$"),
        (np.zeros(3), True, r"^k: expected an integer, found True$"),
        (np.zeros(3), "2", r"^k: expected an integer, found '2'$"),
        (np.zeros(3), 2**70, r"^k: expected an integer, found 1180591620717411303424$"),
        (np.zeros(0), 0, r"^values: expected at least 1 value, found 0$"),
        (np.zeros((3, 1)), 1, r"^values: expected float32, .* found shape \(3, 1\)"),
        (np.zeros(3, np.int32), 1, r"^values: expected float32, .* dtype int32$"),
        (np.zeros(3, bool), 1, r"^values: expected float32, .* dtype bool$"),
        (np.array(["a"]), 1, r"^values: expected float32, .* dtype <U1$"),
    ],
)
def test_bad_input_is_refused(select, values, k, message):
    with pytest.raises(ValueError, match=message):
        select(values, k)


def test_a_numpy_integer_counts():
    assert mcal.smallest_k(np.arange(3.0), np.int32(2)).tolist() == [0, 1]
