"""Campaigns to test with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.settings import PriceSettings, Settings
from mcal.store import Store
from mcal.types import Purpose

SETTINGS = Settings(prices=PriceSettings(price_per_label=0.04))


@pytest.fixture
def create(tmp_path: Path) -> Callable[..., Store]:
    """Begin a campaign in ``tmp_path / "campaign"`` that is closed after the test."""
    opened: list[Store] = []

    def begin(**changes: Any) -> Store:
        facts = {
            "settings_json": SETTINGS.model_dump_json(),
            "n_pool": 100,
            "classes": ("cat", "dog", "émeu"),
            "pool_kind": "images",
            "pool_fingerprint": "f00d",
            "broken": {7: "truncated file"},
        }
        opened.append(Store.create(tmp_path / "campaign", **(facts | changes)))
        return opened[-1]

    yield begin
    for store in opened:
        store.close()


@pytest.fixture
def buy() -> Callable[..., str]:
    """Record a batch of some items and return its id."""

    def add(store: Store, indices: Any, **changes: Any) -> str:
        facts = {
            "purpose": Purpose.TRAIN,
            "round": 0,
            "selection": "random",
            "engine": "cpu",
            "price_per_label": 0.04,
            "reason": "first training",
        }
        return store.add_batch(indices=np.asarray(indices), **(facts | changes)).batch_id

    return add
