"""k-center's kernels and their orchestration on the emulated device.

The CPU engine is the oracle, to the last bit; it is tested against a slow loop of its own.
"""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from emulated_device import EmulatedDevice, emulated_device
from hypothesis import given, settings
from hypothesis import strategies as st

from mcal import _core
from mcal.errors import DeviceError
from mcal.selection._cuda import k_center_kernels as kernels
from mcal.selection._cuda.k_center import Sizes, k_center
from mcal.selection._cuda.k_center_kernels import Centers, Copies, Frame, Matrix

Float32 = npt.NDArray[np.float32]

# Many rounds, tiles and passes from little data.
SMALL = Sizes(candidates=24, tile_rows=48, tile_centers=16, given_bytes=2000, sample=10)
ALWAYS_LAZY = replace(SMALL, few_picks=0)


def as_bfloat16(x: Float32) -> npt.NDArray[np.uint16]:
    return (np.ascontiguousarray(x).view(np.uint32) >> 16).astype(np.uint16)


def as_stored(x: Float32, dtype: str) -> tuple[npt.NDArray[Any], Float32]:
    """An array of ``dtype``, and what it holds in float32."""
    if dtype == "bfloat16":
        bits = as_bfloat16(x)
        return bits, (bits.astype(np.uint32) << 16).view(np.float32)
    stored = x.astype(dtype)
    return stored, stored.astype(np.float32)


def check(
    x: Float32,
    k: int,
    *,
    centers: Any = (),
    vectors: Float32 | None = None,
    metric: Any = "squared_euclidean",
    dtype: str = "float32",
    sizes: Sizes = SMALL,
    device: EmulatedDevice | None = None,
    on_device: bool = True,
) -> int:
    """Holds the picks and distances against the CPU's; the number of full passes."""
    stored, values = as_stored(x, dtype)
    stored_vectors = None if vectors is None else as_stored(vectors, dtype)[0]
    given_positions = np.array(centers, np.int64)
    expected = _core.k_center(
        values,
        k,
        centers=given_positions,
        center_vectors=None if vectors is None else as_stored(vectors, dtype)[1],
        metric=metric,
    )
    positions, distances, n_full_passes = k_center(
        device or emulated_device(),
        stored,
        dtype,
        k,
        centers=given_positions,
        center_vectors=stored_vectors,
        metric=metric,
        on_device=on_device,
        sizes=sizes,
    )
    np.testing.assert_array_equal(positions, expected[0])
    np.testing.assert_array_equal(distances.view(np.uint32), expected[1].view(np.uint32))
    assert positions.dtype == np.int64
    assert distances.dtype == np.float32
    return n_full_passes


def normal(seed: int, n: int, d: int) -> Float32:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def whole_numbers(seed: int, n: int, d: int, largest: int) -> Float32:
    rng = np.random.default_rng(seed)
    return rng.integers(-largest, largest + 1, (n, d)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_equals_the_cpu_with_many_ties(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 90))
    d = data.draw(st.integers(1, 20))
    seed = data.draw(st.integers(0, 2**32 - 1))
    x = whole_numbers(seed, n, d, data.draw(st.integers(0, 2)))
    centers = np.random.default_rng(seed).permutation(n)[: data.draw(st.integers(0, n))]
    vectors = whole_numbers(seed + 1, data.draw(st.integers(0, 4)), d, 2)
    k = data.draw(st.integers(0, n - len(centers)))
    sizes = data.draw(st.sampled_from([SMALL, ALWAYS_LAZY, replace(SMALL, candidates=1)]))
    check(x, k, centers=centers, vectors=vectors, sizes=sizes)


@pytest.mark.parametrize(
    ("n", "d", "k"),
    [(701, 1, 90), (333, 5, 60), (257, 12, 256), (150, 33, 60), (61, 130, 60), (37, 4096, 20)],
)
@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
def test_equals_the_cpu_on_real_numbers(n: int, d: int, k: int, metric: str) -> None:
    check(normal(n, n, d) + np.float32(0.5), k, centers=[n - 1], metric=metric)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
@pytest.mark.parametrize("d", [7, 16])
def test_equals_the_cpu_in_half_precision(dtype: str, metric: str, d: int) -> None:
    x = normal(d, 200, d)
    check(x, 60, centers=[3], vectors=normal(1, 9, d), metric=metric, dtype=dtype)


def test_all_in_one_round_with_the_sizes_of_the_product() -> None:
    assert check(normal(2, 300, 10), 299, centers=[8], sizes=Sizes()) == 1


