"""Results do not depend on the number of threads, to the last bit."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import mcal

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((20_011, 33)).astype(np.float32)
LOGITS = RNG.standard_normal((30_011, 17)).astype(np.float32)
N_TRAIN = np.array([300, 600, 1200, 2400, 4800])
N_WRONG = RNG.binomial(1000, 3.0 * N_TRAIN**-0.4, (1009, 5))
VALUES = RNG.integers(0, 1000, 500_009).astype(np.float64)


def k_center() -> tuple[np.ndarray, ...]:
    found = mcal.k_center(POINTS, 150, centers=np.arange(100))
    return found.positions, found.distances, np.array(found.n_full_passes)


def uncertainty() -> tuple[np.ndarray, ...]:
    found = mcal.uncertainty(LOGITS, kind="logits")
    return found.label, found.deficit, found.entropy, found.least_confidence


def first_k() -> tuple[np.ndarray, ...]:
    return mcal.smallest_k(VALUES, 1001), mcal.largest_k(VALUES, 400_000)


def fit_power_laws() -> tuple[np.ndarray, ...]:
    fits = mcal.fit_power_laws(N_TRAIN, N_WRONG, np.full(5, 1000))
    return tuple(v for v in vars(fits).values() if isinstance(v, np.ndarray))


@pytest.fixture(autouse=True)
def _default_threads() -> Iterator[None]:
    yield
    mcal.set_thread_count(0)


@pytest.mark.parametrize("function", [k_center, uncertainty, first_k, fit_power_laws])
def test_same_bits(function: Callable[[], tuple[np.ndarray, ...]]) -> None:
    mcal.set_thread_count(1)
    alone = function()
    assert alone
    for n in (2, 5):
        mcal.set_thread_count(n)
        for expected, found in zip(alone, function(), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


def test_the_count_can_be_set_and_restored() -> None:
    default = mcal.thread_count()
    assert default >= 1
    mcal.set_thread_count(3)
    assert mcal.thread_count() == 3
    mcal.set_thread_count(0)
    assert mcal.thread_count() == default


@pytest.mark.parametrize("n", [-1, 1025, 2**40, 2**70, "a", 1.5, None, True])
def test_a_count_that_is_none_is_named(n: Any) -> None:
    message = f"n: expected an integer >= 0 and <= 1024, found {n!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        mcal.set_thread_count(n)
