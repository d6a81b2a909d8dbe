"""Curves of a pool that purchases make easier, against a ranking worked through by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mcal.campaign.depletion import PoolCurves, deplete
from mcal.fitting import fit_curves
from mcal.simulation import Curve, World
from mcal.types import FloatArray

THETAS = np.arange(1, 21) / 20


def test_what_is_left_is_the_surer_part() -> None:
    """1,000 items left, wrong more and more often along the ranking; the last are bought."""
    rate = (np.arange(1000) / 1000) ** 2
    ends = (THETAS * 1000).astype(int)
    now = np.cumsum(rate)[ends - 1] / ends
    sizes = np.array([200, 450, 700, 1100])
    found = deplete(THETAS, np.repeat(now[:, None], 4, axis=1), sizes, 200, 1200)
    for k, n in enumerate(sizes):
        left = rate[: 1200 - n]
        cut = (THETAS * left.size).astype(int)
        by_hand = np.cumsum(left)[cut - 1] / cut
        coarse = THETAS * left.size >= 200  # below, a straight line stands for a square
        np.testing.assert_allclose(found[coarse, k], by_hand[coarse], rtol=0.05)
    np.testing.assert_allclose(found[:, 0], now)


def test_an_error_the_same_along_the_ranking_is_the_same_in_any_part() -> None:
    flat = np.full((3, THETAS.size, 2), 0.2)
    np.testing.assert_allclose(deplete(THETAS, flat, np.array([10, 90]), 10, 100), flat)


def test_nothing_is_left_at_the_end() -> None:
    error = np.linspace(0.05, 0.3, THETAS.size)[:, None]
    found = deplete(THETAS, error, np.array([100]), 10, 100)
    np.testing.assert_allclose(found, 0.05)  # as far as the surest twentieth is known
    np.testing.assert_allclose(deplete(THETAS, error, np.array([100]), 100, 100), error)


def test_wrong_labels_never_fall_with_theta_and_no_curve_stays_none() -> None:
    rng = np.random.default_rng(0)
    wrong = np.cumsum(rng.random((7, THETAS.size, 5)), axis=1) / THETAS.size
    error = wrong / THETAS[:, None]
    error[3] = np.nan
    found = deplete(THETAS, error, np.array([10, 20, 50, 90, 99]), 10, 100)
    assert np.isnan(found[3]).all()
    kept = np.delete(found, 3, axis=0) * THETAS[:, None]
    assert (np.diff(kept, axis=1) >= -1e-12).all()


def errors_of(model: object, left: np.ndarray) -> FloatArray:
    ranked = left[np.argsort(model.deficit[left], kind="stable")]  # type: ignore[attr-defined]
    ends = np.floor(THETAS * left.size).astype(int)
    return np.cumsum(model.wrong[ranked])[ends - 1] / ends  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_pool_bought_by_margin_ends_nearer_to_the_depleted_curve(seed: int) -> None:
    """From a twelfth of a simulated pool to two fifths; the exact curves, no test set."""
    n_pool = 20_000
    curve = Curve("power", ((200, 0.45), (3200, 0.45 / 16**0.5)))
    pool = World("one", n_pool, 10, curve, curve_noise=0.0).draw(seed)
    left, bought = np.arange(n_pool), 0
    sizes, errors = [], []
    for size in (200, 400, 800, 1600, 3200, 5600, 8000):
        order = np.argsort(pool.model(bought).deficit[left]) if bought else np.arange(left.size)
        left = np.sort(left[order[: left.size - (size - bought)]])
        bought = size
        sizes.append(float(size))
        errors.append(errors_of(pool.model(size), left))
    n_test = 5_000 * np.ones((4, 1)) * THETAS
    fits = fit_curves(
        np.array(sizes[:4]), np.array(errors[:4]) * n_test, n_test, THETAS, n_classes=10
    )
    last = np.array([8000])
    plain, true = fits.predict(last)[-1, 0], errors[-1][-1]
    ahead = PoolCurves(fits, 1600, n_pool).predict(last)[-1, 0]
    assert plain > 1.3 * true
    assert abs(np.log(ahead / true)) < 0.5 * abs(np.log(plain / true))


def test_random_purchases_leave_the_pool_as_it_is() -> None:
    sizes = np.array([100.0, 200.0, 400.0, 800.0])
    error = 0.5 * THETAS[None, :] * (100.0 / sizes[:, None]) ** 0.5
    n_test = 400 * np.ones_like(error) * THETAS
    fits = fit_curves(sizes, error * n_test, n_test, THETAS, n_classes=10)
    ahead = np.array([800, 1600, 4000])
    plain = PoolCurves(fits, 800, 5000, by_doubt=False).predict(ahead)
    np.testing.assert_array_equal(plain, fits.predict(ahead))
    least_sure = PoolCurves(fits, 800, 5000).predict(ahead)
    np.testing.assert_allclose(least_sure[:, 0], plain[:, 0])
    assert (least_sure[1:, 1:] < plain[1:, 1:]).all()  # as coarse as thetas, the first is its own
