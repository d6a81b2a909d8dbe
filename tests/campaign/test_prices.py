"""Whole campaigns under volume prices, several judgements and a vendor's smallest batch."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.campaign import Campaign
from mcal.campaign.label_cost import label_cost
from mcal.export import export
from mcal.money import add_usd
from mcal.prices import item_prices
from mcal.settings import PriceSettings, PriceTier, Settings
from mcal.store import Store, summarise
from mcal.types import Purpose

TIERS = ((0, 0.03), (100, 0.0123456789), (1000, 0.01))
PRICES = PriceSettings(
    tiers=tuple(PriceTier(n_from=n, price=usd) for n, usd in TIERS),
    judgements_per_item=3,
    min_batch=150,
    machine_fee=0.001,
    gpu_usd_per_hour=0.0,
)


def run(folder: Path, world: Blobs, prices: PriceSettings) -> None:
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.oracle(),
        classifiers=[NearestMean()],
        settings=Settings(prices=prices),
    ) as campaign:
        assert campaign.run() is not None


def test_every_label_is_billed_its_own_price(tmp_path: Path, easy: Blobs) -> None:
    run(tmp_path / "run", easy, PRICES)
    with Store.open(tmp_path / "run", read_only=True) as store:
        summary, spend, batches = summarise(store), store.spend(), store.batches()
        export(store, tmp_path / "out.csv", item_name=easy.pool.item_name)
    prices = item_prices(TIERS, 3)
    assert summary.human_cost_usd == spend["labels"] == prices.total_usd(summary.n_human)
    assert summary.human_only_cost_usd == prices.total_usd(4000)
    assert sum(batch.n_items for batch in batches) == summary.n_human
    assert all(batch.n_items >= 150 for batch in batches if batch.purpose is not Purpose.REST)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    people = [float(row["price_usd"]) for row in rows if row["source"] != "machine"]
    assert len(set(people)) > 2
    assert add_usd(*people) == summary.human_cost_usd
    assert add_usd(*(float(row["price_usd"]) for row in rows)) == summary.total_cost_usd


def test_one_tier_is_one_price(tmp_path: Path, easy: Blobs) -> None:
    totals = []
    for name, prices in (
        ("a", PriceSettings(price_per_label=0.06)),
        ("b", PriceSettings(tiers=(PriceTier(n_from=0, price=0.06),))),
        ("c", PriceSettings(price_per_label=0.02, judgements_per_item=3)),
        ("d", PriceSettings(price_per_label=0.06, latency_hours=9.0, items_per_hour=1.0)),
    ):
        prices = prices.model_copy(update={"gpu_usd_per_hour": 0.0})
        run(tmp_path / name, easy, prices)
        with Store.open(tmp_path / name, read_only=True) as store:
            totals.append(summarise(store).total_cost_usd)
    assert len(set(totals)) == 1


@pytest.mark.parametrize("fee", [0.0, 0.02, 0.05, 0.2])
def test_the_cost_of_labels_by_who_gives_them(fee: float) -> None:
    settings = Settings(
        prices=PriceSettings(
            tiers=(
                PriceTier(n_from=0, price=0.1),
                PriceTier(n_from=300, price=0.04),
                PriceTier(n_from=5000, price=0.01),
            ),
            machine_fee=fee,
        )
    )
    labels = label_cost(1000, settings)
    n = np.arange(1001)
    people = np.array([settings.prices.people.total_usd(int(m)) for m in 1000 - n])
    np.testing.assert_allclose(labels.of(n), people + fee * n, rtol=1e-12)
    # One machine label fewer than where labels cost so much.
    fewer = labels.with_fewer(labels.of(n[:700]), np.ones(700)) - labels.of(n[:700])
    np.testing.assert_allclose(fewer, max(0.0, 0.04 - fee), atol=1e-12)
