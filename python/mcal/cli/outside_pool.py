"""Where nothing may be written: among the items of a campaign."""

from __future__ import annotations

from pathlib import Path

from mcal.errors import ExportError
from mcal.settings import Settings
from mcal.store import Store

__all__ = ["check_outside_pool"]


def check_outside_pool(store: Store, path: Path) -> None:
    """Raise ``ExportError`` for a path in the folder of a campaign's own pool.

    Every file there is an item of it: the campaign would not know it again.
    """
    pool = Settings.model_validate_json(store.campaign.settings_json).pool
    if pool is None or pool.path is None or pool.kind not in ("image-folder", "image-tree"):
        return
    if path.resolve().is_relative_to(pool.path.expanduser().resolve()):
        raise ExportError(f"{path}: lies in the pool's own folder and would become an item of it")
