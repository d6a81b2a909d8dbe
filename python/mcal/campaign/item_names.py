"""What people call the items of a campaign, for its export."""

from __future__ import annotations

from collections.abc import Callable

from mcal.errors import PoolError
from mcal.pools import open_pool
from mcal.settings import Settings
from mcal.store import CampaignRecord

__all__ = ["item_names"]


def item_names(campaign: CampaignRecord) -> Callable[[int], str]:
    """A function from an item's index to its name: a path, a row of a data set.

    Opens the pool again. A pool that its campaign was handed as an object is not in the settings,
    and then the index is the name.

    Raises
    ------
    PoolError
        The pool cannot be read, or is not the one that the campaign began with.
    """
    settings = Settings.model_validate_json(campaign.settings_json)
    if settings.pool is None:
        return str
    pool = open_pool(settings.pool, settings.classes)
    if pool.fingerprint != campaign.pool_fingerprint:
        raise PoolError(
            f"the pool is not the one this campaign began with ({campaign.n_pool:,} items then, "
            f"{pool.n_pool:,} now, or other contents)"
        )
    return pool.item_name
