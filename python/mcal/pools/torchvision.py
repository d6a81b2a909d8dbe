"""Data sets that torchvision reads or fetches. The only importer of torchvision in this room."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from mcal.errors import MissingExtraError, PoolError
from mcal.types import IndexArray

from .checks import is_text
from .data_set import DataSet, split_names
from .image_folder import is_hidden

try:
    from torchvision import datasets
    from torchvision.datasets.folder import make_dataset
except ImportError as error:
    raise MissingExtraError("torchvision", "torch") from error

_CONNECT_TIMEOUT_S = 10.0


def read_cifar(n_classes: int, root: Path, *, download: bool) -> DataSet:
    """CIFAR-10 or CIFAR-100: all 60,000 images, the training split first.

    ``root`` is the folder above ``cifar-10-batches-py`` or ``cifar-100-python``. PoolError when
    the files are not there, are damaged, or cannot be fetched.
    """
    kind = {10: datasets.CIFAR10, 100: datasets.CIFAR100}[n_classes]
    with _outside_world(f"CIFAR-{n_classes}", root, download=download):
        train: Any = kind(root, train=True, download=download)
        test: Any = kind(root, train=False)
    return DataSet(
        images=np.concatenate([train.data, test.data]),
        labels=np.array([*train.targets, *test.targets], np.int64),
        names=split_names(len(train.data), len(test.data)),
        classes=tuple(train.classes),
    )


def fetch_fashion_mnist(root: Path) -> Path:
    """Download the four IDX files below ``root`` and return the folder that holds them."""
    with _outside_world("Fashion-MNIST", root, download=True):
        return Path(datasets.FashionMNIST(root, download=True).raw_folder)


def list_image_tree(root: Path) -> tuple[list[str], IndexArray, tuple[str, ...]]:
    """Files, labels and classes of a tree with one folder for each class.

    Every file that is not hidden belongs, whatever its ending: torchvision's own choice would
    drop the others without a word. Files beside the class folders have no class and are no items.

    Returns
    -------
    files : list of str
        Paths below ``root`` with forward slashes, by class, then by path.
    labels : (N,) int64
    classes : tuple of str
        Names of the folders, sorted.

    Raises
    ------
    PoolError
        No such folder, fewer than two classes in it, or a class whose name is no UTF-8.
    """
    try:
        folders = sorted(
            entry.name for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name)
        )
    except OSError as error:
        raise PoolError(f"{root}: cannot be listed: {error}") from error
    if len(folders) < 2:
        raise PoolError(f"{root}: expected a folder for each of 2 or more classes, found {folders}")
    for name in folders:
        if not is_text(name):
            raise PoolError(
                f"{root}: expected names in UTF-8 for the folders of classes, "
                f"found {os.fsencode(name)!r}: rename it"
            )
    samples = make_dataset(
        str(root),
        {name: label for label, name in enumerate(folders)},
        is_valid_file=lambda path: not any(map(is_hidden, Path(path).relative_to(root).parts)),
        allow_empty=True,
    )
    files = [Path(path).relative_to(root).as_posix() for path, _ in samples]
    return files, np.array([label for _, label in samples], np.int64), tuple(folders)


@contextmanager
def _outside_world(what: str, root: Path, *, download: bool) -> Iterator[None]:
    """Turn torchvision's failures into PoolError, and make an absent network fail soon.

    torchvision sets no timeout of its own, so the process-wide default is lent to it. It prints,
    too; standard output belongs to our caller.
    """
    before_s = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_CONNECT_TIMEOUT_S)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (RuntimeError, OSError, EOFError, HTTPException, pickle.UnpicklingError) as error:
        verb = "fetched or read" if download else "read; download = true fetches it"
        raise PoolError(f"{what} at {root} cannot be {verb}: {error}") from error
    finally:
        socket.setdefaulttimeout(before_s)
