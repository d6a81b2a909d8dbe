"""A folder of pictures with all that is awkward in it, and a campaign that labelled it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mcal.export import Exported, ExportFormat, export
from mcal.pools import ArrayPool, EmbeddingPool, ImageFolderPool, picture_of
from mcal.settings import Settings
from mcal.store import Store
from mcal.types import NO_LABEL, FilePool, Pool, Purpose

CLASSES = ("cat", "a/b", "a_b", "CAT", " .. ", 'dog: "big"\t\u2028\x85é日本')
FILES = (
    "a/b.png",
    "a_b.png",
    "animated.gif",
    "broken.png",
    "line\nbreak.png",
    "no ending",
    "photo.JPG",
    "x" * 200 + ".png",
    "zürich 日本.png",
    "y.png",
    "z.png",
)
"""In the order in which a pool lists them."""
BROKEN, NO_CLASS, UNLABELLED = 3, 9, 10


@dataclass(frozen=True)
class Labelled:
    """A pool and its campaign."""

    store: Store
    pool: Pool
    labels: dict[int, str]
    """What was delivered, by index: the class."""

    def export(self, path: Path, format: ExportFormat, **more: Any) -> Exported:
        """As ``mcal export`` does it."""
        pool = self.pool
        return export(
            self.store,
            path,
            format,
            item_name=pool.item_name,
            item_path=pool.item_path if isinstance(pool, FilePool) else None,
            picture=partial(picture_of, pool) if pool.kind == "images" else None,
            **more,
        )


def labelled(pool: Pool, folder: Path) -> Labelled:
    """People label items 0 to 4 and 9 (no class fits), the audit 5, the machine 6 to 8."""
    store = Store.create(
        folder,
        settings_json=Settings().model_dump_json(),
        n_pool=pool.n_pool,
        classes=pool.classes,
        pool_kind=pool.kind,
        pool_fingerprint=pool.fingerprint,
        broken=pool.broken(),
    )
    numbers = {index: index % len(pool.classes) for index in range(9)}
    bought = (
        (Purpose.TEST, 0, [0, 1, NO_CLASS]),
        (Purpose.TRAIN, 1, [2, 3, 4]),
        (Purpose.AUDIT, 2, [5]),
    )
    for purpose, round_, indices in bought:
        batch = store.add_batch(
            purpose=purpose,
            round=round_,
            indices=np.array(indices),
            selection="random",
            engine="cpu",
            price_per_label=0.04,
            reason="",
        )
        store.tell(batch.batch_id, indices, [numbers.get(index, NO_LABEL) for index in indices])
    machine = np.arange(6, 9)
    store.add_machine_labels(
        round=2,
        classifier="small-cnn/fast",
        indices=machine,
        labels=np.array([numbers[index] for index in machine.tolist()]),
        confidence=np.array([0.25, 1 / 3, 1.0]),
        fee_usd_each=0.001,
        reason="",
        details={},
    )
    return Labelled(store, pool, {index: pool.classes[n] for index, n in numbers.items()})


@pytest.fixture
def label_pool() -> Callable[[Pool, Path], Labelled]:
    """What labels a pool in a folder; close its store."""
    return labelled


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Labelled]:
    """A pool of files, ``tmp_path / "photos"``, in grey levels that tell them apart."""
    root = tmp_path / "photos"
    for index, name in enumerate(sorted(FILES)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        kind = "GIF" if name.endswith("gif") else "JPEG" if name.endswith("JPG") else "PNG"
        Image.new("L", (8, 8), grey(index)).save(root / name, kind)
    (root / sorted(FILES)[BROKEN]).write_bytes(b"no picture")
    found = labelled(ImageFolderPool(root, CLASSES, 8), tmp_path / "campaign")
    yield found
    found.store.close()


@pytest.fixture
def digits(tmp_path: Path) -> Iterator[Labelled]:
    """A pool of an array, with names of which some are the same to a file system."""
    images = np.stack([np.full((8, 8), grey(index), np.uint8) for index in range(len(FILES))])
    names = ["a/b", "a_b", "a:b", "con", "..", "", "6", "7", "8", "9", "10"]
    found = labelled(ArrayPool(images, ("0", "1"), names=names), tmp_path / "digits")
    yield found
    found.store.close()


@pytest.fixture
def vectors(tmp_path: Path) -> Iterator[Labelled]:
    """A pool without pictures."""
    embeddings = np.eye(len(FILES), 4, dtype=np.float32)
    found = labelled(EmbeddingPool(embeddings, ("a", "b")), tmp_path / "vectors")
    yield found
    found.store.close()


def grey(index: int) -> int:
    """The level of the item's every pixel."""
    return 20 * index
