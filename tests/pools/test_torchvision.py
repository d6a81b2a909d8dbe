import hashlib
import os
import pickle
import socket
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from typer.testing import CliRunner

from mcal.cli import app
from mcal.errors import PoolError, SettingsError
from mcal.pools import ArrayPool, open_pool, read_truth
from mcal.settings import PoolSettings
from mcal.testing import PoolContract
from mcal.types import Pool

pytest.importorskip("torchvision")
from PIL import Image
from torchvision import datasets

from mcal.pools.torchvision import list_image_tree


def write_tree(root: Path, shade: int = 7) -> None:
    for name in ("owl/1.png", "cat/2.png", "cat/deep/1.jpeg", "dog/x.PNG", "dog/.hidden.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (shade, 5, 200)).save(root / name)
    (root / "dog" / "notes.txt").write_text("no picture")
    (root / "readme.txt").write_text("of no class")
    (root / ".cache").mkdir(exist_ok=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".own-cache"))


class TestImageTree(PoolContract):
    def make_pool(self, world: Path, shade: int = 7) -> Pool:
        write_tree(world, shade)
        return open_pool(PoolSettings(kind="image-tree", path=world, image_size=8), None)

    def make_other_pool(self, world: Path) -> Pool:
        return self.make_pool(world, shade=8)


def test_a_tree_s_folders_are_the_classes_and_no_file_is_dropped(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    write_tree(root)
    files, labels, classes = list_image_tree(root)
    assert classes == ("cat", "dog", "owl")
    expected = ["cat/2.png", "cat/deep/1.jpeg", "dog/notes.txt", "dog/x.PNG", "owl/1.png"]
    assert files == expected
    assert labels.tolist() == [0, 0, 1, 1, 2]
    settings = PoolSettings(kind="image-tree", path=root, image_size=8)
    pool = open_pool(settings, classes)
    assert [pool.item_name(index) for index in range(5)] == expected
    assert pool.broken() == {2: "not an image"}
    assert read_truth(settings, None).tolist() == [0, 0, 1, 1, 2]
    with pytest.raises(SettingsError, match="image-tree"):
        open_pool(settings, ("dog", "cat", "owl"))


def test_a_limit_leaves_pool_and_truth_together(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree")
    settings = PoolSettings(kind="image-tree", path=tmp_path / "tree", image_size=8, limit=3)
    pool, truth = open_pool(settings, None), read_truth(settings, None)
    assert pool.n_pool == len(truth) == 3
    folders = [pool.item_name(index).split("/")[0] for index in range(3)]
    assert folders == [pool.classes[label] for label in truth]


def test_a_tree_needs_two_classes(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    with pytest.raises(PoolError, match="2 or more classes"):
        list_image_tree(tmp_path)
    with pytest.raises(PoolError, match="cannot be listed"):
        list_image_tree(tmp_path / "nothing")


def test_a_class_s_name_must_be_text(tmp_path: Path) -> None:
    """And nothing is left behind by a campaign that could not begin."""
    tree = tmp_path / "tree"
    write_tree(tree)
    try:
        os.rename(tree / "owl", os.fsencode(tree) + b"/caf\xe9")
    except OSError:
        pytest.skip("this file system takes text only")
    with pytest.raises(PoolError, match=r"in UTF-8 for the folders of classes, found b'caf\\xe9'"):
        list_image_tree(tree)
    config = tmp_path / "tree.toml"
    config.write_text(
        '[pool]\nkind = "image-tree"\npath = "tree"\nimage_size = 8\n'
        '[annotator]\nkind = "oracle"\n',
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["run", str(config)])
    assert result.exit_code == 1
    assert "rename it" in result.stderr
    assert not list(tmp_path.rglob("campaign*"))
    with pytest.raises(ValueError, match="classes: expected text that UTF-8 can hold"):
        ArrayPool(np.zeros((2, 8, 8), np.uint8), ("cat", "caf\udce9"))


@pytest.mark.parametrize("kind", ["cifar10", "cifar100"])
def test_reads_cifar_as_torchvision_lays_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A CIFAR of four training and two test images, with checksums to match."""
    data = datasets.CIFAR10 if kind == "cifar10" else datasets.CIFAR100
    folder = tmp_path / data.base_folder
    folder.mkdir()
    rows = np.random.default_rng(3).integers(0, 256, (6, 3072), np.uint8)
    key = "labels" if kind == "cifar10" else "fine_labels"
    parts = {"one": rows[:3], "two": rows[3:4], "test": rows[4:]}
    truth = {"one": [1, 0, 1], "two": [0], "test": [1, 1]}

    def write(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    sums = {name: write(name, {"data": part, key: truth[name]}) for name, part in parts.items()}
    meta_key = data.meta["key"]
    meta = write("meta", {meta_key: ["cat", "dog"]})
    monkeypatch.setattr(data, "train_list", [sums["one"], sums["two"]])
    monkeypatch.setattr(data, "test_list", [sums["test"]])
    monkeypatch.setattr(data, "meta", {"filename": meta[0], "key": meta_key, "md5": meta[1]})

    settings = PoolSettings(kind=kind, path=tmp_path)
    pool = open_pool(settings, None)
    assert pool.classes == ("cat", "dog")
    expected = rows.reshape(6, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(pool.read(np.arange(6)), expected)
    assert read_truth(settings, None).tolist() == [1, 0, 1, 0, 1, 1]
    assert [pool.item_name(index) for index in (3, 4)] == ["train/3", "test/0"]


def test_cifar_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PoolError, match=r"CIFAR-10 at .* download = true fetches it") as caught:
        open_pool(PoolSettings(kind="cifar10", path=tmp_path), None)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["cifar10", "fashion-mnist"])
def test_no_network_is_a_pool_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    timeouts_s: list[float | None] = []

    def unreachable(*arguments: object, **options: object) -> None:
        timeouts_s.append(socket.getdefaulttimeout())
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(PoolError, match="cannot be fetched or read") as caught:
        open_pool(PoolSettings(kind=kind, path=tmp_path, download=True), None)
    assert caught.value.__cause__ is not None
    assert timeouts_s
    assert set(timeouts_s) == {10.0}, "a silent network must not hold us up"
    assert socket.getdefaulttimeout() is None
    assert capsys.readouterr().out == ""


def test_fashion_mnist_is_fetched_only_when_it_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(root: Path) -> Path:
        raise PoolError(f"asked for {root}")

    monkeypatch.setattr("mcal.pools.torchvision.fetch_fashion_mnist", fetch)
    with pytest.raises(PoolError, match=f"asked for {tmp_path}"):
        open_pool(PoolSettings(kind="fashion-mnist", path=tmp_path, download=True), None)
