"""Where nothing may be written: over what a campaign lives on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mcal.errors import ExportError
from mcal.settings import FilesSettings, OracleSettings, Settings

from .lock import HOLDER_NAME, LOCK_NAME
from .store import FILE_NAME, Store

__all__ = ["check_may_write"]

_RECORDS = (FILE_NAME, *(f"{FILE_NAME}-{log}" for log in ("wal", "shm", "journal")))
_ANSWERS = "what people are asked and have answered"
_KEPT = {
    **dict.fromkeys(_RECORDS, "the campaign's record"),
    **dict.fromkeys((LOCK_NAME, HOLDER_NAME), "the campaign's lock"),
    "checkpoints": "the campaign's trained models",
    "labelling": _ANSWERS,
}
"""What lies in the folder of a campaign, besides what is written there on demand."""


def check_may_write(store: Store, path: Path) -> None:
    """Raise ``ExportError`` where a file or folder at ``path`` would replace what must stay.

    That is the record of the campaign and what lies beside it; the pool, to whose images a file
    in its folder would be added; and the files of labels that the settings name. Links are
    followed.
    """
    found = _real(path)
    for place, what in _places(store, found):
        if _is_within(found, _real(place)):
            raise ExportError(f"{path}: {what}: give another place")


def _places(store: Store, found: Path) -> Iterator[tuple[Path, str]]:
    """Files and folders, and what to say of a path that is one of them or lies in it."""
    settings = Settings.model_validate_json(store.campaign.settings_json)
    for name, what in _KEPT.items():
        yield store.folder / name, f"would take the place of {what}"
    annotator, known = settings.annotator, settings.labels.known
    if known is not None:
        yield known.expanduser(), "would take the place of the known labels"
    if isinstance(annotator, OracleSettings) and annotator.path is not None:
        yield annotator.path.expanduser(), "would take the place of the true labels"
    if isinstance(annotator, FilesSettings) and annotator.path is not None:
        for name in ("todo", "done", ".orders"):
            yield annotator.path.expanduser() / name, f"would take the place of {_ANSWERS}"
    pool = settings.pool
    if pool is None or pool.path is None:
        return
    place = pool.path.expanduser()
    if not place.is_dir():
        yield place, "would take the place of the pool"
    elif pool.kind in ("image-folder", "image-tree"):
        yield place, "lies in the pool's own folder and would become an item of it"
    elif not _is_within(found, _real(store.folder)):  # which may lie beside a data set's files
        yield place, "lies in the pool's own folder"


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_within(path: Path, place: Path) -> bool:
    """Also where a disk knows a file by several names, as in other capitals."""
    above = (path, *path.parents)
    return place in above or (
        place.exists() and any(each.exists() and each.samefile(place) for each in above)
    )
