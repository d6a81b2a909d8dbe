"""What a known data set brings: its items and, apart from them, the truth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcal.types import IndexArray


@dataclass(frozen=True)
class DataSet:
    """Images of a known data set, with labels that only the oracle and evaluation may see."""

    images: npt.NDArray[np.uint8]  # (N, H, W) or (N, H, W, 3)
    labels: IndexArray  # (N,)
    names: tuple[str, ...]  # (N,)
    classes: tuple[str, ...]  # (C,)


def split_names(n_train: int, n_test: int) -> tuple[str, ...]:
    """Names of items that come from a training split, then from a test split."""
    return (
        *(f"train/{row}" for row in range(n_train)),
        *(f"test/{row}" for row in range(n_test)),
    )


def cache_folder() -> Path:
    """Where fetched data sets and other things that can be had again are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mcal"
