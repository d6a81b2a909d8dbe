"""The exact law in two strata, by full enumeration and against scipy; the plan and its edges."""

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from scipy.stats import hypergeom

from mcal import (
    audit_order,
    certify,
    certify_weighted,
    machine_positions,
    plan_audit,
    plan_weighted_audit,
)
from mcal._core import most_found, most_weight

Stratum = tuple[int, int, int]


def deceived(sure: Stratum, unsure: Stratum, errors: int, score: int) -> float:
    """The largest chance, over the wrong items in ``sure``, that ``score`` overlooks too many."""
    (items, draws, weight), (rest, drawn, unit) = sure, unsure
    found = np.arange(score // weight + 1)
    k = (score - weight * found) // unit
    worst = 0.0
    for wrong in range(min(items, errors + 1 + score // weight) + 1):
        needed = errors + 1 - wrong + found
        tail = hypergeom.cdf(k, rest, np.clip(needed + k, 0, rest), drawn)
        tail = np.where(needed > rest - drawn, 0.0, np.where(needed <= 0, 1.0, tail))
        worst = max(worst, float(hypergeom.pmf(found, items, wrong, draws) @ tail))
    return worst


@pytest.mark.parametrize(("n_sure", "n_unsure"), [(0, 2), (1, 2), (2, 2), (3, 1), (3, 3)])
@pytest.mark.parametrize("weights", [(1, 1), (5, 2)])
def test_the_promise_holds_for_every_layout_of_errors(
    n_sure: int, n_unsure: int, weights: tuple[int, int]
) -> None:
    """All 2^7 layouts x all draws."""
    n_ranked, frame, boundary, n_pool, confidence = 7, 6, 3, 10, 0.6
    for layout in product((False, True), repeat=n_ranked):
        is_wrong, violations, n_draws = np.array(layout), 0, 0
        for first in combinations(range(boundary), n_sure):
            for second in combinations(range(boundary, frame), n_unsure):
                positions = np.array(first + second)
                found = certify_weighted(
                    n_ranked,
                    frame,
                    positions,
                    is_wrong[positions],
                    boundary=boundary,
                    weights=weights,
                    n_pool=n_pool,
                    target_error=1.5 / n_pool,
                    confidence=confidence,
                )
                machine = machine_positions(found.cut, positions)
                assert machine.size == found.n_machine >= 1
                assert found.certified_errors == 1
                violations += int(is_wrong[machine].sum() > 1)
                n_draws += 1
        assert violations / n_draws <= 1 - confidence + 1e-9


@pytest.mark.parametrize(
    ("sure", "unsure", "errors"),
    [
        ((300, 40, 40), (200, 50, 16), 30),
        ((2000, 100, 40), (1500, 200, 16), 90),
        ((100, 60, 20), (100, 60, 16), 12),
        ((5, 1, 16), (400, 100, 16), 30),
        ((400, 100, 16), (5, 1, 16), 30),
    ],
)
@pytest.mark.parametrize("risk", [0.05, 0.3])
def test_the_score_is_the_largest_that_the_exact_law_allows(
    sure: Stratum, unsure: Stratum, errors: int, risk: float
) -> None:
    score = most_weight(sure, unsure, errors, risk)
    assert score >= 0
    assert deceived(sure, unsure, errors, score) <= risk + 1e-9
    assert deceived(sure, unsure, errors, score + 1) > risk


def test_in_large_strata_little_is_lost_by_looking_at_intervals() -> None:
    sure, unsure, errors = (2200, 70, 60), (2600, 260, 16), 300
    score = most_weight(sure, unsure, errors, 0.05)
    assert deceived(sure, unsure, errors, score) <= 0.05
    assert deceived(sure, unsure, errors, score + 2) > 0.05


@pytest.mark.parametrize("unsure", [(5000, 400, 1), (48_510, 1500, 1), (100, 60, 1)])
def test_without_a_sure_stratum_it_is_the_uniform_law(unsure: Stratum) -> None:
    for errors in (1, 30):
        assert most_weight((0, 0, 7), unsure, errors, 0.05) == most_found(*unsure[:2], errors, 0.05)


def test_equal_strata_are_a_little_less_than_one() -> None:
    """Counts drawn of each part vary less than those of the whole, but are not known to be so."""
    whole = most_found(4000, 400, 100, 0.05)
    halves = most_weight((2000, 200, 1), (2000, 200, 1), 100, 0.05)
    assert whole <= halves <= whole + 2


@pytest.mark.parametrize(
    "bad", [((10, 11, 1), (5, 1, 1)), ((10, 1, 0), (5, 1, 1)), ((10, 1), (5, 1, 1))]
)
def test_strata_that_are_none_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"draws|weight"):
        most_weight(*bad, 1, 0.05)


# -- the plan -----------------------------------------------------------------------------------

EDGES = np.arange(21) * 2700
RATES = 0.5 * ((np.arange(20) + 0.5) / 20) ** 3
SIZES: dict[str, Any] = {"n_pool": 60_000, "n_test": 900, "target_error": 0.05}


def test_more_is_drawn_where_errors_are_likely_and_people_label_less() -> None:
    plan = plan_weighted_audit(EDGES, RATES, **SIZES)
    uniform = plan_audit(EDGES, RATES, **SIZES)
    sure, unsure = plan.n_sure / plan.boundary, plan.n_unsure / (plan.frame - plan.boundary)
    assert 0 < sure < unsure < 1
    assert plan.weight_sure > plan.weight_unsure
    assert plan.expected_human < uniform.expected_human - 0.003 * 60_000
    assert plan.boundary < plan.expected_cut <= plan.frame <= 54_000


def test_the_draw_is_as_planned_and_repeats() -> None:
    plan = plan_weighted_audit(EDGES, RATES, **SIZES)
    positions = plan.draw(3)
    assert positions.size == plan.n_audit == np.unique(positions).size
    assert np.sum(positions < plan.boundary) == plan.n_sure
    assert (np.diff(positions) > 0).all()
    assert positions[-1] < plan.frame
    np.testing.assert_array_equal(positions, plan.draw(3))
    assert not np.array_equal(positions, plan.draw(4))


def test_a_larger_batch_takes_more_of_the_unsure_stratum_first() -> None:
    plan = plan_weighted_audit(EDGES, RATES, **SIZES)
    more = plan_weighted_audit(EDGES, RATES, **SIZES, least=plan.n_audit + 100)
    assert (more.n_sure, more.n_unsure) == (plan.n_sure, plan.n_unsure + 100)
    share = np.array([more.n_sure, more.n_unsure]) / [more.boundary, more.frame - more.boundary]
    above = np.array([more.boundary, more.expected_cut - more.boundary])
    assert more.expected_machine == pytest.approx((above * (1 - share)).sum(), abs=1)
    assert more.expected_human == pytest.approx(54_000 - more.expected_machine, abs=1)
    assert plan_weighted_audit(EDGES, RATES, **SIZES, least=1) == plan
    everything = plan_weighted_audit(EDGES, RATES, **SIZES, least=60_000)
    assert (everything.n_audit, everything.expected_machine) == (0, 3_000)


@pytest.mark.parametrize(
    ("rates", "n_pool"),
    [(np.zeros(20), 54_000), (np.ones(20), 60_000), (np.full(20, 0.9), 54_000)],
)
def test_where_weights_do_not_help_the_audit_is_uniform(rates: Any, n_pool: int) -> None:
    plan = plan_weighted_audit(EDGES, rates, **{**SIZES, "n_pool": n_pool})
    uniform = plan_audit(EDGES, rates, **{**SIZES, "n_pool": n_pool})
    assert plan.expected_human <= uniform.expected_human
    if not plan.boundary:
        assert (plan.n_sure, plan.n_unsure) == (0, uniform.n_audit)
        assert plan.expected_machine == uniform.expected_machine


def test_a_rough_profile_is_not_leant_on() -> None:
    plan = plan_weighted_audit(EDGES, RATES, **{**SIZES, "n_test": 299})
    assert (plan.boundary, plan.n_sure) == (0, 0)
    assert plan.n_audit == plan_audit(EDGES, RATES, **{**SIZES, "n_test": 299}).n_audit


@pytest.mark.parametrize("n", [0, 1, 7])
def test_tiny_pools_have_a_plan(n: int) -> None:
    edges = np.unique([0, n])
    plan = plan_weighted_audit(
        edges, np.full(edges.size - 1, 0.1), n_pool=max(1, n), n_test=5, target_error=0.2
    )
    found = certify_weighted(
        n,
        plan.frame,
        plan.draw(0),
        np.zeros(plan.n_audit, bool),
        boundary=plan.boundary,
        weights=(plan.weight_sure, plan.weight_unsure),
        n_pool=max(1, n),
        target_error=0.2,
    )
    assert found.n_machine >= min(n, int(0.2 * n))


def test_a_uniform_audit_is_certified_alike() -> None:
    rng = np.random.default_rng(0)
    positions = rng.choice(3000, 300, replace=False)
    wrong = rng.random(300) < 0.04
    given: dict[str, Any] = {"n_pool": 4000, "target_error": 0.05}
    one = certify(3500, 3000, positions, wrong, **given)
    same = certify_weighted(3500, 3000, positions, wrong, boundary=0, weights=(1, 1), **given)
    assert (same.cut, same.n_machine, same.tolerated) == (one.cut, one.n_machine, one.tolerated)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boundary": 31}, "boundary"),
        ({"weights": (0, 1)}, "weight"),
        ({"weights": (1.5, 1)}, "weight"),
        ({"positions": [3, 3]}, "positions"),
        ({"wrong": [1, 0]}, "wrong"),
        ({"target_error": 5}, "target_error"),
    ],
)
def test_mistakes_are_told(changes: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"positions": [3, 8], "wrong": [True, False], "boundary": 5}
    given |= {"weights": (2, 1), "n_pool": 50, "target_error": 0.1} | changes
    positions, wrong = given.pop("positions"), given.pop("wrong")
    with pytest.raises(ValueError, match=words):
        certify_weighted(40, 30, positions, wrong, **given)


@pytest.mark.parametrize("shape", ["medium", "backwards", "all wrong", "believed better"])
def test_the_promise_is_broken_no_more_often_than_it_may_be(shape: str) -> None:
    n, runs, rng = 6000, 120, np.random.default_rng(2)
    truth = {"backwards": RATES[::-1], "all wrong": np.ones(20)}.get(shape, RATES)
    believed = RATES / 3 if shape == "believed better" else RATES
    wrong = rng.random(n) < np.repeat(truth, n // 20)
    order = audit_order(np.arange(n), seed=0)
    np.testing.assert_array_equal(order, np.arange(n))
    plan = plan_weighted_audit(
        np.arange(21) * (n // 20), believed, n_pool=n, n_test=600, target_error=0.05
    )
    broken = 0
    for run in range(runs):
        positions = plan.draw(run)
        found = certify_weighted(
            n,
            plan.frame,
            positions,
            wrong[positions],
            boundary=plan.boundary,
            weights=(plan.weight_sure, plan.weight_unsure),
            n_pool=n,
            target_error=0.05,
        )
        broken += wrong[machine_positions(found.cut, positions)].sum() > 300
    assert broken / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
