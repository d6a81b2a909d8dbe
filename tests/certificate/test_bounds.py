"""Counts against scipy, exact fractions and brute force."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import beta, hypergeom

from mcal import _core, promised_error, split_confidence
from mcal.certificate.bounds import allowed_errors, fewest_missed, most_missed

RISKS = (0.29, 0.0503, 0.0011)  # not themselves the probability of anything small


def exact_cdf(k: int, population: int, bad: int, draws: int) -> Fraction:
    ways = sum(comb(bad, j) * comb(population - bad, draws - j) for j in range(min(k, draws) + 1))
    return Fraction(ways, comb(population, draws))


def test_cdf_of_every_small_population_is_the_fraction() -> None:
    for population in range(14):
        for bad in range(population + 1):
            for draws in range(population + 1):
                for k in range(-1, draws + 2):
                    found = _core.hypergeometric_cdf(k, population, bad, draws)
                    assert found == pytest.approx(
                        float(exact_cdf(k, population, bad, draws)), rel=1e-13, abs=0
                    )


def test_cdf_of_large_populations_is_the_fraction() -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        population = int(rng.integers(2000, 20_000))
        bad, draws = (int(rng.integers(1, population)) for _ in range(2))
        draws = min(draws, 500)
        middle = draws * bad / population
        k = int(middle - rng.uniform(-1, 8) * np.sqrt(middle + 1))
        expected = exact_cdf(k, population, bad, draws)
        found = _core.hypergeometric_cdf(k, population, bad, draws)
        assert found == pytest.approx(float(expected), rel=1e-11, abs=1e-300)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:scipy")
@pytest.mark.parametrize("exponent", [3, 5, 7, 8])
def test_cdf_agrees_with_scipy(exponent: int) -> None:
    rng = np.random.default_rng(exponent)
    population = 10**exponent
    for _ in range(100):
        bad = int(population * rng.uniform() ** 3) + 1
        draws = int(population * rng.uniform() ** 6) + 1
        law = hypergeom(population, bad, draws)
        k = int(law.mean() + rng.normal() * 2 * law.std())
        expected = law.cdf(k)
        # Rounding of log-gamma at 1e8 costs scipy seven digits.
        assert _core.hypergeometric_cdf(k, population, bad, draws) == pytest.approx(
            expected, rel=1e-6, abs=1e-9
        )


@pytest.mark.parametrize("risk", RISKS)
def test_fewest_draws_by_trying_all(risk: float) -> None:
    for population in (1, 2, 7, 30):
        for bad in range(1, population + 1):
            for k in range(bad):
                expected = next(
                    n for n in range(population + 1) if exact_cdf(k, population, bad, n) <= risk
                )
                assert _core.fewest_draws(k, population, bad, risk) == expected


def test_fewest_draws_of_large_populations_is_a_turning_point() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        population = int(10 ** rng.uniform(2, 8))
        bad = int(population * rng.uniform() ** 2) + 1
        k = int(rng.integers(0, min(bad, 10_000)))
        draws = _core.fewest_draws(k, population, bad, 0.05)
        assert _core.hypergeometric_cdf(k, population, bad, draws) <= 0.05
        assert _core.hypergeometric_cdf(k, population, bad, draws - 1) > 0.05


@pytest.mark.parametrize("risk", RISKS)
def test_most_found_by_trying_all(risk: float) -> None:
    for population in (2, 9, 25):
        for draws in range(population):
            for errors in range(population - draws):
                expected = max(
                    (
                        k
                        for k in range(draws)
                        if exact_cdf(k, population, errors + 1 + k, draws) <= risk
                    ),
                    default=-1,
                )
                assert _core.most_found(population, draws, errors, risk) == expected


@pytest.mark.parametrize("risk", RISKS)
def test_both_limits_of_the_missed_by_trying_all(risk: float) -> None:
    for n_items in (1, 5, 17):
        for n_audit in range(n_items + 1):
            for found in range(n_audit + 1):
                could_be = [
                    missed
                    for missed in range(n_items - n_audit + 1)
                    if exact_cdf(found, n_items, missed + found, n_audit) > risk
                ]
                assert most_missed(found, n_items, n_audit, risk) == max(could_be)
                could_be = [
                    missed
                    for missed in range(n_items - n_audit + 1)
                    if found == 0
                    or 1 - exact_cdf(found - 1, n_items, missed + found, n_audit) > risk
                ]
                assert fewest_missed(found, n_items, n_audit, risk) == min(could_be)


def test_promise_of_a_small_sample_is_that_of_clopper_and_pearson() -> None:
    # Of a huge set a sample without replacement is one with replacement.
    for wrong, n_audit in ((0, 59), (3, 200), (40, 500)):
        promised = promised_error(10**8, n_audit, wrong, n_pool=10**8, target="machine")
        assert promised == pytest.approx(beta.ppf(0.95, wrong + 1, n_audit - wrong), rel=1e-5)


def test_promise_is_over_the_pool_or_over_the_machine_labels() -> None:
    of_pool = promised_error(1000, 200, 5, n_pool=4000)
    of_machine = promised_error(1000, 200, 5, n_pool=4000, target="machine")
    assert of_pool * 4000 == pytest.approx(of_machine * 800)


@pytest.mark.parametrize(
    ("n_items", "n_audit", "n_wrong", "expected"),
    [(0, 0, 0, 0.0), (10, 0, 0, 1.0), (10, 10, 3, 0.0), (10, 4, 4, 0.6), (10, 9, 0, 0.0)],
)
def test_promise_at_the_edges(n_items: int, n_audit: int, n_wrong: int, expected: float) -> None:
    promised = promised_error(n_items, n_audit, n_wrong, n_pool=10, confidence=0.85)
    assert promised == expected


def test_promise_holds_for_every_number_of_errors() -> None:
    for confidence in (0.5, 0.9):
        for wrong in range(21):
            kept = sum(
                hypergeom.pmf(x, 20, wrong, 6)
                for x in range(7)
                if x <= wrong
                and wrong - x
                <= 20 * promised_error(20, 6, x, n_pool=20, confidence=confidence) + 1e-9
            )
            assert kept >= confidence - 1e-12


def test_allowed_errors_are_the_most_that_keep_the_target() -> None:
    for n in range(150):
        for percent in range(101):
            expected = max(e for e in range(n + 1) if n == 0 or e / n <= percent / 100)
            assert allowed_errors(n, percent / 100) == expected


def test_split_confidence_divides_the_risk() -> None:
    assert split_confidence(0.95, [1, 1]) == pytest.approx([0.975, 0.975])
    assert split_confidence(0.9, [3, 1]) == pytest.approx([0.925, 0.975])
    assert split_confidence(0.9, [7]) == pytest.approx([0.9])


@pytest.mark.parametrize("shares", [[], [1, 0], [1, -1], [np.nan], [np.inf], 1.0])
def test_split_confidence_refuses(shares: object) -> None:
    with pytest.raises(ValueError, match="shares: expected positive numbers"):
        split_confidence(0.9, shares)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_pool": 0}, "n_pool: expected an integer >= 1"),
        ({"n_pool": 5}, "n_items: expected an integer >= 0 and <= 5, found 10"),
        ({"n_audit": 11}, "n_audit: expected an integer >= 0 and <= 10, found 11"),
        ({"n_wrong": 5}, "n_wrong: expected an integer >= 0 and <= 4, found 5"),
        ({"n_wrong": 1.5}, "n_wrong: expected an integer"),
        ({"confidence": 1.0}, "confidence: expected a finite number > 0 and < 1"),
        ({"confidence": np.nan}, "confidence: expected a finite number"),
        ({"target": "pool"}, "target: expected 'set' or 'machine', found 'pool'"),
    ],
)
def test_promise_refuses(change: dict[str, object], words: str) -> None:
    call: dict[str, object] = {"n_items": 10, "n_audit": 4, "n_wrong": 1, "n_pool": 100}
    with pytest.raises(ValueError, match=words):
        promised_error(**(call | change))  # type: ignore[arg-type]
