"""kill -9 at random moments: the campaign goes on with nothing lost and nothing bought twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.annotators import OracleAnnotator
from mcal.campaign import Campaign, CampaignResult
from mcal.settings import PlanSettings, PriceSettings, Settings
from mcal.store import Store
from mcal.types import Batch, Event, IndexArray

N_KILLS = 50
N_IN_AUDIT = 4  # of them between the drawing of the audit and the machine's labels
SETTINGS = Settings(
    # A second costs nothing here, so that two runs of unequal speed cost and decide the same.
    prices=PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.25, machine_fee=0.001),
    plan=PlanSettings(replicas=20),  # every step must fit in a life
)


class Ledger(OracleAnnotator):
    """An oracle that writes down every order as a vendor would: one file per batch id."""

    def __init__(self, truth: IndexArray, classes: tuple[str, ...], orders: Path) -> None:
        super().__init__(truth, classes)
        self.orders = orders

    def submit(self, batch: Batch) -> str:
        self.orders.mkdir(exist_ok=True)
        part = self.orders / f"{batch.batch_id}.part.npy"
        np.save(part, batch.indices)
        part.replace(self.orders / f"{batch.batch_id}.npy")
        return super().submit(batch)


def label(folder: Path, world: Blobs) -> CampaignResult | None:
    parts = {
        "pool": world.pool,
        "annotator": Ledger(world.truth, world.pool.classes, folder.with_suffix(".orders")),
        "classifiers": [NearestMean()],
    }
    if Store.exists(folder):
        campaign = Campaign.open(folder, **parts)
    else:
        campaign = Campaign.create(folder, settings=SETTINGS, **parts)
    with campaign:
        return campaign.run(dawdle)


def dawdle(event: Event) -> None:
    """Long after a step has been recorded, so that a life of a few steps is still short."""
    time.sleep(0.15 if event.share is None else 0.005)


def spend(folder: Path) -> dict[str, float]:
    with Store.open(folder, read_only=True) as store:
        return dict(store.spend())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fifty_kills_change_nothing(tmp_path: Path, easy: Blobs) -> None:
    whole = label(tmp_path / "whole", easy)
    assert whole is not None
    moments = random.Random(0)
    kills = in_audit = 0
    for trial in range(20):
        folder = tmp_path / f"killed-{trial}"
        phases = kill_until_done(folder, easy, moments)
        kills += len(phases)
        in_audit += phases.count("audit")
        killed = label(folder, easy)
        assert killed is not None
        np.testing.assert_array_equal(killed.labels, whole.labels)
        np.testing.assert_array_equal(killed.sources, whole.sources)
        np.testing.assert_array_equal(killed.confidence, whole.confidence)
        assert killed.summary.n_human == whole.summary.n_human
        assert killed.summary.certified_error == whole.summary.certified_error
        assert spend(folder) == spend(tmp_path / "whole")
        ordered = [
            np.load(f) for f in folder.with_suffix(".orders").glob("*.npy") if ".part" not in f.name
        ]
        items = np.concatenate(ordered)
        assert np.unique(items).size == items.size == killed.summary.n_human
        if kills >= N_KILLS and in_audit >= N_IN_AUDIT:
            break
    assert kills >= N_KILLS
    assert in_audit >= N_IN_AUDIT


def kill_until_done(folder: Path, world: Blobs, moments: random.Random) -> list[str]:
    """Label in lives of a few steps; the last action before each of them was killed."""
    fork = multiprocessing.get_context("fork")
    told, phases = 0, []
    while True:
        life = fork.Process(target=label, args=(folder, world))
        life.start()
        life.join(moments.uniform(0.0, 0.16))
        if life.exitcode is not None:
            assert life.exitcode == 0
            return phases
        assert life.pid is not None
        os.kill(life.pid, signal.SIGKILL)
        life.join()
        phases.append("")
        if Store.exists(folder):
            with Store.open(folder, read_only=True) as store:
                table = store.labels()
                assert table.indices.size >= told, "a label that was paid for is gone"
                assert np.unique(table.indices).size == table.indices.size
                told = table.indices.size
                actions = store.actions()
                phases[-1] = actions[-1].name if actions else ""
