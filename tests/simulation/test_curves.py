"""Curves go through their points, fall, and stay below chance."""

import math
from typing import Any

import numpy as np
import pytest

from mcal.simulation import FAMILIES, Curve

POINTS = ((200, 0.3), (3_000, 0.1))
CURVES = {
    "power": Curve("power", POINTS),
    "truncated": Curve("truncated", POINTS, k=9_000),
    "floor": Curve("floor", POINTS, floor=0.05),
    "plateau": Curve("plateau", POINTS),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_curve_goes_through_its_points_and_falls(family: str) -> None:
    curve = CURVES[family]
    for n, error in POINTS:
        assert curve.error(n, 0.9) == pytest.approx(error, rel=1e-4)
    errors = [curve.error(n, 0.9) for n in np.geomspace(1, 1e6, 60)]
    assert np.all(np.diff(errors) <= 0.0)
    assert errors[0] <= 0.9
    assert errors[-1] >= (0.05 if family == "floor" else 0.0)


def test_the_families_are_the_ones_of_the_fits() -> None:
    gamma = math.log(3.0) / math.log(15.0)
    assert CURVES["power"].error(1_000, 0.9) == pytest.approx(0.3 * 5.0**-gamma, rel=1e-4)
    ratio = CURVES["truncated"].error(12_000, 0.9) / CURVES["truncated"].error(6_000, 0.9)
    gamma = (math.log(3.0) - 2_800 / 9_000) / math.log(15.0)
    assert ratio == pytest.approx(2.0**-gamma * math.exp(-6_000 / 9_000), rel=1e-4)
    odds = [e / (0.9 - e) for e in (CURVES["plateau"].error(n, 0.9) for n in (100, 1_000, 10_000))]
    assert odds[0] / odds[1] == pytest.approx(odds[1] / odds[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "cubic"}, "family"),
        ({"points": ((1, 0.2),)}, "points"),
        ({"points": ((10, 0.2), (5, 0.1))}, "points"),
        ({"points": ((10, 0.1), (50, 0.2))}, "points"),
        ({"points": ((0, 0.3), (50, 0.2))}, "points"),
        ({"k": 100.0}, "k"),
        ({"family": "truncated", "k": 0.0}, "k"),
        ({"floor": 0.01}, "floor"),
        ({"family": "floor", "floor": 0.1}, "floor"),
    ],
)
def test_a_curve_that_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}: expected"):
        Curve(**{"family": "power", "points": POINTS} | arguments)
