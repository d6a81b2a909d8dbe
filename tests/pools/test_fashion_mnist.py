import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mcal.errors import PoolError
from mcal.pools import fashion_mnist, find_fashion_mnist, open_pool, read_truth
from mcal.settings import PoolSettings

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def write_idx(file: Path, array: npt.NDArray[np.uint8]) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = head + array.tobytes()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five training and three test images, two of the files gzipped."""
    images = np.arange(8 * 784, dtype=np.uint64).astype(np.uint8).reshape(8, 28, 28)
    labels = np.arange(8, dtype=np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images[:5])
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels[:5])
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images[5:])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", labels[5:])
    return tmp_path


def test_training_images_come_first(folder: Path) -> None:
    settings = PoolSettings(kind="fashion-mnist", path=folder)
    pool = open_pool(settings, None)
    assert pool.n_pool == 8
    assert len(pool.classes) == 10
    expected = np.arange(8 * 784, dtype=np.uint64).astype(np.uint8).reshape(8, 28, 28, 1)
    assert np.array_equal(pool.read(np.arange(8)), expected)
    assert [pool.item_name(index) for index in (4, 5)] == ["train/4", "test/0"]
    assert read_truth(settings, pool.classes).tolist() == list(range(8))


@pytest.mark.parametrize("below", ["", "fashion-mnist", "FashionMNIST/raw"])
def test_finds_the_files_in_the_known_places(folder: Path, tmp_path: Path, below: str) -> None:
    root = tmp_path / "root"
    place = root / below
    place.mkdir(parents=True)
    for file in list(folder.glob("*ubyte*")):
        file.rename(place / file.name)
    assert find_fashion_mnist(root) == place
    next(place.iterdir()).unlink()
    assert find_fashion_mnist(root) is None


def test_looks_where_downloads_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "_DEBIAN_FOLDER", folder / "nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    assert find_fashion_mnist() is None
    (folder / "cache").mkdir()
    (folder / "cache" / "mcal").symlink_to(folder)
    assert find_fashion_mnist() == folder / "cache" / "mcal"


def test_says_how_to_get_the_files(tmp_path: Path) -> None:
    with pytest.raises(PoolError, match=r"dataset-fashion-mnist.*download = true"):
        open_pool(PoolSettings(kind="fashion-mnist", path=tmp_path), None)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("t10k-images-idx3-ubyte", np.zeros((3, 27, 28), np.uint8), r"expected \(n, 28, 28\)"),
        ("train-labels-idx1-ubyte", np.zeros(4, np.uint8), r"with \(4,\)"),
        ("train-labels-idx1-ubyte", np.full(5, 10, np.uint8), "expected labels 0 to 9, found 10"),
    ],
)
def test_refuses_files_of_something_else(
    folder: Path, name: str, array: npt.NDArray[np.uint8], words: str
) -> None:
    write_idx(folder / name, array)
    with pytest.raises(PoolError, match=words):
        open_pool(PoolSettings(kind="fashion-mnist", path=folder), None)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist not installed")
def test_the_real_files() -> None:
    assert find_fashion_mnist() == DEBIAN
    settings = PoolSettings(kind="fashion-mnist")
    pool = open_pool(settings, None)
    truth = read_truth(settings, None)
    assert pool.n_pool == 70_000
    assert np.bincount(truth).tolist() == [7_000] * 10
    # Known of the data set: mean 0.2860 of the training images, an ankle boot comes first.
    mean = pool.read(np.arange(60_000)).mean() / 255
    assert mean == pytest.approx(0.2860, abs=5e-5)
    assert pool.classes[truth[0]] == "Ankle boot"