def test_no_center_at_all() -> None:
    check(normal(3, 100, 6), 100)
    check(normal(3, 1, 6), 1)
    check(normal(3, 100, 6), 0)


def test_given_centers_take_several_passes() -> None:
    x = normal(4, 200, 11)
    centers = np.arange(0, 200, 2)
    assert check(x, 1, centers=centers) == -(-100 // 32)  # centers of 64 bytes
    check(x, 9, centers=centers, vectors=normal(5, 77, 11))
    check(x, 9, vectors=normal(5, 77, 11), sizes=Sizes())


def test_all_points_equal() -> None:
    check(np.full((130, 5), 3.25, np.float32), 130)
    check(np.zeros((130, 5), np.float32), 40)
    check(np.full((130, 5), 0.1, np.float32), 130, metric="cosine")


def test_duplicates() -> None:
    check(np.repeat(normal(6, 40, 9), 5, axis=0), 200)


def test_one_tight_cluster_far_from_the_origin() -> None:
    x = (1e4 + whole_numbers(7, 300, 3, 5) / 8).astype(np.float32)
    check(x, 100)


def test_lengths_from_the_smallest_to_the_largest() -> None:
    rng = np.random.default_rng(8)
    x = normal(9, 200, 6) * np.exp2(rng.integers(-140, 60, (200, 1))).astype(np.float32)
    check(x, 100, centers=[0])
    check(x[np.abs(x).max(axis=1) > 1e-30], 50, metric="cosine")
    check(normal(9, 200, 6) * np.float32(1e-42), 60)


def test_one_pick_a_round() -> None:
    """Each pick leaves a row of the outside the farthest: one candidate never lasts."""
    n = 40
    x = np.eye(n, dtype=np.float32) * np.arange(1, n + 1, dtype=np.float32)[:, None]
    lazy = check(x, n, sizes=replace(ALWAYS_LAZY, candidates=1))
    assert lazy == n - 1
    # Else passes of one center take over, and rounds are few.
    device = EmulatedDevice()
    check(x, n, sizes=replace(SMALL, candidates=1), device=device)
    assert device.launches.count("k_center_pick") == 2  # 1 + 16, then 1 + 21, after the first
    assert device.launches.count("k_center_fold") == n - 1


@pytest.mark.parametrize("d", [1, 4, 31, 32, 33, 64, 65, 96, 97, 257])
def test_rows_of_any_number_of_vectors(d: int) -> None:
    """Chains in shared memory are vectors of 4, and an odd number of them apart."""
    check(normal(d, 45, d), 30, centers=[7], sizes=Sizes())
    check(whole_numbers(d, 45, d, 1), 44, centers=[44], sizes=Sizes())


def test_a_block_visits_its_rows_in_several_turns() -> None:
    device = EmulatedDevice(n_multiprocessors=1)
    check(normal(21, 150, 40), 60, centers=[0, 149], device=device, sizes=Sizes())
    assert device.launches.count("k_center_pick") == 1


def test_no_more_candidates_than_shared_memory_holds() -> None:
    device = EmulatedDevice(n_multiprocessors=2)
    device.max_shared_bytes = 4096
    assert kernels.picking_rows(device, 20) == 22
    sizes = Sizes(candidates=80, few_picks=0)
    check(normal(10, 150, 20), 70, centers=[1], device=device, sizes=sizes)
    assert device.launches.count("k_center_pick") >= 3  # of at most 44 picks each
    device.max_shared_bytes = 1024 + 4 * 132  # a block has fewer than it would like
    assert kernels.picking_rows(device, 20) == 3
    check(normal(10, 150, 20), 70, centers=[1], device=device, sizes=sizes)


@pytest.mark.parametrize("on_device", [True, False])
def test_rows_too_long_for_two_in_shared_memory(on_device: bool) -> None:
    device = _LateCopies(free_bytes=120_000)
    device.max_shared_bytes = 1024 + 128 + 131  # a center, and a byte less than a row
    assert kernels.picking_rows(device, 20) == 0
    passes = check(
        normal(22, 1101, 20), 40, centers=[3], device=device, on_device=on_device, sizes=SMALL
    )
    assert passes == 40  # one a pick, as in the plain loop
    assert device.launches.count("k_center_fold") >= 40


def test_the_longest_rows_of_a_hopper_gpu() -> None:
    device = EmulatedDevice(n_multiprocessors=132)
    assert kernels.picking_rows(device, 1280) == 43
    assert kernels.picking_rows(device, 28_896) == 1
    assert kernels.picking_rows(device, 28_897) == 0
    assert kernels.fold_bytes(57_856) == device.max_shared_bytes


def test_layouts() -> None:
    x = normal(11, 90, 8)
    expected, _, _ = _core.k_center(x, 30, centers=np.array([2]), center_vectors=None,
                                    metric="squared_euclidean")  # fmt: skip
    wide = np.concatenate([x, x + 1, x[:, :1]], axis=1)  # rows that start at any address
    reversed_rows = x[::-1].copy()[::-1]
    for same in (wide[:, :8], np.asfortranarray(x), reversed_rows, np.repeat(x, 2, axis=0)[::2]):
        found = k_center(emulated_device(), same, "float32", 30, centers=np.array([2]),
                         center_vectors=None, metric="squared_euclidean", on_device=True,
                         sizes=SMALL)  # fmt: skip
        np.testing.assert_array_equal(found[0], expected)


# Streamed


class _LateCopies(EmulatedDevice):
    """Copies on the other stream take place when they are waited for, and not before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._waiting: list[Any] = []
        self._is_copying = False

    @contextmanager
    def copy_stream(self) -> Any:
        self._is_copying = True
        yield
        self._is_copying = False

    def upload(self, host: Any, out: Any) -> None:
        if self._is_copying:
            out.view(np.uint8)[...] = 0xFF  # NaN until it is there
            self._waiting.append((host, out))
        else:
            super().upload(host, out)

    def record(self) -> Any:
        return len(self._waiting) if self._is_copying else 0

    def wait(self, mark: Any) -> None:
        while mark > 0 and self._waiting:
            super().upload(*self._waiting.pop(0))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
def test_rows_on_the_host_are_streamed(dtype: str, metric: str) -> None:
    device = _LateCopies(free_bytes=140_000 if dtype == "float32" else 100_000)
    x = normal(12, 1101, 24)
    passes = check(
        x,
        50,
        centers=[5, 1100],
        metric=metric,
        dtype=dtype,
        device=device,
        on_device=False,
        sizes=replace(SMALL, chunk_bytes=1),
    )
    assert device.launches.count("k_center_check") >= 5  # chunks of 256 rows
    assert passes == device.launches.count("k_center_pick")  # one a round


def test_rows_on_the_host_that_fit_are_copied_once(tmp_path: Path) -> None:
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (301, 9))
    x[:] = normal(13, 301, 9)
    device = EmulatedDevice()
    check(x, 60, device=device, on_device=False)
    assert device.launches.count("k_center_check") == 1


def test_too_little_memory_is_told_with_bytes() -> None:
    x = normal(14, 1101, 24)
    for on_device in (True, False):
        with pytest.raises(DeviceError, match=r"x: [\d,]{6,} bytes needed on the device, 9,999 by"):
            check(x, 5, device=EmulatedDevice(free_bytes=9999), on_device=on_device)


# The bound


class _WrongProducts(EmulatedDevice):
    """Products as wrong as tensor cores are allowed to be, at random to either side."""

    def multiply(self, a: Any, b: Any, out: Any) -> None:
        exact = a.astype(np.float64) @ b.astype(np.float64).T
        lengths = [np.linalg.norm(m.astype(np.float64), axis=1) for m in (a, b)]
        worst = (a.shape[1] + 16) * 2.0**-22 * np.outer(*lengths)
        signs = np.random.default_rng(len(self.launches)).choice([-1.0, 1.0], exact.shape)
        out[...] = exact + 0.999 * signs * worst


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_the_largest_error_of_products_changes_nothing(offset: float) -> None:
    x = np.round(normal(15, 200, 40), 1) + np.float32(offset)
    check(x, 80, centers=[0, 1], device=_WrongProducts(), sizes=ALWAYS_LAZY)
    check(x, 80, centers=[0, 1], device=_WrongProducts(), sizes=ALWAYS_LAZY, metric="cosine")


def prepared(rows: Float32, frame: Frame, device: EmulatedDevice) -> Copies:
    half_stride = kernels.round_up(rows.shape[1], 8)
    copies = Copies(
        np.zeros((len(rows), half_stride), np.float16),
        np.zeros((len(rows), 2), np.float64),
        np.zeros(len(rows), np.float32),
        np.zeros(len(rows), np.float32),
    )
    kernels.copy(device, Matrix(rows, 0, np.zeros(1), False), frame, copies)
    return copies


def padded(rows: Float32) -> Float32:
    out = np.zeros((len(rows), kernels.round_up(rows.shape[1], 8)), np.float32)
    out[:, : rows.shape[1]] = rows
    return out


def exact_distances(x: Float32, centers: Float32) -> Float32:
    device = emulated_device()
    columns = []
    for center in padded(centers):
        values = np.full(len(x), np.inf, np.float32)
        best = np.zeros(1, np.uint64)
        kernels.fold(device, Matrix(x, 0, np.zeros(1), False), values, center[None], best)
        columns.append(values)
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("d", [3, 8, 50, 515])
@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 2.0**12])  # with all lost, or nothing
def test_no_distance_below_a_value_is_ever_left_out(d: int, scale: float) -> None:
    """Values just above the least distance, and products that make every center seem far."""
    device = emulated_device()
    x, centers = normal(d, 120, d), normal(d + 1, 40, d)
    x[:40] = centers + np.float32(1e-3) * normal(d + 2, 40, d)
    mean = padded(x.mean(axis=0, keepdims=True))[0]
    frame = Frame(mean, scale)
    of_x, of_centers = prepared(x, frame, device), prepared(centers, frame, device)
    exact = exact_distances(x, centers)
    lengths = np.sqrt(of_x.norms[:, :1]), np.sqrt(of_centers.norms[:, :1])
    worst = (of_x.halves.shape[1] + 16) * 2.0**-22 * lengths[0] @ lengths[1].T
    true = of_x.halves.astype(np.float64) @ of_centers.halves.astype(np.float64).T
    products = np.nextafter((true - worst).astype(np.float32), np.float32(np.inf))
    values = np.nextafter(exact.min(axis=1), np.float32(np.inf))
    matrix = Matrix(x, 0, np.zeros(1), False)
    compared = Centers(padded(centers), of_centers.halves, of_centers.q, of_centers.e)
    kernels.refine(device, matrix, of_x.norms, frame, products, compared, values)
    np.testing.assert_array_equal(values, exact.min(axis=1))


def test_the_error_of_sums_is_allowed_for() -> None:
    """Rows that lose nothing to rounding, so that nothing else can make up for it."""
    device = emulated_device()
    x = np.round(normal(19, 120, 200), 1).astype(np.float16).astype(np.float32)
    x, centers = x[:80], x[80:]
    frame = Frame(np.zeros(200, np.float32), 1.0)
    x[np.abs(x) < 2.0**-14], centers[np.abs(centers) < 2.0**-14] = 0.0, 0.0
    of_x, of_centers = prepared(x, frame, device), prepared(centers, frame, device)
    assert not of_x.norms[:, 1].any()
    exact = exact_distances(x, centers)
    lengths = np.sqrt(of_x.norms[:, :1]) @ np.sqrt(of_centers.norms[:, :1]).T
    true = x.astype(np.float64) @ centers.astype(np.float64).T
    products = (true - 0.999 * 216 * 2.0**-22 * lengths).astype(np.float32)
    values = np.nextafter(exact.min(axis=1), np.float32(np.inf))
    matrix = Matrix(x, 0, np.zeros(1), False)
    compared = Centers(padded(centers), of_centers.halves, of_centers.q, of_centers.e)
    kernels.refine(device, matrix, of_x.norms, frame, products, compared, values)
    np.testing.assert_array_equal(values, exact.min(axis=1))


@pytest.mark.parametrize("slot", [0, 1, 2, 3])
def test_a_candidate_as_far_as_the_outside_is_taken_only_before_it(slot: int) -> None:
    rows = padded(1e3 * np.eye(3, dtype=np.float32))
    values = np.array([5, 4, 4], np.float32)
    outside = np.uint64(int(np.float32(4).view(np.uint32)) << 32 | (~slot & 0xFFFFFFFF))
    best = kernels.pick(emulated_device(), rows, 3, values, outside, 3)
    assert (~best & np.uint64(0xFFFFFFFF)).tolist() == list(range(max(1, slot)))
    assert values.tolist() == [-1.0 if i < max(1, slot) else v for i, v in enumerate([5, 4, 4])]


def test_most_distances_are_left_out() -> None:
    """Were far centers computed, then what lies in their place would be found, at distance 0."""
    device = emulated_device()
    x, centers = normal(16, 100, 64), normal(17, 40, 64)
    frame = Frame(padded(x.mean(axis=0, keepdims=True))[0], 2.0**10)
    of_x, of_centers = prepared(x, frame, device), prepared(centers, frame, device)
    values = exact_distances(x, centers).min(axis=1) * np.float32(0.99)
    products = np.zeros((100, 40), np.float32)
    device.multiply(of_x.halves, of_centers.halves, products)
    for i in range(0, 100, 10):
        part = slice(i, i + 1)
        found = values[part].copy()
        in_place = np.tile(padded(x[part]), (40, 1))
        kernels.refine(
            device,
            Matrix(x[part], 0, np.zeros(1), False),
            of_x.norms[part],
            frame,
            products[part],
            Centers(in_place, of_centers.halves, of_centers.q, of_centers.e),
            found,
        )
        assert found[0] == values[i]


# Mistakes

GOOD = np.ones((5, 2), np.float32)
NAN = np.array([[1.0], [np.nan], [np.inf]], np.float32)
ZERO = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], np.float32)


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize(
    ("x", "k", "options"),
    [
        (GOOD, 6, {}),
        (GOOD, -1, {}),
        (GOOD, 4, {"centers": [0, 1]}),
        (GOOD[:0], 0, {}),
        (GOOD[:, :0], 0, {}),
        (NAN, 1, {}),
        (NAN[1:], 0, {}),
        (GOOD * np.float32(1e20), 1, {}),
        (normal(1, 9, 3) * np.float32(1e20), 1, {"centers": [2]}),
        (ZERO, 1, {"metric": "cosine"}),
        (GOOD, 1, {"metric": "manhattan"}),
        (GOOD, 1, {"centers": [5]}),
        (GOOD, 1, {"centers": [0, -1]}),
        (GOOD, 1, {"centers": [1, 2, 2, 7]}),
        (GOOD, 1, {"center_vectors": np.array([[1, 2], [0.0, np.nan]], np.float32)}),
        (GOOD, 1, {"center_vectors": ZERO, "metric": "cosine"}),
        (NAN, 1, {"center_vectors": NAN[1:]}),
    ],
)
def test_a_mistake_is_named_as_on_the_cpu(x: Any, k: int, options: Any, on_device: bool) -> None:
    arguments = {
        "center_vectors": options.get("center_vectors"),
        "metric": options.get("metric", "squared_euclidean"),
        "centers": np.array(options.get("centers", []), np.int64),
    }
    with pytest.raises(ValueError) as expected:  # noqa: PT011
        _core.k_center(x, k, **arguments)
    with pytest.raises(ValueError) as found:  # noqa: PT011
        k_center(emulated_device(), x, "float32", k, on_device=on_device, sizes=SMALL, **arguments)
    assert str(found.value) == str(expected.value)


def test_a_bad_row_is_found_in_a_streamed_array() -> None:
    x = normal(18, 1101, 24)
    for row in (1100, 700):
        x[row, 3] = np.nan
        device = _LateCopies(free_bytes=140_000)
        with pytest.raises(ValueError, match=f"NaN or infinity in row {row}$"):
            k_center(device, x, "float32", 5, centers=np.zeros(0, np.int64), center_vectors=None,
                     metric="squared_euclidean", on_device=False,
                     sizes=replace(SMALL, chunk_bytes=1))  # fmt: skip


def test_other_mistakes_are_named() -> None:
    def run(x: Any, dtype: str, vectors: Any = None, device: Any = None) -> None:
        k_center(device or emulated_device(), x, dtype, 1, centers=np.zeros(0, np.int64),
                 center_vectors=vectors, metric="cosine", on_device=True)  # fmt: skip

    with pytest.raises(ValueError, match=r"x: expected float32, .* found shape \(5, 2\) and dtype"):
        run(GOOD.astype(np.float64), "float64")
    with pytest.raises(ValueError, match=r"x: expected float32, .* found shape \(5,\)"):
        run(GOOD[:, 0], "float32")
    with pytest.raises(ValueError, match="center_vectors: expected 2 columns, as many as x"):
        run(GOOD, "float32", GOOD[:, :1])
    with pytest.raises(ValueError, match=r"center_vectors: expected float32 of shape \(M, D\)"):
        run(GOOD, "float32", GOOD[0])
    device = EmulatedDevice()
    device.max_shared_bytes = 1040
    with pytest.raises(ValueError, match="x: expected rows that fit into 1,040 bytes of shared"):
        run(normal(1, 3, 20), "float32", device=device)
