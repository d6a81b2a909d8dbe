import json
from typing import Any

import numpy as np
import pytest

import fit_oracle
import mcal
from mcal import _core
from mcal.fitting import FORMS, FitStatus, Form, Objective, PowerLawFits, fit_power_laws

N = np.array([100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0])
TESTED = np.full(6, 500.0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("objective", ["binomial", "log"])
def test_optimum_is_scipy_s(form: Form, objective: Objective) -> None:
    """1,000 random problems over all forms and objectives."""
    rng = np.random.default_rng(0)
    problems = [fit_oracle.random_problem(rng, form, objective) for _ in range(125)]
    gaps = np.array([fit_oracle.relative_gap(p, objective) for p in problems])
    at_our_parameters, reported = gaps.T
    assert np.max(at_our_parameters) <= 1e-6
    # What the core says of itself is what scipy's objective says of its parameters.
    np.testing.assert_allclose(reported, at_our_parameters, rtol=0.0, atol=1e-7)
    # A valley without priors can hold several minima; ours may be lower.
    if objective == "binomial":
        assert np.min(at_our_parameters) >= -1e-6


@pytest.mark.parametrize("objective", ["binomial", "log"])
def test_a_curve_that_leaves_chance_late_has_a_steep_floor_fit(objective: Objective) -> None:
    """The regression that fits start from sees no more than a slow fall there."""
    n = np.array([2212.0, 5601.0, 8889.0, 8959.0, 9863.0, 14794.0, 16685.0, 19870.0])
    wrong = np.array([706.0, 1432.0, 1302.0, 974.0, 780.0, 177.0, 504.0, 448.0])
    tested = np.array([1498.0, 2909.0, 2631.0, 1935.0, 1565.0, 341.0, 972.0, 926.0])
    p = fit_oracle.Problem("floor", 2, n, wrong, tested)
    gap, _ = fit_oracle.relative_gap(p, objective)
    assert gap <= 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_parameters_are_the_ones_counts_were_made_from(form: Form) -> None:
    third = {"truncated": 2000.0, "floor": 0.02}.get(form)
    exact = [2.0, 0.5] + ([] if third is None else [third])
    truth = PowerLawFits(
        form, 0.9, np.array([exact]), np.zeros(1, np.int32), np.zeros(1), np.zeros(1),
        np.zeros(1, np.int32),
    )  # fmt: skip
    wrong = 500.0 * truth.predict(N)
    fit = fit_power_laws(N, wrong, TESTED, form=form, objective="log", n_classes=10)
    assert fit.status[0] == FitStatus.CONVERGED
    np.testing.assert_allclose(fit.parameters[0], exact, rtol=1e-5)
    # With a million test items the priors are as nothing.
    many = fit_power_laws(N, wrong * 2000, TESTED * 2000, form=form, n_classes=10)
    np.testing.assert_allclose(many.parameters[0], exact, rtol=0.05)
    np.testing.assert_allclose(many.predict(N), wrong / 500.0, rtol=5e-3)


@pytest.mark.parametrize("form", FORMS)
def test_objective_is_that_of_the_prediction(form: Form) -> None:
    p = fit_oracle.random_problem(np.random.default_rng(5), form, "binomial")
    fit = fit_power_laws(p.n_train, p.wrong[None], p.n_test, form=form, n_classes=p.n_classes)
    e = fit.predict(p.n_train)[0]
    right = p.n_test - p.wrong
    share = p.wrong / p.n_test
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p.wrong > 0, p.wrong * np.log(share / e), 0.0)
        terms += np.where(right > 0, right * np.log((1 - share) / (1 - e)), 0.0)
    assert fit.deviance[0] == pytest.approx(2 * terms.sum(), rel=1e-6)


def test_no_fit_rises_with_the_training_size() -> None:
    """An increasing fit may not win: paper's released code, algorithm.md section 7."""
    for form in FORMS:
        fit = fit_power_laws(N, [[20.0, 40.0, 60.0, 80.0, 100.0, 120.0]], TESTED, form=form)
        assert fit.status[0] == FitStatus.CONVERGED
        assert np.all(np.diff(fit.predict(np.geomspace(10, 1e6, 50))[0]) <= 0.0)


def test_truncation_is_switched_on() -> None:
    """The released code fits Eq. 3 with the cut-off left out."""
    wrong = 5000 * np.exp(np.log(0.3) - 0.3 * np.log(N / 100) - N / 1000)
    fit = fit_power_laws(N, wrong[None], TESTED * 10, n_classes=10)
    assert fit.form == "truncated"
    assert fit.names == ("alpha", "gamma", "k")
    assert 500.0 < fit.parameters[0, 2] < 2000.0
    plain = fit_power_laws(N, wrong[None], TESTED * 10, form="power", n_classes=10)
    assert fit.objective[0] < 0.5 * plain.objective[0]


