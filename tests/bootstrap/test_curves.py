from typing import Any

import numpy as np
import pytest

import bootstrap_oracle
import bootstrap_world
import mcal
from mcal import _core
from mcal.bootstrap import CurveReplicas, MeasuredRound, bootstrap_curves
from mcal.fitting import FORMS, Form
from mcal.types import FloatArray

THETAS = np.arange(1, 21) / 20
SIZES = (250, 500, 1000, 2000, 4000)


def rounds(seed: int = 0, n_test: int = 600, n_rounds: int = 5) -> list[MeasuredRound]:
    rng = np.random.default_rng(seed)
    curve = bootstrap_world.random_curve("power", rng, SIZES[0], SIZES[-1])
    return bootstrap_world.measured_rounds(curve, SIZES[:n_rounds], n_test, rng)


def replicas(**changes: Any) -> CurveReplicas:
    options: dict[str, Any] = {"n_classes": 10, "seed": 1, "n_replicas": 50}
    given = changes.pop("rounds", None) or rounds()
    return bootstrap_curves(given, changes.pop("n_knots", [4000, 8000]), **(options | changes))


def core_curves(
    given: list[MeasuredRound],
    draws: list[bootstrap_oracle.Draw],
    thetas: FloatArray,
    n_at: FloatArray,
    forms: tuple[Form, ...] = FORMS,
) -> tuple[FloatArray, Any]:
    wrong, n_test = _core.replica_profiles(
        np.stack([d.counts for d in draws]).astype(np.int32),
        np.stack([r.cells for r in given]),
        np.stack([np.diff(r.bin_edges) for r in given]).astype(float),
        thetas,
    )
    error, drawn = _core.replica_curves(
        np.array([float(r.n_train) for r in given]),
        wrong,
        n_test,
        thetas,
        n_at,
        forms=[FORMS.index(f) for f in forms],
        chance=0.9,
        gamma_centre=np.array([d.gamma_centre for d in draws]),
        ratio_centre=np.array([[d.ratio_centre for d in draws]] * len(forms)),
        form_draw=np.array([d.form_draw for d in draws]),
    )
    return error.reshape(len(draws), thetas.size, n_at.size), drawn


