import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mcal.errors import MissingExtraError, PoolError, SettingsError
from mcal.pools import open_pool, read_truth
from mcal.settings import PoolSettings

CLASSES = ("cat", "dog")


def test_opens_arrays_and_embeddings(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.arange(60, dtype=np.uint8).reshape(5, 3, 4))
    pool = open_pool(PoolSettings(kind="array", path=tmp_path / "images.npy", limit=3), CLASSES)
    assert (pool.n_pool, pool.kind, pool.classes) == (3, "images", CLASSES)
    assert pool.read(np.array([2]))[0, 0, 0, 0] == 24, "a limit keeps the first rows of an array"
    np.save(tmp_path / "rows.npy", np.eye(4, dtype=np.float32))
    pool = open_pool(PoolSettings(kind="embeddings", path=tmp_path / "rows.npy"), CLASSES)
    assert (pool.n_pool, pool.kind) == (4, "embeddings")


def test_a_file_of_the_wrong_numbers_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.eye(4))
    with pytest.raises(PoolError, match=r"rows\.npy: embeddings: .* found float64"):
        open_pool(PoolSettings(kind="embeddings", path=tmp_path / "rows.npy"), CLASSES)


@pytest.mark.parametrize("kind", ["array", "embeddings", "image-folder"])
def test_some_pools_need_a_path_and_classes_and_know_no_truth(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SettingsError, match=r"^pool\.path: expected"):
        open_pool(PoolSettings(kind=kind), CLASSES)
    np.save(tmp_path / "a.npy", np.zeros((3, 2), np.float32))
    (tmp_path / "folder").mkdir()
    path = tmp_path / ("folder" if kind == "image-folder" else "a.npy")
    with pytest.raises(SettingsError, match=r"^classes: expected"):
        open_pool(PoolSettings(kind=kind, path=path), None)
    with pytest.raises(PoolError, match=f"'{kind}'.*not known"):
        read_truth(PoolSettings(kind=kind, path=path), CLASSES)


def test_importing_the_room_is_cheap() -> None:
    code = (
        "import sys, mcal.pools, mcal.annotators;"
        "print(sorted({'torch', 'torchvision', 'sklearn', 'PIL', 'pytest'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("kind", "package", "module", "extra"),
    [
        ("digits", "scikit-learn", "sklearn.datasets", "digits"),
        ("cifar10", "torchvision", "torchvision", "torch"),
        ("image-tree", "torchvision", "torchvision", "torch"),
        ("image-folder", "pillow", "PIL", "images"),
    ],
)
def test_a_missing_dependency_names_its_extra(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    package: str,
    module: str,
    extra: str,
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    door = {"cifar10": "torchvision", "image-tree": "torchvision", "image-folder": "decode"}
    name = door.get(kind, kind)
    monkeypatch.delitem(sys.modules, f"mcal.pools.{name}", raising=False)
    monkeypatch.delattr(f"mcal.pools.{name}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    classes = CLASSES if kind == "image-folder" else None
    with pytest.raises(MissingExtraError, match=rf"mcal\[{extra}\]") as caught:
        open_pool(PoolSettings(kind=kind, path=tmp_path), classes)
    assert caught.value.package == package
    assert caught.value.__cause__ is not None
