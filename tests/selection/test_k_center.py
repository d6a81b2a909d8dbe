import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from mcal.selection.k_center import k_center

Float32 = npt.NDArray[np.float32]


def plain_loop(
    x: npt.NDArray[np.float64], k: int, centers: list[int], vectors: npt.NDArray[np.float64]
) -> tuple[list[int], list[float]]:
    """Every distance to every center, by scipy, in float64."""
    value = np.full(len(x), np.inf)
    for center in (*vectors, *x[centers]):
        value = np.minimum(value, cdist(x, center[None], "sqeuclidean")[:, 0])
    value[centers] = -1.0
    positions, distances = [], []
    for _ in range(k):
        best = int(value.argmax())
        positions.append(best)
        distances.append(float(value[best]))
        value = np.minimum(value, cdist(x, x[best][None], "sqeuclidean")[:, 0])
        value[best] = -1.0
    return positions, distances


def whole_numbers(rng: np.random.Generator, n: int, d: int, largest: int) -> Float32:
    """Distances between these are exact in any order of summation."""
    return rng.integers(-largest, largest + 1, (n, d)).astype(np.float32)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_equals_the_plain_loop_pick_for_pick_with_many_ties(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 80))
    d = data.draw(st.integers(1, 20))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = whole_numbers(rng, n, d, data.draw(st.integers(0, 3)))
    centers = rng.permutation(n)[: data.draw(st.integers(0, n))]
    vectors = whole_numbers(rng, data.draw(st.integers(0, 4)), d, 3)
    k = data.draw(st.integers(0, n - len(centers)))
    found = k_center(x, k, centers=centers, center_vectors=vectors)
    positions, distances = plain_loop(
        x.astype(np.float64), k, centers.tolist(), vectors.astype(np.float64)
    )
    assert found.positions.tolist() == positions
    assert found.distances.tolist() == distances


@pytest.mark.parametrize(("n", "d", "k"), [(3001, 1, 200), (2003, 5, 300), (997, 130, 400)])
def test_equals_the_plain_loop_on_real_numbers(n: int, d: int, k: int) -> None:
    x = np.random.default_rng(n).standard_normal((n, d)).astype(np.float32)
    found = k_center(x, k, centers=np.array([n - 1]))
    positions, distances = plain_loop(x.astype(np.float64), k, [n - 1], np.empty((0, d)))
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)
    if d > 1:  # in one dimension midpoints tie below the rounding of float32
        assert found.positions.tolist() == positions


def test_one_tight_cluster_far_from_the_origin() -> None:
    rng = np.random.default_rng(3)
    x = (1e4 + whole_numbers(rng, 500, 3, 5) / 8).astype(np.float32)
    positions, distances = plain_loop(x.astype(np.float64), 100, [], np.empty((0, 3)))
    found = k_center(x, 100)
    assert found.positions.tolist() == positions
    assert found.distances.tolist() == distances


def test_cosine_looks_at_directions_only() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((800, 24)).astype(np.float32)
    lengths = np.exp2(rng.integers(-20, 20, (800, 1))).astype(np.float32)
    found = k_center(x, 200, centers=np.array([7]), metric="cosine")
    scaled = k_center(x * lengths, 200, centers=np.array([7]), metric="cosine")
    np.testing.assert_array_equal(found.positions, scaled.positions)
    np.testing.assert_array_equal(found.distances, scaled.distances)

    exact = x.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    positions, distances = plain_loop(exact, 200, [7], np.empty((0, 24)))
    assert found.positions.tolist() == positions
    np.testing.assert_allclose(found.distances, np.array(distances) / 2, rtol=1e-5)


def test_cosine_of_equal_directions_is_zero() -> None:
    x = np.tile(np.array([[3.0, -1.0, 0.1]], np.float32), (9, 1)) * np.array([[4.0]], np.float32)
    found = k_center(x, 9, metric="cosine")
    assert found.positions.tolist() == list(range(9))
    assert found.distances.tolist() == [np.inf] + [0.0] * 8


def test_distances_never_increase_and_no_row_is_picked_twice() -> None:
    x = np.random.default_rng(5).standard_normal((4000, 8)).astype(np.float32)
    found = k_center(x, 4000)
    assert sorted(found.positions.tolist()) == list(range(4000))
    assert (np.diff(found.distances[1:]) <= 0).all()


def test_other_layouts_and_dtypes_are_converted() -> None:
    x = whole_numbers(np.random.default_rng(6), 120, 6, 4)
    expected = k_center(x, 50).positions
    wide = np.concatenate([x, x + 1], axis=1)
    for same in (
        np.asfortranarray(x),
        x.astype(np.float64),
        x.astype(np.int16),
        np.repeat(x, 2, axis=0)[::2],
        x[::-1].copy()[::-1],
        wide[:, :6],
        wide[:, ::-1].copy()[:, ::-1][:, :6],
        x.tolist(),
    ):
        np.testing.assert_array_equal(k_center(same, 50).positions, expected)
    assert expected.dtype == np.int64