def random_draws(
    rng: np.random.Generator, n_items: int, n_draws: int
) -> list[bootstrap_oracle.Draw]:
    return [
        bootstrap_oracle.Draw(
            np.bincount(rng.integers(0, n_items, n_items), minlength=n_items),
            float(rng.uniform(0.1, 1.0)),
            float(rng.exponential(0.15)),
            float(rng.random()),
        )
        for _ in range(n_draws)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_profiles_agree_with_estimate_profile(seed: int) -> None:
    """Odd bin sizes, items that do not count, bins that no item falls into, few items."""
    rng = np.random.default_rng(seed)
    n_items, n_bins = int(rng.integers(1, 60)), int(rng.integers(1, 12))
    given = []
    for n in (100, 200):
        n_pool = int(rng.integers(n_bins, 90))
        edges = np.unique(np.arange(n_bins + 1) * n_pool // n_bins)
        cells = rng.integers(-1, 2 * (edges.size - 1), n_items).astype(np.int32)
        given.append(MeasuredRound(n, edges, cells))
    draws = random_draws(rng, n_items, 8)
    wrong, n_test = _core.replica_profiles(
        np.stack([d.counts for d in draws]).astype(np.int32),
        np.stack([r.cells for r in given]),
        np.stack([np.diff(r.bin_edges) for r in given]).astype(float),
        THETAS,
    )
    for b, draw in enumerate(draws):
        for r, round_ in enumerate(given):
            want_wrong, want_n = bootstrap_oracle.profile(round_, draw.counts, THETAS)
            rows = slice(b * 20, (b + 1) * 20)
            np.testing.assert_allclose(n_test[rows, r], want_n, rtol=1e-12)
            np.testing.assert_allclose(wrong[rows, r], want_wrong, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_agrees_with_the_oracle(form: Form) -> None:
    rng = np.random.default_rng(3)
    thetas, n_at = np.array([0.4, 0.7, 1.0]), np.array([4000.0, 9000.0, 16000.0])
    draws = random_draws(rng, 600, 2)
    got, drawn = core_curves(rounds(), draws, thetas, n_at, (form,))
    assert drawn.tolist() == [0, 0]
    for b, draw in enumerate(draws):
        want, _ = bootstrap_oracle.curves(rounds(), draw, thetas, n_at, 10, (form,))
        np.testing.assert_allclose(got[b], want, rtol=2e-3)


def test_the_form_drawn_agrees_with_the_oracle() -> None:
    rng = np.random.default_rng(4)
    thetas, n_at = np.array([0.5, 1.0]), np.array([8000.0])
    (one,) = random_draws(rng, 600, 1)
    draws = [
        bootstrap_oracle.Draw(one.counts, one.gamma_centre, one.ratio_centre, u)
        for u in np.arange(40) / 40
    ]
    _, drawn = core_curves(rounds(), draws, thetas, n_at)
    _, mean = bootstrap_oracle.curves(rounds(), one, thetas, n_at, 10, FORMS)
    weight = np.exp(-0.5 * (mean - mean.min()))
    shares = np.bincount(drawn, minlength=4) / 40
    np.testing.assert_allclose(shares, weight / weight.sum(), atol=0.03)
    assert (np.diff(drawn) >= 0).all()
    assert np.unique(drawn).size > 1


def test_wrong_items_never_fall_with_theta_nor_rise_with_n() -> None:
    curves = replicas(n_knots=np.geomspace(4000, 60_000, 20).astype(int))
    wrong = THETAS[:, None] * curves.error
    assert np.all(np.diff(wrong, axis=1) >= -1e-12)
    assert np.all(np.diff(curves.error, axis=2) <= 1e-12)
    assert np.all((curves.error >= 0) & (curves.error <= 0.9))
    assert sum(curves.form_shares.values()) == pytest.approx(1.0)


def test_the_same_at_any_number_of_threads_and_another_with_another_seed() -> None:
    found = []
    for n_threads in (1, 2, 5):
        mcal.set_thread_count(n_threads)
        found.append(replicas().error)
    mcal.set_thread_count(0)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], replicas(seed=2).error)


def test_the_same_at_every_simd_level() -> None:
    level = mcal.simd_level()
    found = []
    try:
        for one in mcal.supported_simd_levels():
            mcal.set_simd_level(one)
            found.append(replicas().error)
    finally:
        mcal.set_simd_level(level)
    for error in found[1:]:
        np.testing.assert_array_equal(found[0], error)


def test_the_bias_of_pooling_is_taken_out() -> None:
    """The truth is flat along the ranking, where pooling noisy bins does most harm."""
    rng = np.random.default_rng(6)
    edges = np.arange(21) * 100
    middle = []
    for seed in range(30):
        cells = (2 * rng.integers(0, 20, 400) + (rng.random((2, 400)) < 0.3)).astype(np.int32)
        flat = [MeasuredRound(n, edges, row) for n, row in zip((100, 101), cells, strict=True)]
        found = bootstrap_curves(flat, [101], n_classes=10, seed=seed, n_replicas=50)
        middle.append(np.median(found.error_at(101, 0.5)))
    assert 0.283 < np.mean(middle) < 0.31


def test_more_test_items_narrow_the_interval() -> None:
    few = replicas(rounds=rounds(n_test=200), n_replicas=200).error_interval(4000, 1.0)
    many = replicas(rounds=rounds(n_test=5000), n_replicas=200).error_interval(4000, 1.0)
    assert 2.0 < (few[1] - few[0]) / (many[1] - many[0]) < 12.0


def test_one_round_is_too_few() -> None:
    curves = replicas(rounds=rounds(n_rounds=1))
    assert np.isnan(curves.error).all()
    assert (curves.form == -1).all()
    assert np.isnan(curves.error_interval(4000, 0.5)).all()
    assert sum(curves.form_shares.values()) == 0.0


def test_nothing_wrong_is_error_zero() -> None:
    right = [MeasuredRound(r.n_train, r.bin_edges, r.cells // 2 * 2) for r in rounds()]
    np.testing.assert_array_equal(replicas(rounds=right).error, 0.0)


def test_error_between_knots_and_thetas() -> None:
    curves = CurveReplicas(
        np.array([0.5, 1.0]),
        np.array([100, 200]),
        np.array([[[0.2, 0.1], [0.4, 0.3]]]),
        np.zeros(1, np.int32),
        FORMS,
    )
    assert curves.error_at(100, 0.5).tolist() == [0.2]
    assert curves.error_at(150, 1.0) == pytest.approx([0.35])
    assert curves.error_at(100, 0.75) == pytest.approx([(0.1 + 0.4) / 2 / 0.75])
    assert curves.error_at(200, 0.25) == pytest.approx([0.1])  # errors spread evenly below
    assert curves.error_interval(150, 1.0) == pytest.approx((0.35, 0.35))
    for n, theta, name in ((99, 0.5, "n_train"), (201, 0.5, "n_train"), (150, 0.0, "theta")):
        with pytest.raises(ValueError, match=name):
            curves.error_at(n, theta)
    with pytest.raises(ValueError, match="confidence"):
        curves.error_interval(150, 0.5, 1.0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"n_replicas": 0}, "n_replicas"),
        ({"seed": -1}, "seed"),
        ({"n_classes": 1}, "n_classes"),
        ({"form": "linear"}, "form"),
        ({"n_knots": [200, 100]}, "n_knots"),
        ({"n_knots": [0, 100]}, "n_knots"),
        ({"n_knots": [1.5]}, "n_knots"),
        ({"n_knots": np.empty(0, int)}, "n_knots"),
        ({"thetas": []}, "thetas"),
        ({"thetas": [0.5, 0.4]}, "thetas"),
        ({"thetas": [np.nan]}, "thetas"),
        ({"rounds": [*rounds(), *rounds(n_test=5)]}, "rounds"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}"):
        replicas(**changes)


def test_no_rounds_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^rounds"):
        bootstrap_curves([], [100], n_classes=2, seed=0)


def test_the_core_refuses_cells_that_no_bin_holds() -> None:
    counts, size = np.ones((1, 3), np.int32), np.ones((1, 2))
    for bad in (4, -2):
        with pytest.raises(ValueError, match="cells"):
            _core.replica_profiles(counts, np.array([[0, 1, bad]], np.int32), size, [1.0])
    with pytest.raises(ValueError, match="bin_size"):
        _core.replica_profiles(counts, np.zeros((1, 3), np.int32), -size, [1.0])
    with pytest.raises(ValueError, match="counts"):
        _core.replica_profiles(-counts, np.zeros((1, 3), np.int32), size, [1.0])


@pytest.mark.parametrize("family", bootstrap_world.FAMILIES)
def test_the_interval_contains_the_truth(family: str) -> None:
    """Of 40 campaigns, without being vague; benchmarks/bench_bootstrap.py takes more."""
    rng = np.random.default_rng(5)
    hits, widths = [], []
    for seed in range(40):
        curve = bootstrap_world.random_curve(family, rng, SIZES[0], SIZES[-1])
        given = bootstrap_world.measured_rounds(curve, SIZES, 900, rng)
        found = bootstrap_curves(
            given, [8000, 16_000], n_classes=10, seed=seed, n_replicas=100, thetas=[0.5, 0.75, 1.0]
        )
        for n in (8000, 16_000):
            low, high = found.error_interval(n, 1.0)
            hits.append(low <= float(curve(np.array(float(n)))) <= high)
            widths.append(high / low)
    assert np.mean(hits) > 0.85
    assert np.median(widths[::2]) < 2.5
    assert np.median(widths[1::2]) < 7.0
