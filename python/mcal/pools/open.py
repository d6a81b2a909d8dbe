"""From settings to a pool; and, apart from it, to the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcal.errors import PoolError, SettingsError
from mcal.settings import PoolSettings
from mcal.types import IndexArray, Pool, Progress, derive_seed, no_progress

from .arrays import ArrayPool, EmbeddingPool, open_array
from .data_set import DataSet, cache_folder
from .fashion_mnist import find_fashion_mnist, read_fashion_mnist
from .image_folder import ImageFolderPool, list_files


def open_pool(
    settings: PoolSettings,
    classes: tuple[str, ...] | None,
    *,
    progress: Progress = no_progress,
) -> Pool:
    """The pool that ``settings`` describe.

    Parameters
    ----------
    settings : PoolSettings
        ``limit`` keeps the first so many items of an array, of embeddings and of an image folder
        (sorted by path), and a fixed random choice, in order, of a known data set or image tree,
        which may be sorted by class.
    classes : tuple of str or None
        Needed for "array", "embeddings" and "image-folder". The others know their classes: None,
        or exactly those in the same order.
    progress : callable
        Told about what takes long.

    Raises
    ------
    SettingsError
        A path or the classes are missing, or the classes are not the data set's.
    PoolError
        The items cannot be found, read or fetched.
    MissingExtraError
        An optional dependency is not installed.
    """
    match settings.kind:
        case "array" | "embeddings":
            array = open_array(_needed_path(settings))[: settings.limit]
            names = _needed_classes(settings, classes)
            try:
                if settings.kind == "array":
                    return ArrayPool(array, names)
                return EmbeddingPool(array, names, progress=progress)
            except ValueError as error:
                raise PoolError(f"{settings.path}: {error}") from error
        case "image-folder":
            root = _needed_path(settings)
            names = _needed_classes(settings, classes)
            files = list_files(root)[: settings.limit]
            return _image_pool(root, names, settings.image_size, files, progress)
        case "image-tree":
            files, _, known = _read_image_tree(settings)
            _check_same(settings, classes, known)
            root = _needed_path(settings)
            return _image_pool(root, known, settings.image_size, files, progress)
        case _:
            data = _read_data_set(settings)
            _check_same(settings, classes, data.classes)
            kept = _kept(len(data.images), settings.limit)
            return ArrayPool(
                data.images if len(kept) == len(data.images) else data.images[kept],
                data.classes,
                names=[data.names[index] for index in kept],
            )


def read_truth(settings: PoolSettings, classes: tuple[str, ...] | None) -> IndexArray:
    """True class numbers (N,) of the items that ``open_pool`` gives, for oracle and evaluation.

    Raises
    ------
    PoolError
        Nobody knows the truth of this kind of pool, or the data set cannot be read.
    SettingsError
        The path is missing, or ``classes`` are not the data set's.
    """
    match settings.kind:
        case "array" | "embeddings" | "image-folder":
            raise PoolError(
                f"pool of kind '{settings.kind}': its true labels are not known; "
                "give a file with them"
            )
        case "image-tree":
            _, labels, known = _read_image_tree(settings)
        case _:
            data = _read_data_set(settings)
            known = data.classes
            labels = data.labels[_kept(len(data.labels), settings.limit)]
    _check_same(settings, classes, known)
    return labels


def _read_data_set(settings: PoolSettings) -> DataSet:
    if settings.kind == "digits":
        from .digits import read_digits

        return read_digits()
    if settings.kind == "fashion-mnist":
        return read_fashion_mnist(_fashion_mnist_folder(settings))
    from .torchvision import read_cifar

    n_classes = {"cifar10": 10, "cifar100": 100}[settings.kind]
    return read_cifar(n_classes, _path(settings) or cache_folder(), download=settings.download)


def _fashion_mnist_folder(settings: PoolSettings) -> Path:
    path = _path(settings)
    folder = find_fashion_mnist(path)
    if folder is not None:
        return folder
    if not settings.download:
        raise PoolError(
            f"Fashion-MNIST: its four IDX files are not at {path or 'any known place'}; "
            "install Debian's dataset-fashion-mnist, give a path, or set download = true"
        )
    from .torchvision import fetch_fashion_mnist

    return fetch_fashion_mnist(path or cache_folder())


def _read_image_tree(settings: PoolSettings) -> tuple[list[str], IndexArray, tuple[str, ...]]:
    from .torchvision import list_image_tree

    files, labels, classes = list_image_tree(_needed_path(settings))
    kept = _kept(len(files), settings.limit)
    return [files[index] for index in kept], labels[kept], classes


def _image_pool(
    root: Path, classes: tuple[str, ...], image_size: int, files: list[str], progress: Progress
) -> ImageFolderPool:
    cache = cache_folder() / "checked-images"
    return ImageFolderPool(root, classes, image_size, files=files, cache=cache, progress=progress)


def _kept(n_items: int, limit: int | None) -> IndexArray:
    """Rows of a data set that ``limit`` leaves, ascending; the same ones every time."""
    if limit is None or limit >= n_items:
        return np.arange(n_items)
    rng = np.random.default_rng(derive_seed(0, 0, "limit"))
    return np.sort(rng.choice(n_items, limit, replace=False))


def _path(settings: PoolSettings) -> Path | None:
    return None if settings.path is None else settings.path.expanduser()


def _needed_path(settings: PoolSettings) -> Path:
    path = _path(settings)
    if path is None:
        raise SettingsError(f"pool.path: expected one for kind '{settings.kind}', found none")
    return path


def _needed_classes(settings: PoolSettings, classes: tuple[str, ...] | None) -> tuple[str, ...]:
    if classes is None:
        raise SettingsError(f"classes: expected names for kind '{settings.kind}', found none")
    return classes


def _check_same(
    settings: PoolSettings, classes: tuple[str, ...] | None, known: tuple[str, ...]
) -> None:
    if classes is not None and tuple(classes) != known:
        raise SettingsError(
            f"classes: expected none, or those of '{settings.kind}' in its order "
            f"({', '.join(known[:12])}{', ...' if len(known) > 12 else ''}), "
            f"found {', '.join(classes[:12])}"
        )
