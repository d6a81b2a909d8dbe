import json
from typing import Any

import numpy as np
import pytest

from mcal import _core
from mcal.bootstrap import MeasuredRound, bootstrap_curves, measure_round
from mcal.profiles import estimate_profile


def scores(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deficits and mistakes of T, and deficits of an easier U; with ties."""
    rng = np.random.default_rng(seed)
    deficit = rng.integers(0, 50, 300) / 50
    return deficit, rng.random(300) < 0.6 * deficit, rng.integers(0, 40, 4000) / 50


@pytest.mark.parametrize("matched", [True, False])
def test_drawing_every_item_once_gives_the_profile_itself(matched: bool) -> None:
    deficit, wrong, pool = scores(0)
    counted = np.arange(300) % 3 > 0
    thetas = np.arange(1, 21) / 20
    found = measure_round(deficit, wrong, pool, n_train=7, counted=counted, matched=matched)
    want = estimate_profile(deficit[counted], wrong[counted], pool, matched=matched)
    got_wrong, got_n = _core.replica_profiles(
        np.ones((1, 300), np.int32), found.cells[None], np.diff(found.bin_edges)[None], thetas
    )
    np.testing.assert_allclose(got_wrong[:, 0], want.wrong, rtol=1e-12)
    np.testing.assert_allclose(got_n[:, 0], want.n_effective, rtol=1e-12)
    assert (found.cells[~counted] == -1).all()


def test_all_of_the_pool_surer_than_any_test_item() -> None:
    found = measure_round([0.9, 0.8], [True, False], [0.1, 0.2], n_train=1)
    assert found.cells.tolist() == [3, 2]


def test_json_and_back() -> None:
    found = measure_round(*scores(1), n_train=5)
    again = MeasuredRound.from_json(json.loads(json.dumps(found.to_json())))
    assert again.n_train == 5
    np.testing.assert_array_equal(again.cells, found.cells)
    np.testing.assert_array_equal(again.bin_edges, found.bin_edges)
    bootstrap_curves([again, again], [10], n_classes=2, seed=0, n_replicas=2)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"test_deficit": [0.5, np.nan]}, "test_deficit"),
        ({"test_wrong": [1, 0]}, "test_wrong"),
        ({"test_wrong": [True]}, "test_wrong"),
        ({"pool_deficit": []}, "pool_deficit"),
        ({"counted": [True]}, "counted"),
        ({"counted": [False, False]}, "test_deficit"),
        ({"n_train": 0}, "n_train"),
        ({"n_bins": 0}, "n_bins"),
    ],
)
def test_mistakes_in_scores_are_named(changes: dict[str, Any], name: str) -> None:
    options: dict[str, Any] = {
        "test_deficit": [0.5, 0.6],
        "test_wrong": [True, False],
        "pool_deficit": [0.4, 0.5],
        "n_train": 10,
    }
    with pytest.raises(ValueError, match=rf"^{name}"):
        measure_round(**(options | changes))


@pytest.mark.parametrize(
    ("edges", "cells", "name"),
    [
        ([0], [0], "bin_edges"),
        ([1, 2], [0], "bin_edges"),
        ([0, 2, 2], [0], "bin_edges"),
        ([0, 2], [2], "cells"),
        ([0, 2], [-2], "cells"),
        ([0, 2], [0.5], "cells"),
        ([0, 2], [[0]], "cells"),
    ],
)
def test_mistakes_in_rounds_are_named(edges: Any, cells: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}"):
        MeasuredRound(1, np.array(edges), np.array(cells))
