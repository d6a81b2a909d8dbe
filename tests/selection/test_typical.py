"""Typical examples, against a slow reading of the paper."""

import sys

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.distance import cdist

from mcal import typical
from mcal.selection.typical import clusters_of

Float64 = npt.NDArray[np.float64]


def plain(x: Float64, cluster: npt.NDArray[np.int64], k: int) -> list[int]:
    """One item at a time, every distance by scipy."""
    rows = {int(c): np.flatnonzero(cluster == c).tolist() for c in set(cluster.tolist())}
    largest_first = sorted(rows, key=lambda c: (-len(rows[c]), c))

    def mean(c: int, i: int) -> float:
        others = [j for j in rows[c] if j != i]
        near = sorted(cdist(x[[i]], x[others])[0])[:20] if others else [0.0]
        return float(np.mean(near))

    queues = {c: sorted(rows[c], key=lambda i: (mean(c, i), i)) for c in rows}
    picked: list[int] = []
    while len(picked) < k:
        for c in largest_first:
            if queues[c] and len(picked) < k:
                picked.append(queues[c].pop(0))
    return picked


def blobs(n: int, d: int, n_blobs: int, seed: int) -> Float64:
    rng = np.random.default_rng(seed)
    return 8.0 * rng.normal(size=(n_blobs, d))[rng.integers(n_blobs, size=n)] + rng.normal(
        size=(n, d)
    )


@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (7, 2, 3), (60, 5, 8), (150, 3, 4)])
def test_it_is_that_of_the_paper(n: int, d: int, k: int) -> None:
    x = blobs(n, d, 4, n).astype(np.float32)
    cluster = clusters_of(x, k, seed=3)
    assert typical(x, k, seed=3).tolist() == plain(x.astype(np.float64), cluster, k)


def test_more_than_clusters_come_round_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[clusters_of.__module__], "_MOST_CLUSTERS", 3)
    x = np.round(blobs(40, 2, 3, 0)).astype(np.float32)  # distances are exact, and often equal
    cluster = clusters_of(x, 3, seed=0)
    found = typical(x, 40, seed=0)
    assert found.tolist() == plain(x.astype(np.float64), cluster, 40)
    assert sorted(found) == list(range(40))


def test_blobs_are_found_and_their_middles_taken() -> None:
    rng = np.random.default_rng(0)
    middles = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    x = np.concatenate([m + rng.normal(size=(50, 2)) for m in middles]).astype(np.float32)
    found = typical(x, 3, seed=0)
    assert sorted(found // 50) == [0, 1, 2]
    assert np.linalg.norm(x[found] - middles[found // 50], axis=1).max() < 1.0


def test_k_means_ends_where_no_row_is_nearer_to_another_mean() -> None:
    x = blobs(200, 3, 4, 2).astype(np.float32)
    cluster = clusters_of(x, 4, seed=1)
    means = np.array([x[cluster == c].mean(axis=0) for c in range(4)])
    assert (cdist(x, means).argmin(axis=1) == cluster).all()


def test_seeds_decide_and_ties_go_to_the_lowest() -> None:
    x = blobs(80, 2, 5, 1).astype(np.float32)
    assert typical(x, 9, seed=5).tolist() == typical(x.astype(np.float64), 9, seed=5).tolist()
    assert typical(x, 9, seed=5).tolist() != typical(x, 9, seed=6).tolist()
    assert typical(np.ones((6, 2)), 6, seed=0).tolist() == [0, 1, 2, 3, 4, 5]
    assert typical(x, 0, seed=0).tolist() == []


@pytest.mark.parametrize(
    ("x", "k", "message"),
    [
        (np.ones(3), 1, r"x: expected shape \(N, D\)"),
        (np.ones((0, 2)), 0, r"x: expected shape \(N, D\)"),
        (np.array([[1.0], [np.nan]]), 1, "x: expected finite"),
        (np.ones((3, 1)), 4, "k: expected 0 to 3, found 4"),
        (np.ones((3, 1)), -1, "k: expected 0 to 3, found -1"),
    ],
)
def test_mistakes_are_told(x: Float64, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typical(x, k, seed=0)


def test_progress_never_falls_and_may_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[clusters_of.__module__], "_VALUES_AT_ONCE", 100)
    x = np.random.default_rng(0).normal(size=(300, 4))
    said: list[tuple[float, str]] = []
    found = typical(x, 30, seed=0, progress=lambda share, words: said.append((share, words)))
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < 0.1
    assert shares[-1] == pytest.approx(1.0)
    for what in ("begun", "clusters of", "neighbours"):
        assert any(what in words for _, words in said)

    class Stopped(Exception):
        pass

    def stop(share: float, words: str) -> None:
        if len(said) > 5:
            raise Stopped
        said.append((share, words))

    said.clear()
    with pytest.raises(Stopped):
        typical(x, 30, seed=0, progress=stop)
    assert len(said) == 6
    monkeypatch.undo()
    assert typical(x, 30, seed=0).tolist() == found.tolist()
