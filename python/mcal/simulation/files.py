"""Worlds from files: a description in TOML, or recorded models in .npz."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PoolError
from ..selection import uncertainty
from .curves import Curve
from .named import WORLDS
from .replay import Replay
from .worlds import Source, World

__all__ = ["open_world"]

_CURVE = {field.name for field in fields(Curve)}
_WORLD = {field.name for field in fields(World)} - {"curve"}
_NEEDED = {"n_pool", "n_classes", "family", "points"}
_SHAPE = {"truncated": "k", "floor": "floor"}
_REDUCED = {"n_train", "train_s", "deficit", "wrong", "n_classes"}
_SCORES = {"n_train", "train_s", "scores", "truth"}


def open_world(name: str | Path) -> Source:
    """A ready-made world by name, a described one from FILE.toml, a recorded one from FILE.npz.

    The keys of a TOML file are the parameters of ``World`` and ``Curve`` at the top level::

        n_pool = 20_000
        n_classes = 10
        family = "floor"
        points = [[400, 0.45], [4000, 0.20]]
        floor = 0.05

    An .npz file holds ``n_train`` (R,) and either ``deficit`` (R, N) and ``wrong`` (R, N) with
    ``n_classes``, or ``scores`` (R, N, C), logits or probabilities, and ``truth`` (N,); and
    ``train_s`` (R,), seconds, zeros where training costs nothing.

    Raises
    ------
    ValueError
        Unknown name, or values that make no sense: with the file and the key.
    PoolError
        The file cannot be read.
    """
    if isinstance(name, str) and name in WORLDS:
        return WORLDS[name]
    path = Path(name)
    readers: dict[str, Callable[[Path], Source]] = {".toml": _from_toml, ".npz": _from_npz}
    if path.suffix not in readers:
        raise ValueError(
            f"world: expected one of {', '.join(WORLDS)}, or a .toml or .npz file, found '{name}'"
        )
    try:
        return readers[path.suffix](path)
    except FileNotFoundError as error:
        raise PoolError(f"{path}: no such file") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise PoolError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _from_toml(path: Path) -> World:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(values.keys() - _WORLD - _CURVE)
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown key; known are {', '.join(_known())}")
    missing = sorted(_NEEDED - values.keys())
    if missing:
        raise ValueError(f"{missing[0]}: needed, found none")
    family, points = values["family"], values["points"]
    if family in _SHAPE and _SHAPE[family] not in values:
        raise ValueError(f"{_SHAPE[family]}: needed for family '{family}', found none")
    shape = {key: value for key, value in values.items() if key in _CURVE}
    rest = {key: value for key, value in values.items() if key in _WORLD}
    world = World(**{"name": path.stem, **rest}, curve=Curve(**shape))
    if any(error >= 1.0 for _, error in world.curve.points):
        raise ValueError(f"points: expected errors as shares in (0, 1), found {points!r}")
    return world


def _known() -> list[str]:
    return sorted(_WORLD | _CURVE)


def _from_npz(path: Path) -> Replay:
    arrays = _arrays(path)
    known = _SCORES if "scores" in arrays else _REDUCED
    if unknown := sorted(arrays.keys() - known):
        raise ValueError(f"{unknown[0]}: unknown array; known are {', '.join(sorted(known))}")
    if missing := sorted(known - arrays.keys()):
        raise ValueError(f"{missing[0]}: needed, found {', '.join(sorted(arrays)) or 'no array'}")
    sizes = arrays["n_train"]
    if "scores" in arrays:
        scores, truth = arrays["scores"], arrays["truth"]
        if scores.ndim != 3 or scores.shape[1:2] != truth.shape:
            raise ValueError(
                f"scores: expected shape (R, {truth.size}, C), found shape {scores.shape}"
            )
        said = [uncertainty(matrix) for matrix in scores]
        deficit = np.stack([one.deficit for one in said])
        wrong = np.stack([one.label != truth for one in said])
        n_classes = int(scores.shape[2])
    else:
        deficit, wrong = arrays["deficit"], arrays["wrong"]
        n_classes = int(arrays["n_classes"])
    return Replay(path.stem, sizes, deficit, wrong, arrays["train_s"], n_classes)


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with path.open("rb") as file:  # NumPy takes what is no archive for a pickle
        if not zipfile.is_zipfile(file):
            raise PoolError(f"{path}: not an .npz archive, as numpy.savez writes it")
        arrays = {}
        with np.load(file, allow_pickle=False) as recorded:
            for name in recorded.files:
                try:
                    arrays[name] = recorded[name]
                except ValueError as error:
                    raise ValueError(f"{name}: expected an array of numbers: {error}") from error
    return arrays
