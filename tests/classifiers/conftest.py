"""Small pools of items that can be told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")


class FakePool:
    """Arrays as a pool; counts what was read."""

    def __init__(
        self, items: npt.NDArray[Any], classes: tuple[str, ...], fingerprint: str = "a"
    ) -> None:
        self.items = items
        self.n_pool = len(items)
        self.classes = classes
        self.kind = "images" if items.ndim == 4 else "embeddings"
        self.fingerprint = fingerprint
        self.n_read = 0

    def read(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        self.n_read += len(indices)
        return self.items[indices]

    def item_name(self, index: int) -> str:
        return str(index)

    def broken(self) -> dict[int, str]:
        return {}


def _make_images(n: int, height: int, width: int, channels: int) -> tuple[FakePool, Any]:
    """Noise, with the upper or the lower half brighter: that is the class."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, n)
    images = random.integers(0, 90, (n, height, width, channels), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        top = int(label) * (height // 2)
        image[top : top + height // 2] += 100
    return FakePool(images, ("above", "below", "never seen")), labels


@pytest.fixture
def make_images() -> Any:
    return _make_images


@pytest.fixture
def images() -> tuple[FakePool, Any]:
    return _make_images(300, 8, 8, 1)


@pytest.fixture
def vectors() -> tuple[FakePool, Any]:
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 300)
    centers = 4.0 * np.eye(3, 5)[labels]
    spread = np.array([1, 1, 1, 50, 0])  # a noisy feature, and a constant one
    x = (centers + spread * random.normal(size=(300, 5)) + [0, 0, 0, 0, 7]).astype(np.float32)
    return FakePool(x, ("a", "b", "c")), labels
