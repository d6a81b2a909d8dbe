"""From settings to the parts of a campaign."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..annotators import open_annotator
from ..errors import SettingsError, StoreError
from ..pools import open_pool, picture_of, read_truth
from ..settings import Settings
from ..store import Store
from ..types import Annotator, Pool, Progress, derive_seed, no_progress

__all__ = ["check_same_settings", "open_parts"]


def open_parts(
    settings: Settings, folder: Path, progress: Progress | None
) -> tuple[Pool, Annotator]:
    """The pool and the annotator that the settings describe."""
    pool_settings, annotator_settings = settings.pool, settings.annotator
    if pool_settings is None:
        raise SettingsError("pool: expected a [pool] section, found none")
    if annotator_settings is None:
        raise SettingsError("annotator: expected an [annotator] section, found none")
    pool = open_pool(pool_settings, settings.classes, progress=progress or no_progress)
    annotator = open_annotator(
        annotator_settings,
        folder=folder,
        pool=pool,
        picture=lambda index: picture_of(pool, index),
        truth=lambda: read_truth(pool_settings, settings.classes),
        seed=derive_seed(settings.seed, 0, "annotator"),
    )
    return pool, annotator


def check_same_settings(settings: Settings, folder: Path) -> None:
    """A campaign goes on with the settings it began with, or not at all."""
    with Store.open(folder, read_only=True) as store:
        stored = Settings.model_validate_json(store.campaign.settings_json)
    old, new = stored.model_dump(mode="json"), settings.model_dump(mode="json")
    differing = list(_differences("", old, new))
    if differing:
        raise StoreError(
            f"{folder} holds a campaign with other settings ({'; '.join(differing)}): "
            "continue it with those it began with, or choose another folder"
        )


def _differences(key: str, old: Any, new: Any) -> Iterator[str]:
    """One phrase for each value that differs: its dotted key, what it was and what it is."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _differences(f"{key}.{name}".lstrip("."), old.get(name), new.get(name))
    elif old != new:
        yield f"{key} was {json.dumps(old)}, now {json.dumps(new)}"
