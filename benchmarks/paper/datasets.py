"""The data sets this machine has, put in an order whose every beginning is balanced.

A data set is decoded once into ``CACHE/NAME``: images, labels and classes. There the first n
items hold as many of each class as can be, so that a reduced pool, or Figure 13's subset with k
items a class, is simply ``limit``.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcal.errors import McalError, PoolError
from mcal.pools import open_pool, read_truth
from mcal.settings import PoolSettings
from mcal.types import IndexArray

__all__ = ["DataSet", "find_data_set"]

KNOWN = ("fashion-mnist", "cifar10", "cifar100", "digits")
FOLDER = "imagenet-folder:"
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
ORDER_SEED = 2021
Decoded = tuple[npt.NDArray[np.uint8], IndexArray, tuple[str, ...]]  # images, labels, classes


@dataclass(frozen=True)
class DataSet:
    """Where a data set lies; small, so that it can be sent to another process."""

    name: str  # "fashion-mnist", ...: the paper's own, whatever the files
    key: str  # for people: "cifar10-jpeg" is not "cifar10"
    folder: Path
    classes: tuple[str, ...]
    n_items: int
    fingerprint: str  # of items, classes and labels: what runs on it are filed under

    @property
    def is_tree(self) -> bool:
        """Whether it is a folder of images, which stays where it is."""
        return self.key.startswith("folder-")

    def pool(self, n_items: int) -> PoolSettings:
        """The first ``n_items``, as mcal's settings name them."""
        if self.is_tree:
            return PoolSettings(kind="image-tree", path=self.folder, limit=n_items)
        return PoolSettings(kind="array", path=self.folder / "images.npy", limit=n_items)

    def truth(self, n_items: int, random_labels: bool) -> IndexArray:
        """(n_items,) labels that only the evaluation and the oracle see."""
        if self.is_tree:
            return read_truth(self.pool(n_items), None)
        labels: IndexArray = np.load(self.folder / _labels_file(random_labels))[:n_items]
        return labels


def find_data_set(
    name: str, cache: Path, *, folder: Path | None = None, cifar10_jpeg: Path | None = None
) -> DataSet:
    """The data set called ``name``, decoded into ``cache`` if it is not there yet.

    It is looked for in ``folder`` first, then where mcal's settings find it by themselves.

    Raises
    ------
    McalError
        This machine does not have it; the message says what was looked for.
    ValueError
        An unknown name.
    """
    if name.startswith(FOLDER):
        return _tree(Path(name.removeprefix(FOLDER)).expanduser())
    if name not in KNOWN:
        raise ValueError(
            f"dataset: expected one of {', '.join(KNOWN)} or {FOLDER}PATH, found {name!r}"
        )
    if name == "cifar10" and cifar10_jpeg is not None:
        return _kept(name, f"{name}-jpeg", cache, cifar10_jpeg, lambda: _read_jpeg(cifar10_jpeg))
    if folder is not None:
        with contextlib.suppress(McalError):
            return _kept(name, name, cache, folder, lambda: _read_known(name, folder))
    return _kept(name, name, cache, None, lambda: _read_known(name, None))


def _tree(root: Path) -> DataSet:
    settings = PoolSettings(kind="image-tree", path=root)
    truth = read_truth(settings, None)
    classes = tuple(sorted(p.name for p in root.iterdir() if p.is_dir() and p.name[0] != "."))
    return DataSet(
        "imagenet",
        f"folder-{root.name}",
        root,
        classes,
        truth.size,
        _fingerprint(settings, None, classes, truth),
    )


def _kept(
    name: str, key: str, cache: Path, source: Path | None, read: Callable[[], Decoded]
) -> DataSet:
    """Decoded once for each ``source``: what was read from elsewhere is another data set."""
    mark = "" if source is None else f"-{_short(str(source.resolve()).encode())[:8]}"
    kept = cache / f"{key}{mark}"
    if not (kept / "classes.json").exists():
        _keep(kept, *read())
    classes = tuple(json.loads((kept / "classes.json").read_text()))
    truth: IndexArray = np.load(kept / _labels_file(False))
    settings = PoolSettings(kind="array", path=kept / "images.npy")
    return DataSet(
        name, key, kept, classes, truth.size, _fingerprint(settings, classes, classes, truth)
    )


def _fingerprint(
    settings: PoolSettings,
    opened_as: tuple[str, ...] | None,
    classes: tuple[str, ...],
    truth: IndexArray,
) -> str:
    """Of the content, wherever it lies and whatever its folder is called."""
    pool = open_pool(settings, opened_as)
    words = json.dumps([pool.fingerprint, classes]).encode()
    return _short(words + truth.astype("<i8").tobytes())


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _read_known(name: str, folder: Path | None) -> Decoded:
    settings = PoolSettings.model_validate({"kind": name, "path": folder})
    try:
        pool = open_pool(settings, None)
    except McalError as error:
        raise PoolError(f"{name}: not found on this machine: {error}") from error
    return pool.read(np.arange(pool.n_pool)), read_truth(settings, None), pool.classes


def _read_jpeg(path: Path) -> Decoded:
    """CIFAR-10 as JPEG files end to end: arrays ``blob``, ``lens`` and ``y``."""
    from PIL import Image

    try:
        with np.load(path) as stored:
            blob, ends, labels = stored["blob"], np.cumsum(stored["lens"]), stored["y"]
    except OSError as error:
        raise PoolError(f"{path}: not found or not readable: {error}") from error
    images = np.empty((labels.size, 32, 32, 3), np.uint8)
    for row, (begin, end) in enumerate(zip(np.append(0, ends[:-1]), ends, strict=True)):
        with Image.open(io.BytesIO(blob[begin:end].tobytes())) as image:
            images[row] = np.asarray(image.convert("RGB"))
    return images, labels.astype(np.int64), CIFAR10_CLASSES


def _keep(
    folder: Path, images: npt.NDArray[np.uint8], labels: IndexArray, classes: tuple[str, ...]
) -> None:
    """Write the cache whole, or not at all."""
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    making.mkdir(parents=True)
    order = balanced_order(labels)
    np.save(making / "images.npy", images[order])
    np.save(making / _labels_file(False), labels[order])
    shuffled = np.random.default_rng(ORDER_SEED + 1).permutation(labels)
    np.save(making / _labels_file(True), shuffled)
    (making / "classes.json").write_text(json.dumps(classes))
    if folder.exists():
        shutil.rmtree(folder)
    making.rename(folder)


def balanced_order(labels: IndexArray) -> IndexArray:
    """Rows in a random order of which every beginning has as many of each class as it can."""
    random = np.random.default_rng(ORDER_SEED)
    turn = np.empty(labels.size, np.int64)  # the how-many-th of its class
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        turn[rows] = np.arange(rows.size)
    order: IndexArray = np.lexsort((random.random(labels.size), turn))
    return order


def _labels_file(random_labels: bool) -> str:
    return "labels-random.npy" if random_labels else "labels.npy"