def test_a_row_that_cannot_be_fitted_is_nan_with_a_status_and_harms_no_other() -> None:
    """The released code gives (0, 0) for it."""
    good = [200.0, 150.0, 110.0, 80.0, 60.0, 45.0]
    tested = np.tile(TESTED, (3, 1))
    tested[1, 1:] = 0.0
    wrong = np.array([good, good, [200.0, 150.0, 110.0, 80.0, 60.0, 0.0]])
    wrong[1, 1:] = 0.0
    fit = fit_power_laws(N, wrong, tested, form="power", objective="log")
    want = [FitStatus.CONVERGED, FitStatus.TOO_FEW_POINTS, FitStatus.ZERO_COUNT]
    assert fit.status.tolist() == want
    assert fit.fitted.tolist() == [True, False, False]
    assert np.isnan(fit.parameters[1:]).all()
    assert np.isnan(fit.objective[1:]).all()
    assert np.isnan(fit.predict([50.0])[1:]).all()
    alone = fit_power_laws(N, [good], TESTED, form="power", objective="log")
    assert fit.parameters[0].tolist() == alone.parameters[0].tolist()


def test_zero_counts_are_data() -> None:
    some = np.array([[50.0, 20.0, 5.0, 1.0, 0.0, 0.0]])
    fit = fit_power_laws(N, some, TESTED, form="power")
    without = fit_power_laws(N, some, TESTED, form="power", weights=[1, 1, 1, 1, 0, 0])
    assert fit.predict([3200.0]) < without.predict([3200.0])
    assert fit_power_laws(N[:4], some[:, :4], TESTED[:4], form="power").parameters[0] == (
        pytest.approx(without.parameters[0])
    )


