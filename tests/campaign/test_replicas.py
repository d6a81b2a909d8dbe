"""Campaigns steered by replicas: what is recorded, and what decides without them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean, make_blobs
from mcal.campaign import Campaign
from mcal.campaign.moves import Move
from mcal.campaign.outlook import Outlook
from mcal.quoting import quote
from mcal.settings import CertificateSettings, PlanSettings, PriceSettings, Settings
from mcal.store import FILE_NAME, Store
from mcal.types import Event, Purpose
from worlds import EASY, World

PRICES = PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.5)
SETTINGS = Settings(prices=PRICES, plan=PlanSettings(replicas=80))


def create(folder: Path, world: Blobs | World, settings: Settings = SETTINGS, **more: Any) -> Any:
    if isinstance(world, Blobs):
        parts: dict[str, Any] = {"annotator": world.oracle(), "classifiers": [NearestMean()]}
    else:
        parts = {"annotator": world.annotator, "classifiers": [world.classifier]}
    return Campaign.create(folder, pool=world.pool, settings=settings, **(parts | more))


def advance_to_round(campaign: Campaign, round_: int) -> None:
    while not any(b.round == round_ for b in campaign._store.batches()):
        assert campaign.step() is not None


def test_every_round_keeps_its_test_items_and_what_they_say(tmp_path: Path) -> None:
    world = make_blobs(4000, 2.5)
    with create(tmp_path / "run", world) as campaign:
        assert campaign.run() is not None
    with Store.open(tmp_path / "run", read_only=True) as store:
        cells, plans = store.estimates("cells"), store.estimates("plan")
        outlooks, profiles = store.estimates("outlook"), store.estimates("profile")
        n_test = store.labels(Purpose.TEST).indices.size
        sizes = [run.n_train for run in store.runs()]
        reasons = [a.reason for a in store.actions()]
    assert len(cells) == len(plans) == len(profiles) > 3
    assert len(outlooks) == len(plans) - 1, "one round has no slope yet"
    assert [c.payload["n_train"] for c in cells] == sizes
    for cell, profile in zip(cells, profiles, strict=True):
        codes = np.array(cell.payload["cells"])
        assert codes.size == n_test
        assert cell.payload["bin_edges"] == profile.payload["bin_edges"]
        behind = np.bincount(codes[codes >= 0] // 2, minlength=len(profile.payload["bin_n_test"]))
        assert behind.tolist() == profile.payload["bin_n_test"]
    for plan in plans[1:]:
        low, high = plan.payload["predicted_interval_90_usd"]
        inner = plan.payload["predicted_interval_50_usd"]
        assert low <= inner[0] <= inner[1] <= high
        assert 0.0 <= plan.payload["pays_probability"] <= 1.0
    assert "predicted_interval_90_usd" not in plans[0].payload
    assert any("is expected to" in reason for reason in reasons)


def test_the_interval_is_told_while_it_runs_and_afterwards(tmp_path: Path, easy: Blobs) -> None:
    events: list[Event] = []
    with create(tmp_path / "run", easy) as campaign:
        assert campaign.summary().predicted_interval_usd is None
        seen = []
        while campaign.step(events.append) is not None:
            if events[-1].phase == "plan":
                seen.append(campaign.summary().predicted_interval_usd)
        summary = campaign.summary()
    told = [e.facts["predicted_interval_usd"] for e in events if e.phase == "plan"]
    assert told[0] is None
    assert seen[0] is None
    assert np.array(seen[1:]) == pytest.approx(np.array(told[1:]))
    assert summary.predicted_interval_usd == (summary.total_cost_usd,) * 2
    assert summary.to_json()["predicted_interval_usd"] == summary.predicted_interval_usd


def test_the_replicas_of_a_round_are_the_same_after_a_kill(tmp_path: Path, easy: Blobs) -> None:
    outlooks = []
    for name, stop in (("whole", False), ("cut", True)):
        with create(tmp_path / name, easy) as campaign:
            advance_to_round(campaign, 2)
            if stop:
                campaign.step()
                campaign._store.start_run(
                    round=2, classifier="nearest-mean/fake", n_train=1, seed=0, device="cpu"
                )
        with Campaign.open(
            tmp_path / name, pool=easy.pool, annotator=easy.oracle(), classifiers=[NearestMean()]
        ) as campaign:
            campaign.run()
        with Store.open(tmp_path / name, read_only=True) as store:
            outlooks.append([o.payload for o in store.estimates("outlook")])
    assert outlooks[0] == outlooks[1]


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS.model_copy(update={"plan": PlanSettings(replicas=0)}),
        SETTINGS.model_copy(update={"preset": "paper"}),
    ],
    ids=["none", "paper"],
)
def test_without_replicas_the_plan_decides(tmp_path: Path, easy: Blobs, settings: Settings) -> None:
    with create(tmp_path / "run", easy, settings) as campaign:
        assert campaign.run() is not None
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert store.estimates("outlook") == []
        assert not any("is expected to" in a.reason for a in store.actions())
        assert bool(store.estimates("cells")) == (settings.preset == "default")


def test_a_campaign_begun_before_there_were_cells_goes_on_by_its_plans(
    tmp_path: Path, easy: Blobs
) -> None:
    with create(tmp_path / "run", easy) as campaign:
        advance_to_round(campaign, 2)
    file = sqlite3.connect(tmp_path / "run" / FILE_NAME)
    with file:
        file.execute("DROP TRIGGER estimates_delete")
        file.execute("DELETE FROM estimates WHERE kind IN ('cells', 'outlook')")
    file.close()
    with Campaign.open(
        tmp_path / "run", pool=easy.pool, annotator=easy.oracle(), classifiers=[NearestMean()]
    ) as campaign:
        result = campaign.run()
    assert result is not None
    assert np.mean(result.labels != easy.truth) <= 0.05
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert store.estimates("outlook") == []
        assert store.estimates("cells")[0].round == 2


def test_cheap_training_buys_more_rounds_and_more_machine_labels(tmp_path: Path) -> None:
    """What people would label at the end anyway is bought earlier, where it also teaches."""
    found = {}
    world = replace(EASY, n_pool=10_000, seed=1)
    for price in (0.001, 8.0):
        settings = SETTINGS.model_copy(
            update={
                "prices": PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=price),
                "certificate": CertificateSettings(kind="none"),  # and no luck of its draw
            }
        )
        with create(tmp_path / str(price), world, settings) as campaign:
            campaign.run()
            found[price] = campaign.summary()
    cheap, dear = found.values()
    assert cheap.rounds > dear.rounds
    assert cheap.n_machine > dear.n_machine


def test_a_race_ends_early_for_a_hopeless_candidate(tmp_path: Path, easy: Blobs) -> None:
    class Guess(NearestMean):
        def train(self, pool: Any, indices: Any, labels: Any, **rest: Any) -> Any:
            return super().train(pool, indices, np.zeros_like(labels), **rest)

    candidates = [Guess("guess/fake"), NearestMean()]
    with create(tmp_path / "run", easy, classifiers=candidates) as campaign:
        result = campaign.run()
        assert campaign.next_move() is None
    assert result is not None
    assert result.summary.classifier == "nearest-mean/fake"
    with Store.open(tmp_path / "run", read_only=True) as store:
        (drop,) = (a for a in store.actions() if a.name == "drop")
        assert sum(run.cost_usd + run.fixed_cost_usd for run in store.runs()) == pytest.approx(
            result.summary.training_cost_usd
        )
    assert drop.details["classifier"] == "guess/fake"
    assert drop.round == 3, "four trainings are enough"
    assert "its total from here is above $" in drop.reason
    assert len(candidates[0].trainings) == 4


def test_the_predicted_total_holds_the_training_of_every_candidate(
    tmp_path: Path, easy: Blobs
) -> None:
    candidates = [NearestMean("first/fake"), NearestMean("second/fake")]
    n_compared = 0
    with create(tmp_path / "run", easy, classifiers=candidates) as campaign:
        while (move := campaign.next_move()) is not None:
            if move is Move.DECIDE:
                summary, store = campaign.summary(), campaign._store
                latest = [e for e in store.estimates("plan") if e.round == summary.rounds - 1]
                best = min(latest, key=lambda e: e.payload["total_cost_usd"])
                spent = summary.training_cost_usd
                assert spent >= 0.5 * len(latest) * summary.rounds
                to_come = best.payload["total_cost_usd"]
                assert summary.predicted_total_cost_usd == pytest.approx(to_come + spent)
                for known in store.estimates("outlook", round=best.round):
                    if known.classifier == best.classifier:
                        outlook = Outlook.from_json(known.payload)
                        people_usd = best.payload["human_only_cost_usd"]
                        ends = outlook.predicted_interval(0.9, people_usd, spent)
                        assert summary.predicted_interval_usd == pytest.approx(ends)
                        found = quote(SETTINGS, tmp_path / "run")
                        people_usd = summary.human_only_cost_usd
                        assert found.pays_probability == outlook.pays_probability(people_usd, spent)
                        n_compared += 1
            assert campaign.step() is not None
    assert n_compared >= 3
