"""A tree with one folder for each class, as torchvision's ``ImageFolder`` and many others read."""

from __future__ import annotations

import csv
import os
from collections import Counter

from mcal.errors import ExportError

from .items import Items
from .rows import COLUMNS, Rows
from .safe_names import distinct_names, safe_name
from .whole import LIST_NAME, NewFolder

__all__ = ["write_image_folder"]

_PIECE = 4_096
_TABLE = "labels.csv"
_UNREADABLE = "cannot be read"
# Readers go by the ending, decoders by the content: any other name gets one of these.
_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def write_image_folder(rows: Rows, items: Items, folder: NewFolder) -> Counter[str]:
    """Links ``class/item`` to the pool's files, or PNGs of a pool without files; ``labels.csv``.

    Returns
    -------
    Counter
        How many items are not in the tree, by why; ``labels.csv`` has them with an empty ``file``.
    """
    if not items.have_pictures:
        raise ExportError("imagefolder: expected a pool of images, found one without")
    classes = rows.delivered.classes
    names = distinct_names(classes, taken=(_TABLE, LIST_NAME))
    class_folders = dict(zip(classes, names, strict=True))
    made: set[str] = set()
    left_out: Counter[str] = Counter()
    with folder.put(_TABLE).open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow((*COLUMNS, "file"))
        for piece in rows.pieces(_PIECE):
            for row in rows.tuples(piece):
                index, item, label, source = row[:4]
                reason = _reason_to_leave_out(items, index, label, source)
                image = None
                if reason is None and items.path is None:
                    image = items.image(index)
                    reason = _UNREADABLE if image is None else None
                if reason is not None:
                    left_out[reason] += 1
                    writer.writerow((*row, None))
                    continue
                class_folder = class_folders[label]
                if class_folder not in made:
                    (folder.path / class_folder).mkdir()
                    made.add(class_folder)
                name = _place(items, image, index, item, f"{folder.path}/{class_folder}")
                folder.note(f"{class_folder}/{name}")
                writer.writerow((*row, f"{class_folder}/{name}"))
    return left_out


def _reason_to_leave_out(
    items: Items, index: int, label: str | None, source: str | None
) -> str | None:
    if source is None:
        return "no label yet"
    if label is None:
        return "no class fits"
    return _UNREADABLE if index in items.broken else None


def _place(items: Items, image: bytes | None, index: int, item: str, folder: str) -> str:
    """Link or write an item; its name there is its own unless that is taken."""
    safe = safe_name(item)
    stem, ending = os.path.splitext(safe)
    if items.path is None or ending.lower() not in _ENDINGS:
        stem, ending = safe, ".png"
    name = f"{stem}{ending}"
    while True:
        try:
            if image is not None:
                with open(f"{folder}/{name}", "xb") as file:
                    file.write(image)
            elif items.path is not None:
                os.symlink(os.path.abspath(items.path(index)), f"{folder}/{name}")
            return name
        except FileExistsError:
            stem = f"{stem}~{index}"
            name = f"{stem}{ending}"