@pytest.mark.parametrize("form", FORMS)
def test_nothing_wrong_at_all_is_an_error_of_zero(form: Form) -> None:
    fit = fit_power_laws(N, np.zeros((1, 6)), TESTED, form=form)
    assert fit.status[0] == FitStatus.NO_ERRORS
    assert fit.fitted.all()
    assert fit.parameters[0, 0] == 0.0
    assert fit.predict([10.0, 1e6]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("form", FORMS)
def test_all_wrong_stays_at_chance(form: Form) -> None:
    for n_classes in (None, 2, 1000):
        fit = fit_power_laws(N, TESTED[None], TESTED, form=form, n_classes=n_classes)
        assert fit.status[0] == FitStatus.CONVERGED
        assert fit.predict(N)[0] == pytest.approx(fit.chance_error, rel=0.02)


def test_priors_decide_where_two_points_cannot() -> None:
    for form in FORMS:
        fit = fit_power_laws([100, 200], [[30, 20]], [100, 100], form=form, n_classes=10)
        assert fit.status[0] == FitStatus.CONVERGED
        one = fit_power_laws([100], [[30]], [100], form=form, n_classes=10)
        same = fit_power_laws([100, 100], [[30, 20]], [100, 100], form=form, n_classes=10)
        assert one.status[0] == same.status[0] == FitStatus.TOO_FEW_POINTS


def test_weights_multiply_the_counts() -> None:
    wrong = np.array([[200.0, 150.0, 110.0, 80.0, 60.0, 45.0]])
    weight = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
    a = fit_power_laws(N, wrong, TESTED, weights=weight, n_classes=10)
    b = fit_power_laws(N, wrong * weight, TESTED * weight, n_classes=10)
    np.testing.assert_allclose(a.parameters, b.parameters, rtol=1e-9)


def test_order_of_points_does_not_matter() -> None:
    wrong = np.array([[200.0, 150.0, 110.0, 80.0, 60.0, 45.0]])
    a = fit_power_laws(N, wrong, TESTED, n_classes=10)
    b = fit_power_laws(N[::-1], wrong[:, ::-1], TESTED, n_classes=10)
    np.testing.assert_allclose(a.parameters, b.parameters, rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("objective", ["binomial", "log"])
def test_threads_and_simd_levels_give_the_same_bits(form: Form, objective: Objective) -> None:
    rng = np.random.default_rng(1)
    n = np.geomspace(100, 5000, 7)
    wrong = 1.0 + rng.binomial(400, 0.5 * (n / 100) ** -0.4, size=(101, 7))

    def bits() -> bytes:
        fit = fit_power_laws(
            n, wrong, np.full(7, 500.0), form=form, objective=objective, n_classes=10
        )
        return fit.parameters.tobytes() + fit.objective.tobytes()

    want = bits()
    try:
        for threads in (1, 3):
            mcal.set_thread_count(threads)
            for level in ("baseline", "auto"):
                _core.set_simd_level(level)
                assert bits() == want
    finally:
        mcal.set_thread_count(0)
        _core.set_simd_level("auto")


def test_rows_may_have_sizes_of_their_own() -> None:
    rng = np.random.default_rng(2)
    n = rng.uniform(100, 5000, size=(5, 9))
    tested = rng.uniform(100, 500, size=(5, 9))
    wrong = tested * (n / 50) ** -0.5
    together = fit_power_laws(n, wrong, tested, n_classes=10)
    for i in range(5):
        alone = fit_power_laws(n[i], wrong[i : i + 1], tested[i], n_classes=10)
        assert together.parameters[i].tolist() == alone.parameters[0].tolist()


def test_iterations_are_limited() -> None:
    wrong = np.array([[200.0, 150.0, 110.0, 80.0, 60.0, 45.0]])
    fit = fit_power_laws(N, wrong, TESTED, max_iterations=1, tolerance=1e-15)
    assert fit.status[0] == FitStatus.MAX_ITERATIONS
    assert fit.n_iterations[0] == 1
    assert fit.fitted.all()
    assert not np.isnan(fit.parameters).any()


def test_json_gives_the_same_fits_back() -> None:
    wrong = np.array([[200.0, 150.0, 110.0, 80.0, 60.0, 45.0], np.zeros(6)])
    fit = fit_power_laws(N, wrong, TESTED)
    text = json.dumps(fit.to_json(), allow_nan=False)
    back = PowerLawFits.from_json(json.loads(text))
    for name in ("parameters", "status", "objective", "deviance", "n_iterations"):
        np.testing.assert_array_equal(getattr(back, name), getattr(fit, name))
    assert (back.form, back.chance_error) == (fit.form, fit.chance_error)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_train": N[:5]}, "n_train: expected shape"),
        ({"n_train": -N}, "n_train: expected > 0, found -100.0"),
        ({"n_train": N * np.nan}, "n_train: expected finite"),
        ({"n_train": ["a"] * 6}, "n_train: expected real"),
        ({"wrong": TESTED}, "wrong: expected shape"),
        ({"wrong": np.zeros((0, 6))}, "wrong: expected shape"),
        ({"wrong": np.zeros((2, 0))}, "wrong: expected shape"),
        ({"wrong": -np.ones((1, 6))}, "wrong: expected from 0 to n_test, found -1.0"),
        ({"wrong": np.full((1, 6), 501.0)}, "wrong: expected from 0 to n_test, found 501.0"),
        ({"wrong": np.full((1, 6), np.inf)}, "wrong: expected finite"),
        ({"wrong": np.ones((1, 6), complex)}, "wrong: expected real numbers"),
        ({"wrong": np.ones((1, 6), bool)}, "wrong: expected real numbers"),
        ({"wrong": [[1.0], [1.0, 2.0]]}, "wrong: expected real numbers"),
        ({"n_test": -TESTED}, "n_test: expected >= 0"),
        ({"n_test": np.ones((2, 6))}, "n_test: expected shape"),
        ({"weights": -TESTED}, "weights: expected >= 0"),
        ({"form": "linear"}, "form: expected one of power"),
        ({"objective": "huber"}, "objective: expected one of binomial"),
        ({"n_classes": 1}, "n_classes: expected an integer >= 2"),
        ({"n_classes": 2.5}, "n_classes: expected an integer >= 2"),
        ({"n_classes": True}, "n_classes: expected an integer >= 2, found True"),
        ({"max_iterations": 0}, "max_iterations: expected an integer >= 1"),
        ({"max_iterations": 1.5}, "max_iterations: expected an integer >= 1 .*, found 1.5"),
        ({"max_iterations": 2**40}, "max_iterations: expected .* <= 2147483647, found 10995"),
        ({"max_iterations": "a"}, "max_iterations: expected an integer >= 1 .*, found 'a'"),
        ({"tolerance": 0.0}, "tolerance: expected a finite number > 0 and < 1, found 0.0"),
        ({"tolerance": "a"}, "tolerance: expected a finite number > 0 and < 1, found 'a'"),
        ({"form": 3}, "form: expected one of power, .*, found 3"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {"n_train": N, "wrong": np.ones((1, 6)), "n_test": TESTED}
    arguments |= change
    with pytest.raises(ValueError, match=words):
        fit_power_laws(**arguments)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"form": 9}, "form: expected an integer >= 0 and <= 3, found 9"),
        ({"objective": 7}, "objective: expected an integer >= 0 and <= 1, found 7"),
        ({"chance": -1.0}, "chance: expected a finite number >= 0 and <= 1, found -1.0"),
        ({"chance": 1.1}, "chance: expected a finite number >= 0 and <= 1, found 1.1"),
        ({"chance": np.nan}, "chance: expected a finite number .* found nan"),
        ({"max_iterations": 0}, "max_iterations: expected an integer >= 1"),
        ({"tolerance": 1.0}, "tolerance: expected a finite number > 0 and < 1, found 1.0"),
    ],
)
def test_the_core_itself_names_mistakes(change: dict[str, Any], words: str) -> None:
    options: dict[str, Any] = {"form": 1, "objective": 0, "chance": 0.9}
    options |= {"max_iterations": 9, "tolerance": 1e-9} | change
    ones = np.ones((1, 6))
    with pytest.raises(ValueError, match=words):
        _core.fit_batch(N[None], ones, TESTED[None], ones, **options)


def test_predict_names_mistakes() -> None:
    fit = fit_power_laws(N, np.ones((1, 6)), TESTED)
    with pytest.raises(ValueError, match="n_train: expected > 0"):
        fit.predict([0.0])
    with pytest.raises(ValueError, match=r"n_train: expected shape \(K,\)"):
        fit.predict(5.0)
    assert fit.predict(np.zeros(0)).shape == (1, 0)
