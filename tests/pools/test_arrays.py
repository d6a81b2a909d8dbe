from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mcal.errors import PoolError
from mcal.pools import ArrayPool, EmbeddingPool, open_array
from mcal.testing import PoolContract
from mcal.types import Pool

CLASSES = ("cat", "dog")


def images(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def changed(array: npt.NDArray) -> npt.NDArray:
    array = array.copy()
    array.flat[-1] += 1
    return array


class TestGreyImages(PoolContract):
    def make_pool(self, world: Path) -> Pool:
        return ArrayPool(images(7, 5, 4), CLASSES)

    def make_other_pool(self, world: Path) -> Pool:
        return ArrayPool(changed(images(7, 5, 4)), CLASSES)


class TestMappedImages(PoolContract):
    def make_pool(self, world: Path, array: npt.NDArray | None = None) -> Pool:
        np.save(world / "images.npy", images(5, 3, 3, 3) if array is None else array)
        return ArrayPool(open_array(world / "images.npy"), CLASSES)

    def make_other_pool(self, world: Path) -> Pool:
        return self.make_pool(world, changed(images(5, 3, 3, 3)))


class TestEmbeddings(PoolContract):
    def make_pool(self, world: Path) -> Pool:
        rows = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)
        rows[3, 1] = np.nan
        rows[5, 0] = -np.inf
        return EmbeddingPool(rows, CLASSES)

    def make_other_pool(self, world: Path) -> Pool:
        return EmbeddingPool(np.zeros((6, 4), np.float32), CLASSES)

    def test_names_broken_rows(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        assert pool.broken() == {3: "NaN or inf", 5: "NaN or inf"}
        assert pool.read(np.array([2, 3, 5])).any(axis=1).tolist() == [True, False, False]


def test_a_map_stays_a_map_and_what_is_read_is_a_copy(tmp_path: Path) -> None:
    array = images(9, 4, 6)
    np.save(tmp_path / "a.npy", array)
    pool = ArrayPool(open_array(tmp_path / "a.npy"), CLASSES)
    assert isinstance(pool._images, np.memmap)
    items = pool.read(np.array([8, 0]))
    assert type(items) is np.ndarray
    assert np.array_equal(items[..., 0], array[[8, 0]])
    assert pool.fingerprint == ArrayPool(array, CLASSES).fingerprint


def test_names_are_row_numbers_unless_given() -> None:
    assert ArrayPool(images(3, 2, 2), CLASSES).item_name(2) == "2"
    assert ArrayPool(images(3, 2, 2), CLASSES, names=["a", "b", "c"]).item_name(1) == "b"


def test_half_precision_is_read_as_single() -> None:
    rows = np.array([[0.5, 2.0], [1.5, 65504.0]], np.float16)
    read = EmbeddingPool(rows, CLASSES).read(np.array([1, 0]))
    assert read.dtype == np.float32
    assert read.tolist() == [[1.5, 65504.0], [0.5, 2.0]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 2, 2), np.float32), "expected uint8 values 0..255, found float32"),
        (np.zeros((3, 2), np.uint8), "expected shape"),
        (np.zeros((3, 2, 2, 4), np.uint8), "expected shape"),
        (np.zeros((0, 2, 2), np.uint8), "at least one item"),
        (np.zeros((3, 0, 2), np.uint8), "at least one item"),
    ],
)
def test_refuses_what_is_no_array_of_images(array: npt.NDArray, words: str) -> None:
    with pytest.raises(ValueError, match=f"^images: .*{words}"):
        ArrayPool(array, CLASSES)


@pytest.mark.parametrize(
    "array", [np.zeros((3, 2)), np.zeros(3, np.float32), np.zeros((0, 2), np.float32)]
)
def test_refuses_what_are_no_embeddings(array: npt.NDArray) -> None:
    with pytest.raises(ValueError, match=r"^embeddings: expected"):
        EmbeddingPool(array, CLASSES)


@pytest.mark.parametrize("classes", [("a",), ("a", "a"), ("a", " "), "ab"])
def test_refuses_classes_that_are_none(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^classes: expected"):
        ArrayPool(images(3, 2, 2), classes)


def test_refuses_names_for_other_items() -> None:
    with pytest.raises(ValueError, match=r"^names: expected one for each of 3 items, found 2"):
        ArrayPool(images(3, 2, 2), CLASSES, names=["a", "b"])


@pytest.mark.parametrize(
    "make",
    [
        lambda names: ArrayPool(images(3, 2, 2), CLASSES, names=names),
        lambda names: EmbeddingPool(np.zeros((3, 2), np.float32), CLASSES, names=names),
    ],
)
def test_refuses_repeated_names(make: Callable[[list[str]], Pool]) -> None:
    with pytest.raises(ValueError, match=r"^names: expected names that differ"):
        make(["a", "b", "a"])


def test_refuses_what_is_no_array() -> None:
    with pytest.raises(ValueError, match=r"^images: expected a NumPy array, found list"):
        ArrayPool([[1]], CLASSES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^embeddings: expected a NumPy array, found list"):
        EmbeddingPool([[1.0]], CLASSES)  # type: ignore[arg-type]


@pytest.mark.parametrize("indices", [np.array([0.0]), np.array([[0]]), np.array([True])])
def test_refuses_indices_of_another_kind(indices: npt.NDArray) -> None:
    with pytest.raises(ValueError, match=r"^indices: expected integers"):
        ArrayPool(images(3, 2, 2), CLASSES).read(indices)


@pytest.mark.parametrize("content", [b"", b"no array", None])
def test_a_file_that_is_no_array_is_a_pool_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "a.npy"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PoolError, match=r"a\.npy: cannot be read") as caught:
        open_array(file)
    assert caught.value.__cause__ is not None


def test_an_archive_is_no_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    with pytest.raises(PoolError, match="archive"):
        open_array(tmp_path / "a.npz")
