"""Dollars and nano-dollars."""

from __future__ import annotations

import pytest

from mcal.money import add_usd, to_nano, to_usd


@pytest.mark.parametrize(
    ("usd", "nano"),
    [
        (0, 0),
        (0.04, 40_000_000),
        (1 / 3, 333_333_333),
        (0.0000000005, 0),  # half to even
        (0.0000000015, 2),
        (1e9, 10**18),
        (123_456_789.123456789, 123_456_789_123_456_790),  # the float itself ends in ...79
    ],
)
def test_dollars_are_rounded_to_the_nano_dollar(usd, nano):
    assert to_nano("x", usd) == nano


@pytest.mark.parametrize("usd", [-1e-12, float("nan"), float("inf"), 1.1e9])
def test_what_is_no_price_is_named(usd):
    with pytest.raises(ValueError, match=r"price: expected dollars in \[0, 1e\+09\], found"):
        to_nano("price", usd)


def test_sums_are_exact():
    assert add_usd(0.1, 0.2) == 0.3
    assert add_usd(*[0.1] * 10) == 1.0
    assert add_usd() == 0.0
    assert to_usd(1) == 1e-9
