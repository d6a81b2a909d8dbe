"""The synthetic worlds are what they claim, and perfect knowledge of them decides as the paper."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcal.planning import Plan, TrainingCost, curve_knots, search_plan, worth_going_on
from mcal.types import Annotator, Batch, FloatArray, IndexArray, Pool, Purpose
from worlds import EASY, HOPELESS, MEDIUM, WORLDS, World, WorldModel

THETAS = np.arange(1, 21) / 20
each_world = pytest.mark.parametrize("world", WORLDS, ids=lambda w: w.name)


def train(world: World, n_train: int) -> WorldModel:
    indices = np.arange(n_train)
    return world.classifier.train(world.pool, indices, world.truth[indices], seed=0)


def ranked_errors(model: WorldModel, indices: IndexArray) -> tuple[FloatArray, IndexArray]:
    """Wrong (1.0) or right (0.0) from the most confident item on, and the items in that order."""
    logits = model.score(model.world.pool, indices).logits
    top = np.partition(logits, -2, axis=1)
    order = np.argsort(top[:, -2] - top[:, -1], kind="stable")
    wrong = logits.argmax(axis=1) != model.world.truth[indices]
    return wrong[order].astype(np.float64), indices[order]


@each_world
def test_learning_curves_are_what_they_claim(world: World) -> None:
    for share in (0.005, 0.01, 0.06, 0.25, 0.6):
        n_train = int(share * world.n_pool)
        wrong, _ = ranked_errors(train(world, n_train), np.arange(world.n_pool))
        error = world.error(n_train)
        assert abs(wrong.mean() - error) < 4.0 * (error * (1 - error) / world.n_pool) ** 0.5


def test_the_worlds_are_like_their_data_sets() -> None:
    assert 0.15 < EASY.error(0.01 * EASY.n_pool) < 0.20
    assert EASY.error(0.06 * EASY.n_pool) == pytest.approx(0.10, abs=0.01)
    assert MEDIUM.error(0.01 * MEDIUM.n_pool) == pytest.approx(0.60, abs=0.01)
    assert 0.10 < MEDIUM.error(0.25 * MEDIUM.n_pool) < 0.12
    assert HOPELESS.error(0.25 * HOPELESS.n_pool) > 0.8


@each_world
def test_the_confident_are_right_more_often(world: World) -> None:
    wrong, order = ranked_errors(train(world, world.n_pool // 20), np.arange(world.n_pool))
    fifth = world.n_pool // 5
    assert wrong[:fifth].mean() < wrong[-fifth:].mean() - 0.03
    hardest_bought = world.difficulty[order[-fifth:]].mean()
    assert hardest_bought > world.ranking * 1.2  # 1.4 standard deviations when seen perfectly


@each_world
def test_a_model_says_the_same_in_every_process(world: World, tmp_path: Path) -> None:
    model = train(world, 300)
    some = np.array([5, 3, world.n_pool - 1])
    again = train(replace(world), 300)
    model.save(tmp_path / "model")
    loaded = world.classifier.load(tmp_path / "model", world.pool)
    whole = model.score(world.pool, np.arange(world.n_pool)).logits
    for other in (again, loaded):
        np.testing.assert_array_equal(other.score(world.pool, some).logits, whole[some])
    assert not np.array_equal(train(world, 301).score(world.pool, some).logits, whole[some])
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert np.isfinite(whole).all()


@each_world
def test_the_protocols_are_kept(world: World) -> None:
    assert isinstance(world.pool, Pool)
    assert isinstance(world.annotator, Annotator)
    assert len(world.pool.classes) == world.n_classes
    assert world.pool.read(np.array([1, 2])).shape == (2, 2)
    scores = train(world, 300).score(world.pool, np.array([1, 2]), embeddings=True)
    assert scores.logits.shape == (2, world.n_classes)
    assert scores.logits.dtype == np.float32
    np.testing.assert_array_equal(scores.embeddings, world.pool.read(np.array([1, 2])))
    batch = Batch("b", Purpose.TRAIN, 0, np.array([7, 8]), ("7", "8"), world.pool.classes)
    answers = world.annotator.collect(batch, world.annotator.submit(batch))
    assert answers.complete
    np.testing.assert_array_equal(answers.labels, world.truth[[7, 8]])


def test_margin_buying_reaches_the_paper_s_shares() -> None:
    # Table 1: Fashion-MNIST labels 85 % by machine at |B| = 6 %, CIFAR-10 65 % at 22 %
    for world, shares, want in (
        (EASY, (0.01, 0.02, 0.04, 0.06), 0.85),
        (MEDIUM, (0.01, 0.02, 0.04, 0.08, 0.15, 0.22), 0.65),
        (HOPELESS, (0.01, 0.02, 0.04, 0.08, 0.16), 0.06),
    ):
        free = np.random.default_rng(0).permutation(world.n_pool)
        n_train = 0
        for share in shares:
            bought = int(share * world.n_pool) - n_train
            n_train, free = n_train + bought, free[: len(free) - bought]
            wrong, free = ranked_errors(train(world, n_train), free)
        n_machine = np.searchsorted(wrong.cumsum(), 0.05 * world.n_pool, side="right")
        assert n_machine / world.n_pool == pytest.approx(want, abs=0.03), world.name


def informed_plan(world: World) -> Plan:
    """The plan of one who knows every error curve, on random items."""
    n_test = world.n_pool // 60
    n_train = world.n_pool // 100
    knots = curve_knots(n_train, world.n_pool - n_test, ratio=1.3)
    error = np.empty((THETAS.size, knots.size))
    for k, n in enumerate(knots):
        wrong, _ = ranked_errors(train(world, int(n)), np.arange(world.n_pool))
        tops = (THETAS * world.n_pool).astype(int)
        error[:, k] = wrong.cumsum()[tops - 1] / tops
    return search_plan(
        knots,
        error,
        THETAS,
        n_pool=world.n_pool,
        n_test=n_test,
        n_train=n_train,
        target_error=0.05,
        price_per_label=0.04,
        training=TrainingCost(world.fixed_cost_per_training, 0.0),
        batch_min=n_train,
    )


def test_knowing_everything_decides_as_the_paper_did() -> None:
    easy, medium, hopeless = (informed_plan(world) for world in WORLDS)
    assert easy.n_machine > 0.75 * EASY.n_pool
    assert easy.n_train < 0.15 * EASY.n_pool
    assert 0.4 * MEDIUM.n_pool < medium.n_machine < 0.7 * MEDIUM.n_pool
    assert 0.15 * MEDIUM.n_pool < medium.n_train < 0.4 * MEDIUM.n_pool
    assert not worth_going_on(hopeless, hopeless.human_only_cost_usd, 0.002)
    assert hopeless.stop_n_machine < 0.06 * HOPELESS.n_pool
    for plan in (easy, medium):
        assert worth_going_on(plan, plan.human_only_cost_usd, 0.002)