NAN = np.array([[1.0], [np.nan]], np.float32)
INFINITE = np.array([[np.inf], [1.0]], np.float32)
ZERO = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], np.float32)
GOOD = np.ones((5, 2), np.float32)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((GOOD, 6), {}, "k: expected 0 <= k <= 5"),
        ((GOOD, -1), {}, "k: expected 0 <= k <= 5"),
        ((GOOD, 4), {"centers": [0, 1]}, "k: expected 0 <= k <= 3"),
        ((GOOD, 1.0), {}, "k: expected an integer, found 1.0"),
        ((GOOD, None), {}, "k: expected an integer, found None"),
        ((GOOD, True), {}, "k: expected an integer, found True"),
        ((GOOD, "1"), {}, "k: expected an integer, found '1'"),
        (([[1.0], [1.0, 2.0]], 1), {}, r"x: expected float32 of shape \(N, D\), found .*list"),
        (("points", 1), {}, r"x: expected float32 of shape \(N, D\), found shape \(\)"),
        ((None, 1), {}, r"x: expected float32 of shape \(N, D\), found shape \(\)"),
        (
            (GOOD.astype(np.float64) * 1e300, 1),
            {},
            "x: expected finite values in float32, found NaN or infinity in",
        ),
        ((GOOD, 1), {"metric": 3}, "metric: expected .* or 'cosine', found 3"),
        ((GOOD, 1), {"centers": "a"}, "centers: expected int64 of shape"),
        ((GOOD[0], 1), {}, r"x: expected float32 of shape \(N, D\), found shape \(2,\)"),
        ((GOOD[:0], 0), {}, "x: expected at least one row and one column"),
        ((GOOD[:, :0], 1), {}, "x: expected at least one row and one column"),
        ((GOOD.astype(complex), 1), {}, "x: expected float32"),
        ((NAN, 1), {}, "x: expected finite values in float32, found NaN or infinity in row 1"),
        ((INFINITE, 0), {}, "x: expected finite values in float32, found NaN or infinity in row 0"),
        ((GOOD * np.float32(1e20), 1), {}, "x: expected squared lengths up to"),
        ((ZERO, 1), {"metric": "cosine"}, "x: expected no zero row .*, found one in row 1"),
        ((GOOD, 1), {"metric": "manhattan"}, "metric: expected .*, found 'manhattan'"),
        ((GOOD, 1), {"centers": [5]}, "centers: expected positions from 0 to 4, found 5"),
        ((GOOD, 1), {"centers": [-1]}, "centers: expected positions from 0 to 4, found -1"),
        ((GOOD, 1), {"centers": [2, 2]}, "centers: expected positions that differ"),
        ((GOOD, 1), {"centers": [0.5]}, "centers: expected int64"),
        ((GOOD, 1), {"center_vectors": GOOD[:, :1]}, "center_vectors: expected 2 columns"),
        ((GOOD, 1), {"center_vectors": GOOD[0]}, "center_vectors: expected float32 of shape"),
        (
            (GOOD, 1),
            {"center_vectors": np.array([[0.0, np.nan]], np.float32)},
            "center_vectors: expected finite values in float32, found NaN or infinity in row 0",
        ),
        (
            (GOOD, 1),
            {"center_vectors": ZERO, "metric": "cosine"},
            "center_vectors: expected no zero row .*, found one in row 1",
        ),
    ],
)
def test_a_mistake_is_named(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        k_center(*arguments, **options)


def test_no_centers_may_be_an_empty_list() -> None:
    empty = k_center(GOOD, 2, centers=[], center_vectors=np.empty((0, 2)))
    assert empty.positions.tolist() == k_center(GOOD, 2).positions.tolist()


def test_a_memory_map_larger_than_the_memory_allowed(tmp_path: Path) -> None:
    n, d = 40_000, 512  # 82 MB on disk
    path = tmp_path / "x.npy"
    x = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    rng = np.random.default_rng(8)
    for begin in range(0, n, 4000):
        x[begin : begin + 4000] = rng.integers(0, 100, (4000, d))
    x.flush()
    program = f"""
        import resource
        import numpy as np
        from mcal import set_thread_count
        from mcal.selection.k_center import k_center
        set_thread_count(1)
        k_center(np.ones((3, 2), np.float32), 2)  # everything is loaded by now
        x = np.load({str(path)!r}, mmap_mode="r")
        used = 1024 * int(next(
            line.split()[1] for line in open("/proc/self/status") if line.startswith("VmData")
        ))
        allowed = used + 32 * 2**20  # of anonymous memory; pages of the file do not count
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
        print(*k_center(x, 100).positions)
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 0, child.stderr
    found = [int(word) for word in child.stdout.split()]
    assert found == k_center(np.array(x), 100).positions.tolist()
