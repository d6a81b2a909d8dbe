"""No simulation: every layout of errors against every draw there is, in frames small enough."""

from itertools import combinations, product

import numpy as np
import pytest

from mcal import certify

FRAME = 8
LAYOUTS = (np.arange(2**FRAME)[:, None] >> np.arange(FRAME)) & 1
ABOVE = np.hstack([np.zeros((2**FRAME, 1), np.int64), LAYOUTS.cumsum(axis=1)])


def worst(
    n_audit: int, target_error: float, confidence: float, target: str, start: int | None
) -> float:
    """How often the promise is broken where the errors lie worst for it."""
    broken = np.zeros(len(LAYOUTS))
    draws = list(combinations(range(FRAME), n_audit))
    for positions in draws:
        drawn = LAYOUTS[:, positions]
        for wrong in product((0, 1), repeat=n_audit):
            found = certify(
                FRAME,
                FRAME,
                positions,
                np.array(wrong, np.bool_),
                n_pool=FRAME,
                target_error=target_error,
                confidence=confidence,
                target=target,
                start=start,
            )
            fits = np.flatnonzero((drawn == wrong).all(axis=1))
            above = sum(w for p, w in zip(positions, wrong, strict=True) if p < found.cut)
            broken[fits] += ABOVE[fits, found.cut] - above > found.certified_errors
    return float(broken.max()) / len(draws)


@pytest.mark.parametrize(("target", "start"), [("set", None), ("machine", 1), ("machine", 4)])
@pytest.mark.parametrize("n_audit", [2, 4, 5])
@pytest.mark.parametrize(("target_error", "confidence"), [(0.15, 0.7), (0.3, 0.7), (0.3, 0.9)])
def test_no_layout_breaks_the_promise_more_often_than_it_may(
    n_audit: int, target_error: float, confidence: float, target: str, start: int | None
) -> None:
    assert worst(n_audit, target_error, confidence, target, start) <= 1 - confidence + 1e-9


def test_a_promise_can_be_tight() -> None:
    assert worst(5, 0.3, 0.7, "set", None) > 0.1
