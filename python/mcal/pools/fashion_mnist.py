"""Fashion-MNIST from its four IDX files: all 70,000 images, the training split first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcal.errors import PoolError

from .data_set import DataSet, cache_folder, split_names
from .idx import read_idx

_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_SUBFOLDERS = ("", "fashion-mnist", "FashionMNIST/raw")
_DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist


def find_fashion_mnist(folder: Path | None = None) -> Path | None:
    """The folder that holds all four IDX files, or None.

    Parameters
    ----------
    folder : Path, optional
        Look here, in ``fashion-mnist`` and ``FashionMNIST/raw`` below it, and nowhere else.
        Default: where Debian's package puts the files, then where ``download`` does.
    """
    places = (_DEBIAN_FOLDER, cache_folder()) if folder is None else (folder,)
    for place in places:
        for subfolder in _SUBFOLDERS:
            if all(_idx_file(place / subfolder, stem) for stem in _STEMS):
                return place / subfolder
    return None


def read_fashion_mnist(folder: Path) -> DataSet:
    """Read the four files of ``folder``; PoolError when one is missing, broken or another set's."""
    files = []
    for stem in _STEMS:
        file = _idx_file(folder, stem)
        if file is None:
            raise PoolError(f"{folder}: expected {stem} or {stem}.gz, found neither")
        files.append(file)
    train_images, train_labels, test_images, test_labels = (read_idx(file) for file in files)
    images = (train_images, test_images)
    labels = (train_labels, test_labels)
    for part, marks in zip(images, labels, strict=True):
        if part.ndim != 3 or part.shape[1:] != (28, 28) or marks.shape != part.shape[:1]:
            raise PoolError(
                f"{folder}: expected (n, 28, 28) images with (n,) labels, "
                f"found {part.shape} with {marks.shape}"
            )
        if marks.size and marks.max() >= len(_CLASSES):
            raise PoolError(f"{folder}: expected labels 0 to 9, found {marks.max()}")
    return DataSet(
        images=np.concatenate(images),
        labels=np.concatenate(labels).astype(np.int64),
        names=split_names(len(train_images), len(test_images)),
        classes=_CLASSES,
    )


def _idx_file(folder: Path, stem: str) -> Path | None:
    candidates = (folder / f"{stem}.gz", folder / stem)
    return next((file for file in candidates if file.is_file()), None)
