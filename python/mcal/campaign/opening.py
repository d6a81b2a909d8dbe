"""From settings to the parts of a campaign."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..annotators import KnownLabels, digest_of, open_annotator
from ..errors import PoolError, SettingsError, StoreError
from ..pools import open_pool, picture_of, read_truth
from ..settings import Settings
from ..store import Store, add_budget, has_ended, settings_now
from ..types import Annotator, Picture, Pool, Progress, derive_seed, no_progress
from .estimate import n_test_items
from .known import recorded_known
from .purse import least_budget_usd
from .sizes import first_purchase

__all__ = [
    "beginning",
    "check_same_settings",
    "check_size",
    "least_items",
    "open_parts",
    "with_budget",
]


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
        picture=lambda index: _picture(pool, index),
        truth=lambda: read_truth(pool_settings, settings.classes),
        seed=derive_seed(settings.seed, 0, "annotator"),
    )
    return pool, annotator


def least_items(n_test: int, n_first: int) -> int:
    """Fewest readable items, of those without a known label, that a machine is taught for."""
    return max(20, n_test + n_first + 1)


def beginning(n_test: int, n_first: int, settings: Settings) -> str:
    """For a refusal, in words: what a campaign begins with, and the setting that makes it large."""
    least = settings.prices.min_batch
    why = f" (prices.min_batch is {least:,})" if 1 < least == max(n_test, n_first) else ""
    return f"a test set of {n_test:,} and a first batch of {n_first:,}{why}"


def check_size(
    pool: Pool,
    known: KnownLabels,
    usable: npt.NDArray[np.bool_],
    settings: Settings,
    n_candidates: int,
) -> None:
    """Refuse a pool that is too small to begin with, and a budget that is.

    What known labels leave may be as small as it likes: people label it then, and the budget must
    pay for that. ``usable`` says which of them models are trained on.
    """
    n_pool, broken = pool.n_pool, pool.broken()
    n_by_class = np.bincount(known.labels[usable], minlength=len(pool.classes))
    n_broken = len(broken.keys() - set(known.indices.tolist()))
    n_readable = n_pool - known.indices.size - n_broken

    def first(given: Settings) -> tuple[int, int]:
        return n_test_items(n_pool, given), first_purchase(n_pool, n_by_class, given)

    if len(pool.classes) < 2:
        raise ValueError(f"pool: expected at least 2 classes, found {len(pool.classes)}")
    least = least_items(*first(settings))
    if n_readable < least and not settings.n_known:
        raise ValueError(
            f"pool: expected at least {least:,} readable items for "
            f"{beginning(*first(settings), settings)}, found {n_readable:,}"
        )
    if settings.budget_usd is None:
        return
    least_usd = least_budget_usd(
        lambda given: sum(first(given)) if n_readable >= least else n_pool,
        n_pool=n_pool,
        n_broken=n_broken,
        n_candidates=n_candidates,
        settings=settings,
    )
    if settings.budget_usd < least_usd:
        cents_up = math.ceil(100.0 * least_usd) / 100.0
        purpose = f"a test set, a first training{' and an audit' if settings.is_audited else ''}"
        if n_readable < least:
            purpose = f"people's labels of the {n_pool - settings.n_known:,} that are not known"
        raise ValueError(
            f"budget_usd: expected at least ${cents_up:,.2f} for {purpose} of {n_pool:,} items, "
            f"found ${settings.budget_usd:,.2f}"
        )


def _picture(pool: Pool, index: int) -> Picture | None:
    """An item as people should see it; a file that has vanished must not hold up the others."""
    try:
        return picture_of(pool, index)
    except PoolError:
        return None


def check_same_settings(settings: Settings, folder: Path) -> None:
    """A campaign goes on with the settings it began with, or not at all; a budget may rise.

    Known labels were taken when it began: a file of them that reads otherwise now is refused.
    """
    with Store.open(folder, read_only=True) as store:
        stored, taken = settings_now(store), recorded_known(store)
    if (stored.budget_usd or math.inf) < (settings.budget_usd or 0.0):
        stored = stored.model_copy(update={"budget_usd": settings.budget_usd})
    old, new = stored.model_dump(mode="json"), settings.model_dump(mode="json")
    differing = list(_differences("", old, new))
    if differing:
        raise StoreError(
            f"{folder} holds a campaign with other settings ({'; '.join(differing)}): "
            "continue it with those it began with, or choose another folder"
        )
    file = settings.labels.known
    if file is None or taken is None or not file.exists():
        return
    if taken["sha256"] != digest_of(file):
        raise StoreError(
            f"{file} has changed since the campaign in {folder} took {taken['n_known']:,} known "
            "labels from it, and goes on with: put the file back as it was or take it away, or "
            "begin a campaign in another folder"
        )


def with_budget(store: Store, budget_usd: float | None) -> Settings:
    """The settings of a campaign, its budget raised first where there is more.

    Raises ``StoreError`` for a budget that is smaller, that comes too late to buy anything, or of
    a campaign without one.
    """
    settings = settings_now(store)
    if budget_usd is None or budget_usd == settings.budget_usd:
        return settings
    if settings.budget_usd is None or not settings.budget_usd < budget_usd < math.inf:
        raise StoreError(f"budget_usd: expected {settings.budget_usd} or more, found {budget_usd}")
    if has_ended(store) or store.ranking() is not None:
        raise StoreError(
            f"budget_usd: was {settings.budget_usd}, now {budget_usd}: the campaign has ended its "
            "buying, and more money cannot change it"
        )
    add_budget(store, budget_usd)
    return settings_now(store)


def _differences(key: str, old: Any, new: Any) -> Iterator[str]:
    """One phrase for each value that differs: its dotted key, what it was and what it is."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _differences(f"{key}.{name}".lstrip("."), old.get(name), new.get(name))
    elif old != new:
        yield f"{key} was {json.dumps(old)}, now {json.dumps(new)}"
