"""The kernels of ``cuda/smallest_k.cu`` on the emulated device, against a stable sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from emulated_device import EmulatedDevice, emulated_device

import mcal
from mcal.selection import _reference
from mcal.selection._cuda import smallest_k as module
from mcal.selection._cuda.smallest_k import smallest_k

DTYPES = [np.float32, np.float64, np.int64]


@pytest.fixture
def device() -> EmulatedDevice:
    return emulated_device()


def check(device: EmulatedDevice, values: npt.NDArray[Any], k: int) -> None:
    for largest in (False, True):
        found = smallest_k(device, values, k, largest=largest)
        expected = _reference.first_k(values, k, largest=largest)
        np.testing.assert_array_equal(found, expected, strict=True)
        engine = mcal.largest_k if largest else mcal.smallest_k
        np.testing.assert_array_equal(found, engine(values, k), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 3, 31, 33, 1023, 1025, 5000])
def test_agrees_with_a_stable_sort(device: EmulatedDevice, dtype: Any, n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (
        rng.normal(0, 100, n).astype(dtype),
        rng.integers(-3, 4, n).astype(dtype),  # ties
        np.full(n, 2, dtype),
        -np.arange(n).astype(dtype),
        np.exp(rng.normal(0, 12, n)).clip(0, 2**62).astype(dtype),  # many exponents
    ):
        for k in {1, n // 3, n} if n < 5000 else {n - 1}:
            check(device, values, k)


@pytest.mark.parametrize("dtype", DTYPES)
def test_many_warps_and_any_k(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NUMBERS_PER_WARP", 32)
    monkeypatch.setattr(module, "MOST_IN_ONE_BLOCK", 64)
    device = emulated_device(n_multiprocessors=20)
    rng = np.random.default_rng(3)
    n = 34_000  # more warps than threads of the block that scans
    for values in (rng.normal(0, 1e6, n).astype(dtype), rng.integers(0, 5, n).astype(dtype)):
        for k in (64, 4_000):
            check(device, values, k)


def test_special_numbers(device: EmulatedDevice) -> None:
    for dtype in (np.float32, np.float64):
        tiny = np.finfo(dtype).smallest_subnormal
        low, high = np.finfo(dtype).min, np.finfo(dtype).max
        values = [0.0, -0.0, np.inf, tiny, -tiny, -np.inf, -0.0, 0.0, low, high, np.inf, 1, -1]
        for k in range(len(values) + 1):
            check(device, np.array(values, dtype), k)
    ends = np.iinfo(np.int64)
    values = [0, -1, ends.max, ends.min, 1, ends.min, ends.max - 1, 2**53, 2**53 + 1]
    for k in range(len(values) + 1):
        check(device, np.array(values), k)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [0, 1, 900])
def test_the_first_nan_is_named(device: EmulatedDevice, dtype: Any, k: int) -> None:
    values = np.arange(900).astype(dtype)
    values[[500, 17, 899]] = [np.nan, -np.nan, np.nan]
    for largest in (False, True):
        with pytest.raises(ValueError, match=r"values: expected no NaN, found one at position 17$"):
            smallest_k(device, values, k, largest=largest)


def test_wrong_arguments_are_told_as_on_the_cpu(device: EmulatedDevice) -> None:
    for values, k in [(np.zeros(0), 0), (np.zeros(3), 4), (np.zeros(3), -1)]:
        with pytest.raises(ValueError, match="expected") as cpu:
            mcal.smallest_k(values, k)
        with pytest.raises(ValueError, match="expected") as found:
            smallest_k(device, values, k, largest=False)
        assert str(found.value) == str(cpu.value)


def test_strides(device: EmulatedDevice) -> None:
    values = np.random.default_rng(5).normal(size=(300, 3))
    for view in (values[:, 1], values[::-1, 2], values[::7, 0], np.broadcast_to(values[0, 0], 40)):
        check(device, view, 20)


def test_the_number_of_multiprocessors_changes_nothing() -> None:
    values = np.random.default_rng(2).integers(0, 100, 20_000)
    answers = [
        smallest_k(emulated_device(n_multiprocessors=n), values, 6_000, largest=False)
        for n in (1, 4, 132)
    ]
    for other in answers[1:]:
        np.testing.assert_array_equal(other, answers[0])
