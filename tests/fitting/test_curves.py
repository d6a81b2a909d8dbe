import json
from typing import Any

import numpy as np
import pytest

from mcal.fitting import FORMS, CurveFits, FitStatus, fit_curves
from mcal.fitting.curves import _isotonise
from mcal.types import FloatArray

N = np.array([500.0, 1000.0, 2000.0, 4000.0, 8000.0])
THETAS = np.arange(1, 21) / 20


def counts(rng: np.random.Generator | None = None, n: FloatArray = N) -> tuple[Any, Any]:
    """Errors 0.6 theta^2 (n/500)^-0.5 on 1,000 test items."""
    n_test = np.tile(np.round(1000 * THETAS), (n.size, 1))
    error = 0.6 * THETAS**2 * (n[:, None] / 500) ** -0.5
    return (n_test * error if rng is None else rng.binomial(n_test.astype(int), error)), n_test


@pytest.mark.parametrize("form", ["average", *FORMS])
def test_curves_go_through_the_counts_and_onwards(form: Any) -> None:
    wrong, n_test = counts()
    fits = fit_curves(N, wrong, n_test, THETAS, n_classes=10, form=form)
    assert np.all(fits.status == FitStatus.CONVERGED)
    np.testing.assert_allclose(
        fits.predict(N)[4:], (wrong / n_test).T[4:], rtol=0.25 if form == "plateau" else 0.15
    )
    truth = 0.6 * (30_000 / 500) ** -0.5
    assert fits.predict([30_000.0])[-1, 0] == pytest.approx(truth, rel=0.4)


def test_predictions_keep_their_order_and_range() -> None:
    wrong, n_test = counts(np.random.default_rng(0))
    fits = fit_curves(N, wrong, n_test, THETAS, n_classes=10)
    error = fits.predict(np.geomspace(1, 1e7, 200))
    assert error.shape == (20, 200)
    assert np.all((error >= 0.0) & (error <= 0.9))
    assert np.all(np.diff(error, axis=1) <= 1e-15)
    assert np.all(np.diff(THETAS[:, None] * error, axis=0) >= -1e-15)


def test_average_is_the_geometric_mean_under_akaike_weights() -> None:
    wrong, n_test = counts()
    fits = fit_curves(N, wrong, n_test, THETAS, n_classes=10)
    aic = [np.sum(f.deviance + 2 * f.parameters.shape[1]) for f in fits.fits.values()]
    weight = np.exp(-0.5 * (np.array(aic) - np.min(aic)))
    weight /= weight.sum()
    assert list(fits.weights) == list(FORMS)
    np.testing.assert_allclose(list(fits.weights.values()), weight)
    each = np.array([f.predict([20_000.0])[:, 0] for f in fits.fits.values()])
    mean = np.exp(weight @ np.log(each))
    assert np.all(np.diff(THETAS * mean) >= 0.0)  # nothing for the isotonic step to do
    np.testing.assert_allclose(fits.predict([20_000.0])[:, 0], mean)


def test_one_round_is_too_few_and_two_are_enough() -> None:
    wrong, n_test = counts(n=N[:1])
    one = fit_curves(N[:1], wrong, n_test, THETAS, n_classes=10)
    assert np.all(one.status == FitStatus.TOO_FEW_POINTS)
    assert np.isnan(one.predict([1000.0, 2000.0])).all()
    assert all(np.isnan(w) for w in one.weights.values())
    for n_rounds in (2, 3):
        n = N[:n_rounds]
        wrong, n_test = counts(n=n)
        fits = fit_curves(n, wrong, n_test, THETAS, n_classes=10)
        assert fits.fitted.all()
        np.testing.assert_allclose(fits.predict(n)[-1], wrong[:, -1] / 1000, rtol=0.1)


def test_thetas_without_errors_predict_zero() -> None:
    wrong, n_test = counts()
    wrong[:, :3] = 0.0
    fits = fit_curves(N, wrong, n_test, THETAS, n_classes=10)
    assert fits.status[:4].tolist() == [FitStatus.NO_ERRORS] * 3 + [FitStatus.CONVERGED]
    assert np.all(fits.predict([100.0, 1e5])[:3] == 0.0)


def test_a_theta_without_test_items_is_nan_and_harms_no_other() -> None:
    wrong, n_test = counts()
    want = fit_curves(N, wrong[:, 1:], n_test[:, 1:], THETAS[1:], n_classes=10)
    wrong[:, 0] = n_test[:, 0] = 0.0
    fits = fit_curves(N, wrong, n_test, THETAS, n_classes=10)
    assert fits.fitted.tolist() == [False] + [True] * 19
    assert np.isnan(fits.predict(N)[0]).all()
    np.testing.assert_array_equal(fits.predict(N)[1:], want.predict(N))


def test_isotonic_step_is_pool_adjacent_violators() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    values = np.random.default_rng(0).normal(size=(20, 37)) + 0.1 * np.arange(20)[:, None]
    values[:, 0] = np.arange(20)
    want = [optimize.isotonic_regression(column).x for column in values.T]
    np.testing.assert_allclose(_isotonise(values), np.transpose(want), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(_isotonise(values)[:, 0], values[:, 0])
    assert _isotonise(np.zeros((0, 3))).shape == (0, 3)


def test_json_gives_the_same_curves_back() -> None:
    for n_rounds in (1, 5):
        wrong, n_test = counts(n=N[:n_rounds])
        fits = fit_curves(N[:n_rounds], wrong, n_test, THETAS, n_classes=10)
        back = CurveFits.from_json(json.loads(json.dumps(fits.to_json(), allow_nan=False)))
        np.testing.assert_array_equal(back.status, fits.status)
        np.testing.assert_array_equal(back.predict([7.0, 1e6]), fits.predict([7.0, 1e6]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_train": N[:4]}, r"wrong: expected shape \(R, T\)"),
        ({"n_train": N[None]}, r"n_train: expected shape \(R,\)"),
        ({"n_train": N[:0]}, r"n_train: expected shape \(R,\)"),
        ({"n_test": np.ones((5, 19))}, r"n_test: expected shape \(R, T\)"),
        ({"wrong": np.full((5, 20), np.nan)}, "wrong: expected finite"),
        ({"wrong": np.full((5, 20), 1e6)}, "wrong: expected from 0 to n_test"),
        ({"thetas": THETAS[::-1]}, "thetas: expected increasing"),
        ({"thetas": THETAS + 0.5}, "thetas: expected increasing"),
        ({"thetas": THETAS[:0]}, r"thetas: expected shape \(T,\)"),
        ({"form": "mean"}, "form: expected one of average"),
        ({"n_classes": 0}, "n_classes: expected"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], words: str) -> None:
    wrong, n_test = counts()
    arguments: dict[str, Any] = {
        "n_train": N, "wrong": wrong, "n_test": n_test, "thetas": THETAS, "n_classes": 10,
    }  # fmt: skip
    with pytest.raises(ValueError, match=words):
        fit_curves(**(arguments | change))
