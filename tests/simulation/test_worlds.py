"""Simulated pools are what they claim, so that a policy's outcome says something."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcal.simulation import FAMILIES, WORLDS, Curve, RandomWorld, World
from mcal.simulation.worlds import Model

PLAIN = World("plain", 40_000, 10, Curve("power", ((400, 0.4), (4_000, 0.1))), curve_noise=0.0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.6])
@pytest.mark.parametrize("name", ["easy", "medium", "hard", "hopeless"])
def test_a_random_item_errs_as_the_curve_says(name: str, share: float) -> None:
    world = WORLDS[name]
    assert isinstance(world, World)
    n = int(share * world.n_pool)
    wrong = replace(world, curve_noise=0.0).draw(1).model(n).wrong
    error = world.error(n)
    assert wrong.mean() == pytest.approx(error, abs=4 * (error * (1 - error) / wrong.size) ** 0.5)


def test_known_figures_are_hit() -> None:
    easy, medium, hard = (WORLDS[name] for name in ("easy", "medium", "hard"))
    assert isinstance(easy, World)
    assert isinstance(medium, World)
    assert isinstance(hard, World)
    assert easy.error(0.02 * 70_000) == pytest.approx(0.10, abs=1e-4)
    assert easy.error(0.11 * 70_000) == pytest.approx(0.065, abs=1e-4)
    assert medium.error(600) == pytest.approx(0.60, abs=0.01)
    assert medium.error(15_000) == pytest.approx(0.12, abs=1e-4)
    assert hard.error(48_000) == pytest.approx(0.26, abs=1e-4)


def test_margin_buying_leaves_the_easier_items() -> None:
    """Fashion-MNIST once 6 % has been bought: 7.6 % on random items, some 5.5 % on the rest."""
    world = WORLDS["easy"]
    assert isinstance(world, World)
    pool = replace(world, curve_noise=0.0).draw(0)
    free = np.random.default_rng(0).permutation(world.n_pool)[700:]
    for n in (700, 1_400, 2_800):
        deficit = pool.model(n).deficit[free]
        free = free[np.argsort(deficit)[: 70_000 - min(2 * n, 4_200)]]
    model = pool.model(4_200)
    assert model.wrong.mean() == pytest.approx(0.0757, abs=0.003)
    assert model.wrong[free].mean() == pytest.approx(0.055, abs=0.004)


def test_errors_of_successive_models_go_together() -> None:
    pool = PLAIN.draw(0)
    a, b = pool.model(4_000).wrong, pool.model(4_001).wrong
    assert np.mean(b[a]) > 2.5 * np.mean(b)  # the same items
    assert np.mean(a != b) > 0.05  # and not all of them
    loose = replace(PLAIN, persistence=0.0).draw(0)
    c, d = loose.model(4_000).wrong, loose.model(4_001).wrong
    assert np.mean(d[c]) < np.mean(b[a])


def test_confidence_orders_well_but_not_perfectly() -> None:
    def top_half(model: Model) -> float:
        return float(model.wrong[np.argsort(model.deficit)[: PLAIN.n_pool // 2]].mean())

    perfect, usual, none = (
        top_half(replace(PLAIN, ranking=r).draw(0).model(4_000)) for r in (1.0, 0.6, 0.0)
    )
    assert perfect < 0.2 * usual < 0.2 * 0.6 * none
    assert none == pytest.approx(0.1, abs=0.01)


def test_a_model_is_the_same_whoever_asks() -> None:
    pool = PLAIN.draw(3)
    first = pool.model(500)
    pool.model(700)
    for again in (pool.model(500), PLAIN.draw(3).model(500)):
        np.testing.assert_array_equal(again.deficit, first.deficit)
        np.testing.assert_array_equal(again.wrong, first.wrong)
    assert not np.array_equal(PLAIN.draw(4).model(500).wrong, first.wrong)
    assert ((first.deficit >= 0.0) & (first.deficit <= 1.0)).all()


def test_trainings_scatter_about_the_curve() -> None:
    pool = replace(PLAIN, curve_noise=0.1).draw(0)
    errors = [pool.model(n).wrong.mean() for n in range(4_000, 4_040)]
    assert np.std(np.log(errors)) == pytest.approx(0.1, rel=0.4)


@pytest.mark.parametrize("family", FAMILIES)
def test_random_worlds_differ_and_learn(family: Any) -> None:
    world = RandomWorld("any", family, n_pool=5_000)
    errors = []
    for seed in range(20):
        pool = world.draw(seed)
        early, late = pool.model(50), pool.model(2_500)
        assert late.wrong.mean() < early.wrong.mean()
        errors.append(early.wrong.mean())
    assert np.ptp(errors) > 0.2
    assert world.resized(70).draw(0).n_pool == 70


def test_a_training_takes_what_is_said() -> None:
    world = replace(PLAIN, train_fixed_s=7.0, train_s_per_item=0.5)
    assert world.draw(0).model(100).train_s == 57.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_pool": 0}, "n_pool"),
        ({"n_classes": 1}, "n_classes"),
        ({"ranking": 1.5}, "ranking"),
        ({"persistence": -0.1}, "persistence"),
        ({"curve_noise": float("nan")}, "curve_noise"),
        ({"train_fixed_s": -1.0}, "train_fixed_s"),
        ({"train_s_per_item": float("inf")}, "train_s_per_item"),
        ({"curve": Curve("plateau", ((10, 0.95), (20, 0.1)))}, "points"),
    ],
)
def test_a_world_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}: expected"):
        replace(PLAIN, **changes)
