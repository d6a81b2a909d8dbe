"""The small model of errors against scikit-learn's, and where there is nothing to learn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")  # its room is the classifiers'
linear_model = pytest.importorskip("sklearn.linear_model")

from mcal.classifiers.confidence import Confidence, fit_confidence  # noqa: E402

NO_PRIOR = {"prior_weights": np.zeros(3), "prior_deviations": np.full(3, 1e4)}
PRIOR = {"prior_weights": np.array([1.0, 0.0, 0.0]), "prior_deviations": np.ones(3)}


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
