"""The items of a campaign, found again for its export."""

from __future__ import annotations

from collections.abc import Callable

from mcal.errors import PoolError
from mcal.pools import open_pool
from mcal.settings import Settings
from mcal.store import CampaignRecord
from mcal.types import Pool, Progress, no_progress

__all__ = ["item_names", "reopened_pool"]


def item_names(campaign: CampaignRecord) -> Callable[[int], str]:
    """A function from an item's index to its name: a path, a row of a data set.

    That of ``reopened_pool``; where there is none, the index is the name.
    """
    pool = reopened_pool(campaign)
    return str if pool is None else pool.item_name


def reopened_pool(campaign: CampaignRecord, progress: Progress = no_progress) -> Pool | None:
    """The pool that a campaign's settings name; None where it was handed the pool as an object.

    Raises
    ------
    PoolError
        The pool cannot be read, or is not the one that the campaign began with.
    """
    settings = Settings.model_validate_json(campaign.settings_json)
    if settings.pool is None:
        return None
    pool = open_pool(settings.pool, settings.classes, progress=progress)
    if pool.fingerprint != campaign.pool_fingerprint:
        raise PoolError(
            f"the pool is not the one this campaign began with ({campaign.n_pool:,} items then, "
            f"{pool.n_pool:,} now, or other contents)"
        )
    return pool
