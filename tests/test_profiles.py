import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from mcal.profiles import DEFAULT_THETAS, Profile, estimate_profile, largest_cut, upper_error


def world(n: int, seed: int, worst: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Deficits up to `worst`, and errors that are more likely where the deficit is large."""
    rng = np.random.default_rng(seed)
    deficit = rng.random(n) * worst
    return deficit, rng.random(n) < 0.6 * deficit


def test_without_shift_the_profile_is_the_error_along_the_ranking() -> None:
    deficit, wrong = world(200_000, 0)
    profile = estimate_profile(deficit, wrong, deficit)
    by_rank = np.cumsum(wrong[np.argsort(deficit, kind="stable")])
    for theta, error in zip(profile.thetas, profile.error, strict=True):
        rank = round(theta * deficit.size)
        assert error == pytest.approx(by_rank[rank - 1] / rank, abs=2e-3)
    assert profile.n_effective[-1] == pytest.approx(deficit.size, rel=1e-3)
    np.testing.assert_allclose(profile.wrong, profile.error * profile.n_effective)


def test_matching_removes_the_bias_of_margin_driven_buying() -> None:
    test_deficit, test_wrong = world(40_000, 1)
    pool_deficit, pool_wrong = world(200_000, 2)
    kept = pool_deficit < 0.7  # the least sure have been bought
    truth = pool_wrong[kept].mean()
    easy = pool_deficit[kept]
    matched = estimate_profile(test_deficit, test_wrong, easy)
    unmatched = estimate_profile(test_deficit, test_wrong, easy, matched=False)
    assert matched.error[-1] == pytest.approx(truth, rel=0.03)
    assert unmatched.error[-1] > 1.3 * truth


def test_bins_are_smoothed_as_isotonic_regression_does() -> None:
    rng = np.random.default_rng(3)
    deficit, wrong = rng.random(400), rng.random(400) < 0.3
    pool = rng.random(1000)
    profile = estimate_profile(deficit, wrong, pool, n_bins=10)
    last = np.sort(pool)[profile.bin_edges[1:] - 1]
    bins = np.searchsorted(last, deficit)
    known = bins < 10
    n = np.bincount(bins[known], minlength=10)
    rate = np.bincount(bins[known], weights=wrong[known], minlength=10) / n
    np.testing.assert_allclose(profile.bin_error, isotonic_regression(rate, weights=n).x)


def test_errors_above_a_rank_are_those_of_the_bins() -> None:
    deficit, wrong = world(2000, 5)
    profile = estimate_profile(deficit, wrong, np.linspace(0, 1, 103), n_bins=7)
    each = np.repeat(profile.bin_error, np.diff(profile.bin_edges))
    for rank in (0, 1, 14, 15, 50, 103):
        assert profile.errors_above(rank) == pytest.approx(each[:rank].sum())


def test_an_empty_bin_takes_the_rate_of_the_next_less_confident_one() -> None:
    pool = np.linspace(0, 1, 100)
    deficit = np.array([0.01] * 10 + [0.6] * 10)
    wrong = np.array([False] * 10 + [True] * 5 + [False] * 5)
    profile = estimate_profile(deficit, wrong, pool, n_bins=5)
    np.testing.assert_allclose(profile.bin_error, [0, 0.5, 0.5, 0.5, 0.5])


def test_the_cut_agrees_with_a_slow_walk_down_the_ranks() -> None:
    deficit, wrong = world(600, 4)
    pool, _ = world(1777, 5, worst=0.8)
    profile = estimate_profile(deficit, wrong, pool)
    for target, safety in [("set", 0.0), ("set", 1.645), ("machine", 0.0), ("machine", 1.0)]:
        count, error = largest_cut(
            profile, n_pool=4000, target_error=0.05, target=target, safety=safety
        )
        walked, expected = 0, 0
        errors = 0.0
        for rank in range(1, pool.size + 1):
            bin_ = np.searchsorted(profile.bin_edges, rank - 1, side="right") - 1
            errors += profile.bin_error[bin_]
            theta = rank / pool.size
            share = np.clip(rank - profile.bin_edges[:-1], 0, np.diff(profile.bin_edges))
            n = rank**2 / np.sum(share**2 / np.maximum(profile.bin_n_test, 0.5))
            bound = float(upper_error(errors / rank, n, safety))
            allowed = 0.05 * 4000 / rank if target == "set" else 0.05
            assert 0 < theta <= 1
            if bound <= allowed:
                walked, expected = rank, errors
        assert count == walked
        assert error == pytest.approx(expected / 4000)


def test_a_pool_surer_than_every_test_item_takes_their_error() -> None:
    profile = estimate_profile([0.5, 0.6], np.array([True, False]), [0.1, 0.2, 0.3])
    np.testing.assert_allclose(profile.error, 0.5)


def test_few_test_items_in_the_first_bins_do_not_forbid_a_cut() -> None:
    deficit = np.linspace(0, 1, 200)
    profile = estimate_profile(deficit, np.zeros(200, bool), deficit)
    count, _ = largest_cut(profile, n_pool=200, target_error=0.05, target="machine", safety=1.645)
    assert count == 200, "10 right items bound the first bin above 5 %, 200 bound the whole below"


def test_nothing_may_be_labelled_when_the_model_is_hopeless_and_all_when_it_is_right() -> None:
    pool = np.linspace(0, 1, 50)
    hopeless = estimate_profile(pool, np.ones(50, bool), pool)
    assert largest_cut(hopeless, n_pool=60, target_error=0.001) == (0, 0.0)
    right = estimate_profile(pool, np.zeros(50, bool), pool)
    assert largest_cut(right, n_pool=60, target_error=0.001) == (50, 0.0)
    assert largest_cut(right, n_pool=60, target_error=0.02, safety=1.645)[0] < 50


def test_the_upper_error_is_wilson_s_bound() -> None:
    # Wilson 1927 for 5 of 50 at z = 1.96: 0.2136 (statsmodels proportion_confint agrees).
    assert upper_error(0.1, 50, 1.959964) == pytest.approx(0.213602, abs=1e-5)
    assert upper_error(0.1, 50, 0.0) == pytest.approx(0.1)
    assert upper_error(0.0, 50, 1.0) > 0
    assert np.isnan(upper_error(np.nan, 50, 1.0))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.integers(1, 25),
    st.booleans(),
)
def test_a_profile_rises_and_counts_stay_in_range(
    n_test: int, n_left: int, seed: int, n_bins: int, matched: bool
) -> None:
    rng = np.random.default_rng(seed)
    deficit = np.round(rng.random(n_test), 1)  # ties
    pool = np.append(np.round(rng.random(n_left), 1), 1.0)
    wrong = rng.random(n_test) < deficit
    profile = estimate_profile(deficit, wrong, pool, n_bins=n_bins, matched=matched)
    assert np.all(np.diff(profile.bin_error) >= 0)
    assert np.all(np.diff(profile.error) >= -1e-12)
    assert np.all((profile.error >= 0) & (profile.error <= 1))
    assert np.all(profile.n_effective <= n_test + 1 + n_bins / 2)
    again = Profile.from_json(profile.to_json())
    np.testing.assert_array_equal(again.bin_error, profile.bin_error)
    assert again.bin_edges.dtype == np.int64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_deficit": []}, "test_deficit: expected shape"),
        ({"pool_deficit": [0.1, np.nan]}, "pool_deficit: expected values in"),
        ({"test_deficit": [0.1, 1.5]}, "test_deficit: expected values in"),
        ({"test_wrong": [1, 0]}, "test_wrong: expected bool"),
        ({"test_wrong": [True]}, "test_wrong: expected bool of shape"),
        ({"thetas": [0.5, 0.2]}, "thetas: expected rising"),
        ({"thetas": [0.0, 0.2]}, "thetas: expected shares"),
        ({"n_bins": 0}, "n_bins: expected at least 1"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {
        "test_deficit": [0.1, 0.2],
        "test_wrong": np.array([True, False]),
        "pool_deficit": [0.1, 0.3, 0.2],
        "thetas": DEFAULT_THETAS,
    }
    values = good | change
    if isinstance(values["test_wrong"], list):
        values["test_wrong"] = np.array(values["test_wrong"])
    names = ("test_deficit", "test_wrong", "pool_deficit")
    with pytest.raises(ValueError, match=message):
        estimate_profile(
            *(values[n] for n in names),
            **{k: v for k, v in values.items() if k not in names},
        )


def test_the_default_thetas_are_the_paper_s() -> None:
    np.testing.assert_allclose(DEFAULT_THETAS, np.linspace(0.05, 1.0, 20))
