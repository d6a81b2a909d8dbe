"""The small model of errors against scikit-learn's, and where there is nothing to learn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")  # its room is the classifiers'
linear_model = pytest.importorskip("sklearn.linear_model")
optimize = pytest.importorskip("scipy.optimize")

from mcal.classifiers.confidence import Confidence, fit_confidence  # noqa: E402

NO_PRIOR = {
    "prior_weights": np.zeros(3),
    "prior_deviations": np.full(3, 1e4),
    "least_weights": np.zeros(3),
}
PRIOR = {
    "prior_weights": np.array([1.0, 0.0, 0.0]),
    "prior_deviations": np.ones(3),
    "least_weights": np.zeros(3),
}


def made(n: int, weights: list[float]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(n)
    features = random.normal(size=(n, 3)) * [5.0, 1.0, 0.3]
    chance = 1 / (1 + np.exp(1.0 - features @ np.array(weights)))
    return features, random.random(n) < chance


def test_it_is_logistic_regression() -> None:
    features, wrong = made(3000, [0.4, 0.7, 2.0])
    found = fit_confidence(features, wrong, **NO_PRIOR)
    peer = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    peer.fit(features, wrong)
    np.testing.assert_allclose(found.weights, peer.coef_[0], rtol=1e-3)
    np.testing.assert_allclose(found.offset, peer.intercept_[0], rtol=1e-2)
    np.testing.assert_allclose(
        found.doubt(features), peer.predict_proba(features)[:, 1], rtol=1e-2, atol=1e-4
    )


def test_a_reason_to_doubt_never_counts_as_one_to_trust() -> None:
    features, wrong = made(3000, [0.4, -0.7, 2.0])
    found = fit_confidence(features, wrong, **NO_PRIOR)
    assert found.weights[1] == 0.0
    peer = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    peer.fit(features[:, [0, 2]], wrong)
    np.testing.assert_allclose(found.weights[[0, 2]], peer.coef_[0], rtol=1e-3)
    all_against = fit_confidence(*made(3000, [-1.0, -1.0, -1.0]), **NO_PRIOR)
    assert (all_against.weights == 0.0).all()


def test_what_one_coarse_reason_leaves_equal_is_ordered_by_the_least_weight() -> None:
    """Eleven values of a share alone would tie nearly everything."""
    random = np.random.default_rng(0)
    share = random.integers(0, 11, 1000) / 10
    gap = random.normal(size=1000)
    wrong = random.random(1000) < 1 / (1 + np.exp(1.0 - 3.0 * share + 0.3 * gap))
    features = np.column_stack([gap, np.zeros(1000), share])
    found = fit_confidence(features, wrong, **PRIOR | {"least_weights": np.array([1e-3, 0.0, 0.0])})
    doubt = found.doubt(features)
    assert np.unique(doubt).size == 1000
    np.testing.assert_array_equal(np.argsort(doubt), np.lexsort((gap, share)))


@pytest.mark.parametrize("least", [[0.001, 0.0, 0.0], [0.2, 0.0, 0.5], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize("weights", [[-1.0, -1.0, -1.0], [-0.3, -0.2, 2.0], [0.1, 0.4, 1.0]])
def test_no_weight_is_below_its_least(weights: list[float], least: list[float]) -> None:
    """Against SciPy's minimum within bounds; greedy leaving out finds it on these."""
    features, wrong = made(400, weights)
    prior = PRIOR | {"least_weights": np.array(least)}
    found = fit_confidence(features, wrong, **prior)

    def loss(at: np.ndarray) -> float:
        score = at[0] + features @ at[1:]
        away = at - [0.0, 1.0, 0.0, 0.0]
        likelihood = (np.logaddexp(0.0, score) - wrong * score).sum()
        return float(likelihood + 0.5 * np.array([0.01, 1.0, 1.0, 1.0]) @ away**2)

    bounds = [(None, None), *((one, None) for one in least)]
    peer = optimize.minimize(loss, [0.0, 1.0, 1.0, 1.0], bounds=bounds, tol=1e-12)
    np.testing.assert_allclose([found.offset, *found.weights], peer.x, atol=1e-3)
    assert (found.weights >= least).all()


@pytest.mark.parametrize("n", [0, 1, 5, 500])
@pytest.mark.parametrize("wrong", [False, True])
def test_all_right_or_all_wrong_is_finite_and_ranks(n: int, wrong: bool) -> None:
    features, _ = made(max(n, 1), [1.0, 1.0, 1.0])
    found = fit_confidence(features[:n], np.full(n, wrong), **PRIOR)
    assert np.isfinite(found.weights).all()
    assert np.isfinite(found.offset)
    doubt = found.doubt(np.array([[-9.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]))
    assert 0.0 <= doubt[0] <= doubt[1] <= 1.0


def test_what_parts_right_from_wrong_at_a_threshold_is_finite() -> None:
    features = np.linspace(-1.0, 1.0, 40)[:, None] * [1.0, 0.0, 0.0]
    found = fit_confidence(features, features[:, 0] > 0.3, **PRIOR)
    assert np.isfinite(found.weights).all()
    assert (np.diff(found.doubt(features)) > 0.0).all()


def test_small_doubts_keep_their_precision() -> None:
    confidence = Confidence(0.0, np.array([1.0]))
    features = np.array([[-700.0], [-50.0], [0.0], [50.0], [1e6], [-1e6]])
    expected = [np.exp(-700.0), np.exp(-50.0), 0.5, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(confidence.doubt(features), expected, rtol=1e-12)
