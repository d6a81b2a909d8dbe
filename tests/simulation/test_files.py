"""Worlds from files, and replays: what was recorded is what is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal import uncertainty
from mcal.errors import PoolError
from mcal.simulation import Replay, World, open_world, simulate

TOML = """
n_pool = 3000
n_classes = 10
family = "floor"
points = [[60, 0.45], [600, 0.20]]
floor = 0.05
ranking = 0.6
"""


def recorded(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    deficit = rng.random((3, 400))
    return {
        "n_train": np.array([20, 40, 80]),
        "deficit": deficit,
        "wrong": rng.random((3, 400)) < deficit * np.array([[0.6], [0.3], [0.1]]),
        "train_s": np.array([10.0, 20.0, 40.0]),
        "n_classes": np.int64(4),
    } | changes


def test_a_described_world(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    world = open_world(str(path))
    assert isinstance(world, World)
    assert (world.name, world.n_pool, world.ranking, world.curve.floor) == ("mine", 3000, 0.6, 0.05)
    assert world.error(600) == pytest.approx(0.2, rel=1e-4)
    assert open_world("easy").name == "easy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TOML + "colour = 1", r"mine\.toml: colour: unknown key; known are curve_noise, family"),
        (TOML.replace("n_pool = 3000", ""), r"mine\.toml: n_pool: needed, found none"),
        (TOML.replace("0.6", "6"), r"mine\.toml: ranking: expected"),
        (TOML.replace('"floor"', '"flat"'), r"mine\.toml: family: expected power, truncated"),
        (TOML.replace("[60, 0.45]", '"x"'), r"mine\.toml: points: expected"),
        (TOML.replace("0.45", "45"), r"mine\.toml: points: expected errors as shares in \(0, 1\)"),
        (TOML.replace("floor = 0.05", ""), r"mine\.toml: floor: needed for family 'floor'"),
        (TOML.replace('"floor"', '"truncated"'), r"mine\.toml: k: needed for family 'truncated'"),
        (TOML.replace("3000", '"3000"'), r"mine\.toml: n_pool: expected an integer"),
        ("n_pool = ", r"mine\.toml: "),
    ],
)
def test_a_description_that_makes_no_sense(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        open_world(path)


def test_what_is_no_world(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"world: expected one of easy, .* or a \.toml or \.npz"):
        open_world("nonsense")
    with pytest.raises(PoolError, match="no such file"):
        open_world(tmp_path / "absent.npz")
    with pytest.raises(PoolError, match=r"broken\.npz: not an \.npz archive, .* writes it$"):
        open_world(tmp_path / "broken.npz")
    np.savez(tmp_path / "objects.npz", **recorded(n_train=np.array([1, "x", None], dtype=object)))
    with pytest.raises(ValueError, match=r"objects\.npz: n_train: expected an array of numbers"):
        open_world(tmp_path / "objects.npz")


def test_a_replay_reads_what_was_recorded(tmp_path: Path) -> None:
    arrays = recorded()
    np.savez(tmp_path / "run.npz", **arrays)
    pool = open_world(tmp_path / "run.npz").draw(5)
    assert (pool.n_pool, pool.n_classes) == (400, 4)
    # nearest in log n: 28 lies below sqrt(20 x 40) = 28.3
    for n, at in ((1, 0), (20, 0), (28, 0), (29, 1), (56, 1), (57, 2), (400, 2)):
        model = pool.model(n)
        assert model.n_train == n
        np.testing.assert_array_equal(model.deficit, arrays["deficit"][at])
        np.testing.assert_array_equal(model.wrong, arrays["wrong"][at])
    assert [pool.model(n).train_s for n in (20, 30, 80, 100)] == [10.0, 15.0, 40.0, 40.0]


def test_scores_are_reduced_as_a_campaign_reduces_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 300, 5)).astype(np.float32)
    truth = rng.integers(0, 5, 300)
    np.savez(tmp_path / "run.npz", n_train=[10, 30], scores=scores, truth=truth, train_s=[0, 0])
    pool = open_world(tmp_path / "run.npz").draw(0)
    said = uncertainty(scores[1])
    np.testing.assert_array_equal(pool.model(30).deficit, said.deficit)
    np.testing.assert_array_equal(pool.model(30).wrong, said.label != truth)
    assert pool.n_classes == 5
    assert pool.model(30).train_s == 0.0


def test_a_replay_runs_a_campaign(tmp_path: Path) -> None:
    np.savez(tmp_path / "run.npz", **recorded())
    found = simulate([tmp_path / "run.npz"], ["mcal", "people"], n_campaigns=3)
    outcomes = found.outcomes["run", "mcal"]
    assert all(o.n_pool == 400 for o in outcomes)
    assert len({repr(o) for o in outcomes}) > 1  # the draws differ


def test_a_smaller_replay_keeps_the_first_items() -> None:
    replay = Replay("run", **recorded(n_classes=4))
    np.testing.assert_array_equal(
        replay.resized(100).draw(0).model(40).deficit, replay.deficit[1, :100]
    )
    with pytest.raises(ValueError, match="n_pool: expected at most the 400 items"):
        replay.resized(401)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_train": np.array([40, 20, 80])}, "n_train: expected rising"),
        ({"n_train": np.array([0.5, 1.0, 2.0])}, "n_train: expected integers"),
        ({"deficit": np.full((3, 400), 1.5)}, "deficit: expected values"),
        ({"deficit": np.zeros((2, 400))}, r"deficit: expected shape \(3, N\)"),
        ({"wrong": np.zeros((3, 400))}, "wrong: expected bool"),
        ({"wrong": np.zeros((3, 9), bool)}, "wrong: expected bool"),
        ({"train_s": np.array([1.0, -2.0, 3.0])}, "train_s: expected"),
        ({"n_classes": 1}, "n_classes: expected"),
    ],
)
def test_a_record_that_makes_no_sense(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "run.npz", **recorded(**changes))
    with pytest.raises(ValueError, match=rf"run\.npz: {message}"):
        open_world(tmp_path / "run.npz")


def test_a_record_that_lacks_something(tmp_path: Path) -> None:
    arrays = recorded()
    del arrays["wrong"]
    np.savez(tmp_path / "run.npz", **arrays)
    with pytest.raises(ValueError, match=r"wrong: needed, found deficit, n_classes, n_train"):
        open_world(tmp_path / "run.npz")
    for name in ("train_s", "n_train"):
        rest = {key: array for key, array in recorded().items() if key != name}
        np.savez(tmp_path / "run.npz", **rest)
        with pytest.raises(ValueError, match=f"{name}: needed, found deficit"):
            open_world(tmp_path / "run.npz")
    for arrays in (recorded(truth=np.zeros(400)), recorded(train_seconds=np.zeros(3))):
        np.savez(tmp_path / "run.npz", **arrays)
        with pytest.raises(ValueError, match=r"(truth|train_seconds): unknown array; known are"):
            open_world(tmp_path / "run.npz")
    scored = {"n_train": [1], "scores": np.zeros((1, 3, 2)), "truth": np.zeros(4)}
    np.savez(tmp_path / "run.npz", train_s=[0.0], **scored)
    with pytest.raises(ValueError, match=r"scores: expected shape \(R, 4, C\)"):
        open_world(tmp_path / "run.npz")
