"""Shares in per cent: a bound is never shown as less, or more, than it is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mcal.shares import percent, percent_at_least, percent_at_most


def test_a_share_is_rounded_and_a_bound_is_not_passed() -> None:
    assert (percent(None), percent(0.05), percent(0.0100167), percent(1.0)) == (
        *("-", "5.00%", "1.00%", "100.00%"),
    )
    assert (percent_at_most(0.0100167), percent_at_least(0.0199999)) == ("1.01%", "1.99%")


@pytest.mark.parametrize("n", range(0, 10_001, 7))
def test_what_has_two_places_is_shown_as_it_is(n: int) -> None:
    share = n / 10_000
    assert percent_at_most(share) == percent_at_least(np.float64(share)) == f"{n / 100:.2f}%"


def test_bounds_hold_as_shown() -> None:
    for share in np.random.default_rng(0).random(1000).tolist():
        low, high = (
            Fraction(shown(share).rstrip("%")) / 100
            for shown in (percent_at_least, percent_at_most)
        )
        assert low <= Fraction(share) <= high <= low + Fraction(1, 10_000)
