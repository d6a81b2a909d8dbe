from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcal.errors import PoolError
from mcal.pools import ArrayPool, EmbeddingPool, ImageFolderPool, picture_of, thumbnail_of

CLASSES = ("cat", "dog")
NOISE = np.random.default_rng(0)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


@pytest.mark.parametrize("shape", [(3, 5, 7), (3, 5, 7, 1), (3, 5, 7, 3)])
def test_an_array_s_pictures_have_its_pixels(shape: tuple[int, ...]) -> None:
    images = NOISE.integers(0, 256, shape, np.uint8)
    picture = picture_of(ArrayPool(images, CLASSES), 1)
    assert picture is not None
    assert picture.media_type == "image/png"
    assert np.array_equal(pixels(picture.data), images[1].squeeze())


def test_vectors_cannot_be_shown() -> None:
    assert picture_of(EmbeddingPool(np.zeros((3, 2), np.float32), CLASSES), 1) is None


@pytest.mark.parametrize("index", [-1, 3])
def test_no_item_no_picture(index: int) -> None:
    with pytest.raises(ValueError, match="index"):
        picture_of(ArrayPool(np.zeros((3, 2, 2), np.uint8), CLASSES), index)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    image = Image.fromarray(NOISE.integers(0, 256, (40, 30, 3), np.uint8))
    for name in ("a.jpg", "b.png", "c.tif", "d.bmp"):
        image.save(tmp_path / name)
    (tmp_path / "e.jpg").write_bytes(b"broken")
    deep = NOISE.integers(0, 60_000, (9, 9)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "f.png")
    return tmp_path


def test_files_that_browsers_show_are_passed_on_untouched(folder: Path) -> None:
    pool = ImageFolderPool(folder, CLASSES, 8)
    for index, name, media_type in ((0, "a.jpg", "image/jpeg"), (1, "b.png", "image/png")):
        picture = picture_of(pool, index)
        assert picture is not None
        assert (picture.data, picture.media_type) == ((folder / name).read_bytes(), media_type)


def test_other_files_are_turned_into_pngs_of_full_size(folder: Path) -> None:
    pool = ImageFolderPool(folder, CLASSES, 8)
    for index, size in ((2, (40, 30, 3)), (3, (40, 30, 3)), (5, (9, 9, 3))):
        picture = picture_of(pool, index)
        assert picture is not None
        assert picture.media_type == "image/png"
        found = pixels(picture.data)
        assert (found.shape, found.dtype) == (size, np.uint8)
    assert np.array_equal(
        pixels(picture_of(pool, 2).data),  # type: ignore[union-attr]
        np.asarray(Image.open(folder / "b.png")),
    )


def test_broken_files_have_none(folder: Path) -> None:
    assert picture_of(ImageFolderPool(folder, CLASSES, 8), 4) is None


def test_a_file_that_is_gone_is_told(folder: Path) -> None:
    pool = ImageFolderPool(folder, CLASSES, 8)
    (folder / "a.jpg").unlink()
    with pytest.raises(PoolError, match=r"a\.jpg: sound at opening"):
        picture_of(pool, 0)


def test_a_tiny_item_is_its_own_thumbnail() -> None:
    images = NOISE.integers(0, 256, (2, 28, 28), np.uint8)
    small = thumbnail_of(ArrayPool(images, CLASSES), 1)
    assert small is not None
    assert small.media_type == "image/png"
    assert np.array_equal(pixels(small.data)[:, :, 0], images[1])


def test_a_large_item_becomes_small_in_shape_and_bytes() -> None:
    images = NOISE.integers(0, 256, (1, 600, 300, 3), np.uint8)
    small = thumbnail_of(ArrayPool(images, CLASSES), 0, side=100)
    assert small is not None
    assert small.media_type == "image/jpeg"
    assert pixels(small.data).shape == (100, 50, 3)
    assert len(small.data) < 10_000


def test_what_cannot_be_shown_has_no_thumbnail(folder: Path) -> None:
    pool = ImageFolderPool(folder, CLASSES, 8)
    (folder / pool.item_name(0)).write_bytes(b"\x89PNG no longer")
    (folder / pool.item_name(1)).unlink()
    assert thumbnail_of(pool, 0) is None
    assert thumbnail_of(pool, 1) is None
    assert thumbnail_of(EmbeddingPool(np.zeros((3, 2), np.float32), CLASSES), 1) is None
    with pytest.raises(ValueError, match="index"):
        thumbnail_of(pool, 99)
