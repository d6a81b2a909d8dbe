"""The kernel of ``cuda/uncertainty.cu`` on the emulated device, against the slow oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from emulated_device import EmulatedDevice, emulated_device

from mcal import selection
from mcal.selection import _reference
from mcal.selection._cuda.uncertainty import uncertainty

Scores = npt.NDArray[Any]
DTYPES = ["float32", "float16", "bfloat16"]
KINDS = ["logits", "probabilities"]


@pytest.fixture
def device() -> EmulatedDevice:
    return emulated_device()


def rounded(x: Scores, dtype: str) -> tuple[Scores, Scores]:
    """The array as the engine takes it, and its exact values as float32."""
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
        upper = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
        return upper, (upper.astype(np.uint32) << 16).view(np.float32)
    given = x.astype(dtype)
    return given, given.astype(np.float32)


def made(rows: int, cols: int, kind: str, *, scale: float = 4.0, seed: int = 0) -> Scores:
    logits = np.random.default_rng([seed, rows, cols]).normal(0, scale, (rows, cols))
    if kind == "logits":
        return logits
    mass = np.exp(logits - logits.max(1, keepdims=True))
    return mass / mass.sum(1, keepdims=True)


def check(device: EmulatedDevice, x: Scores, dtype: str, kind: Any) -> None:
    given, exact = rounded(x, dtype)
    label, deficit, entropy, least_confidence = uncertainty(device, given, dtype, kind)
    expected = _reference.uncertainty(exact, kind=kind)
    np.testing.assert_array_equal(label, expected.label)
    for found, wanted in [
        (deficit, expected.deficit),
        (entropy, expected.entropy),
        (least_confidence, expected.least_confidence),
    ]:
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, wanted, rtol=4e-6, atol=1e-300)


# Around the sizes at which a row takes more lanes, vectors, pieces, or a whole block.
COLS = [2, 3, 4, 7, 8, 10, 15, 16, 17, 31, 33, 64, 100, 127, 129, 255, 257, 511, 512, 513]
COLS += [1000, 1023, 1024, 1025, 2047, 2049, 4095, 4099, 10_007]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", COLS)
def test_any_number_of_classes(device: EmulatedDevice, cols: int, dtype: str, kind: str) -> None:
    if kind == "probabilities" and dtype == "bfloat16" and cols < 4:
        pytest.skip("rounding p1 changes the sum")
    rows = 37 if cols < 100 else 5 if cols < 2000 else 2
    check(device, made(rows, cols, kind), dtype, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cols", [10, 1000])
def test_the_cpu_engine_agrees(device: EmulatedDevice, cols: int, kind: Any) -> None:
    x = made(300 if cols < 100 else 10, cols, kind).astype(np.float32)
    found, cpu = uncertainty(device, x, "float32", kind), selection.uncertainty(x, kind=kind)
    np.testing.assert_array_equal(found[0], cpu.label)
    np.testing.assert_allclose(found[1], cpu.deficit, rtol=8e-6)
    np.testing.assert_allclose(found[2], cpu.entropy, rtol=8e-6)
    np.testing.assert_allclose(found[3], cpu.least_confidence, rtol=8e-6)


@pytest.mark.parametrize("n_multiprocessors", [1, 3, 1000])
@pytest.mark.parametrize(("rows", "cols"), [(1, 10), (700, 3), (300, 40), (70, 300), (9, 5000)])
def test_any_cut_of_the_launch(n_multiprocessors: int, rows: int, cols: int) -> None:
    device = emulated_device(n_multiprocessors=n_multiprocessors)
    check(device, made(rows, cols, "logits"), "float32", "logits")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cols", [10, 1000, 9000])
def test_confident_rows_keep_their_relative_precision(
    device: EmulatedDevice, cols: int, kind: str
) -> None:
    x = made(4, cols, "logits", scale=1.0)
    x[np.arange(4), [0, 3, cols - 1, cols // 2]] += [20, 60, 80, 40]
    if kind == "probabilities":
        x = np.exp(x - x.max(1, keepdims=True))
        x = x / x.sum(1, keepdims=True)
    check(device, x, "float32", kind)
    if kind == "logits":
        x[0, 0] += 600
        check(device, x, "float32", kind)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [2, 9, 130, 4100])
def test_ties_go_to_the_lowest_class(device: EmulatedDevice, cols: int, dtype: str) -> None:
    x = np.random.default_rng(cols).integers(0, 3, (40 if cols < 500 else 3, cols))
    check(device, x.astype(np.float64), dtype, "logits")
    check(device, np.zeros((3, cols)), dtype, "logits")
    signed = np.where(np.arange(cols) % 2 == 0, -0.0, 0.0)[None]
    check(device, signed, dtype, "logits")


@pytest.mark.parametrize("cols", [2, 10, 1000, 5000])
def test_one_hot_and_subnormal_probabilities(device: EmulatedDevice, cols: int) -> None:
    x = np.zeros((5, cols), np.float32)
    x[1, 0] = 1e-42
    x[2, 0] = 1e-45
    x[3, 0] = 1e-30
    x[4, 1], x[4, 0] = 1e-38, 1e-44
    x[:, cols // 2] = 1
    check(device, x, "float32", "probabilities")


@pytest.mark.parametrize("cols", [3, 10, 1000, 5000])
def test_extreme_logits(device: EmulatedDevice, cols: int) -> None:
    x = made(6, cols, "logits")
    lowest = np.finfo(np.float32).min
    x[0] += 1e6
    x[1, :-2] = lowest  # classes that are masked out
    x[2] = lowest
    x[3] = lowest
    x[3, -1] = -lowest
    x[4, 0], x[4, 1:] = 3e38, 2.9e38
    x[5] = -3e38
    check(device, x, "float32", "logits")
    check(device, np.clip(x, -65504, 65504), "float16", "logits")


@pytest.mark.parametrize("dtype", DTYPES)
def test_logits_below_zero(device: EmulatedDevice, dtype: str) -> None:
    for cols in (5, 300, 1000):
        check(device, made(3, cols, "logits") - 30, dtype, "logits")


def test_rising_and_falling_rows_rescale_at_every_piece(device: EmulatedDevice) -> None:
    rising = np.linspace(0, 9, 20_001)[None]
    for x in [rising, rising[:, ::-1], 100 * rising]:
        check(device, x, "float32", "logits")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [5, 301, 4500])
def test_strides(device: EmulatedDevice, cols: int, dtype: str) -> None:
    given, _ = rounded(made(12, 2 * cols + 7, "logits"), dtype)
    transposed = np.asfortranarray(given[:, :cols])
    for view in [
        given[:, :cols],
        given[:, 1 : cols + 1],
        given[::3, 3 : cols + 3],
        given[::-1, :cols],
        given[:, : 2 * cols : 2],
        given[:, cols:0:-1],
        transposed,
        np.broadcast_to(given[:1, :cols], (4, cols)),
    ]:
        found = uncertainty(device, view, dtype, "logits")
        copied = uncertainty(device, np.ascontiguousarray(view), dtype, "logits")
        np.testing.assert_array_equal(found[0], copied[0])
        for a, b in zip(found, copied, strict=True):
            np.testing.assert_allclose(a, b, rtol=4e-6)


def test_copies_are_made_of_parts(device: EmulatedDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcal.selection._cuda.uncertainty.COPIED_BYTES", 1000)
    x = np.asfortranarray(made(50, 30, "logits").astype(np.float32))
    found = uncertainty(device, x, "float32", "logits")
    whole = uncertainty(device, np.ascontiguousarray(x), "float32", "logits")
    np.testing.assert_array_equal(found[0], whole[0])
    x[41, 3] = np.nan
    with pytest.raises(ValueError, match="nan in row 41, class 3"):
        uncertainty(device, x, "float32", "logits")


@pytest.mark.parametrize("cols", [2, 10, 300, 5000])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("logits", np.nan),
        ("logits", np.inf),
        ("logits", -np.inf),
        ("probabilities", np.nan),
        ("probabilities", np.inf),
        ("probabilities", -1e-3),
        ("probabilities", -1e-45),
        ("probabilities", 2.0),
    ],
)
def test_the_first_bad_row_is_named_as_on_the_cpu(
    device: EmulatedDevice, cols: int, kind: Any, value: float
) -> None:
    x = made(70 if cols < 100 else 6, cols, kind).astype(np.float32)
    for row, col in [(4, cols - 1), (5, 0), (len(x) - 1, cols // 2)]:
        x[row, col] = value
    with pytest.raises(ValueError, match="in row 4") as cpu:
        selection.uncertainty(x, kind=kind)
    with pytest.raises(ValueError, match="in row 4") as found:
        uncertainty(device, x, "float32", kind)
    assert str(found.value) == str(cpu.value)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_two_byte_scores_are_checked(device: EmulatedDevice, dtype: str, value: float) -> None:
    for cols in [9, 1000]:
        x = made(40, cols, "logits")
        x[17, 5] = value
        given, _ = rounded(x, dtype)
        if dtype == "bfloat16":
            given[17, 5] = {np.inf: 0x7F80, -np.inf: 0xFF80}.get(value, 0x7FC1)
        with pytest.raises(
            ValueError, match=r"finite logits, found -?(nan|inf) in row 17, class 5"
        ):
            uncertainty(device, given, dtype, "logits")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cols", [4, 64, 1000, 5000])
def test_neighbours_that_are_all_nan(device: EmulatedDevice, cols: int, dtype: str) -> None:
    x, _ = rounded(made(3, cols, "logits"), dtype)
    nan = 0x7FC0 if dtype == "bfloat16" else np.nan
    for start in (0, cols // 2 // 8 * 8):
        given = x.copy()
        given[1, start : start + 8] = nan
        given[2] = nan
        with pytest.raises(ValueError, match=f"found nan in row 1, class {start}"):
            uncertainty(device, given, dtype, "logits")


@pytest.mark.parametrize("shape", [(0, 10), (3, 1), (0, 0)])
def test_shapes_without_an_answer(device: EmulatedDevice, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="scores: expected"):
        uncertainty(device, np.zeros(shape, np.float32), "float32", "logits")


def test_equal_rows_tie_exactly_wherever_they_stand(device: EmulatedDevice) -> None:
    for dtype in ("float32", "float16"):
        for cols in [8, 9, 12, 37, 102, 1000, 1001, 5000]:
            row = made(1, cols, "logits").astype(dtype)
            found = uncertainty(device, np.repeat(row, 21, axis=0), dtype, "logits")
            for values in found:
                assert np.unique(values).size == 1
