"""A project of Label Studio: its labelling configuration, and tasks in files that it imports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from mcal.label_studio import LOCAL_FILES, data_uri, read_form, write_form
from mcal.manifest import ITEM_MARK
from mcal.types import NO_LABEL, Picture, Source

from .items import Items
from .rows import COLUMNS, Rows
from .whole import NewFolder

__all__ = ["CONFIG_NAME", "check_address_template", "image_addresses", "write_label_studio"]

CONFIG_NAME = "labeling-config.xml"
# The server takes files up to 250 MiB, and keeps all of one in memory.
_MOST_TASKS, _MOST_BYTES = 100_000, 100_000_000
_PIECE = 4_096


def check_address_template(template: str) -> None:
    """ValueError unless ``template`` has one place for an item's name."""
    if template.count(ITEM_MARK) != 1:
        raise ValueError(f'expected an address with one "{ITEM_MARK}", found {template!r}')


def image_addresses(items: Items, template: str | None) -> Callable[[int, str], str]:
    """What gives, for an item's index and name, the address that its task shows.

    By ``template`` if there is one; else the item's own file, as the server reads local files;
    else the image itself within the address; else, for items without a picture, the name.
    """

    def by_template(index: int, name: str) -> str:
        assert template is not None
        is_bucket = not template.startswith(("http://", "https://", "/"))
        return template.replace(ITEM_MARK, name if is_bucket else quote(name))

    def by_item(index: int, name: str) -> str:
        if items.path is not None:
            path = os.fsencode(os.path.abspath(items.path(index)))  # whatever bytes it is of
            return LOCAL_FILES + quote(path.lstrip(b"/"))
        image = items.image(index)
        return name if image is None else data_uri(Picture(image, "image/png"))

    return by_item if template is None else by_template


def write_label_studio(rows: Rows, items: Items, folder: NewFolder, template: str | None) -> None:
    """``labeling-config.xml``, and ``tasks-001.json``, ...: each an array of tasks.

    People's labels are annotations, the machine's are predictions; where a label comes from is in
    the task's data, under ``mcal_`` and the column's name.
    """
    config = write_form(rows.delivered.classes)
    folder.put(CONFIG_NAME).write_text(config + "\n", encoding="utf-8")
    tasks = _tasks(rows, config, image_addresses(items, template))
    with ExitStack() as stack:
        n_files = n_tasks = n_bytes = 0
        file = None
        for task in tasks:
            if file is None or n_tasks == _MOST_TASKS or n_bytes + len(task) > _MOST_BYTES:
                if file is not None:
                    file.write(b"\n]\n")
                stack.close()
                n_files, n_tasks, n_bytes = n_files + 1, 0, 0
                path = folder.put(f"tasks-{n_files:03d}.json")
                file = stack.enter_context(path.open("wb"))
            file.write(b",\n" if n_tasks else b"[\n")
            file.write(task)
            n_tasks, n_bytes = n_tasks + 1, n_bytes + len(task) + 2
        if file is not None:
            file.write(b"\n]\n")


def _tasks(rows: Rows, config: str, address: Callable[[int, str], str]) -> Iterator[bytes]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    form = read_form(config, rows.delivered.classes, "the configuration")
    for piece in rows.pieces(_PIECE):
        for row, label in zip(rows.tuples(piece), piece.labels.tolist(), strict=True):
            index, item, _, source, confidence, _, _, model = row
            known = {f"mcal_{name}": cell for name, cell in zip(COLUMNS, row, strict=True)}
            data = {form.image_key: address(index, item)}
            data |= {key: cell for key, cell in known.items() if cell is not None}
            task: dict[str, Any] = {"data": data}
            if source == Source.MACHINE:
                task["predictions"] = [form.prediction(label, confidence, model)]
            elif source is not None:
                task["annotations"] = [{"result": form.result(NO_LABEL if label < 0 else label)}]
            yield encode(task).encode("utf-8")
