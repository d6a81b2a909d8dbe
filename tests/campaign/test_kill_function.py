"""kill -9 while a function labels: what it answered is never asked again."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.annotators.function import FunctionAnnotator, Item
from mcal.campaign import Campaign
from mcal.settings import PlanSettings, PriceSettings, Settings
from mcal.store import Store

SETTINGS = Settings(
    prices=PriceSettings(gpu_usd_per_hour=0.0, judgements_per_item=2),
    plan=PlanSettings(replicas=20),
)
N_CALLS_AT_ONCE = 3


def label(folder: Path, world: Blobs, life: int) -> None:
    """One life; every call leaves a line in a file of that life."""
    log = os.open(f"{folder}.{life}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def function(item: Item) -> int:
        os.write(log, f"{item.index} {item.judge}\n".encode())
        time.sleep(0.001)
        return int(world.truth[item.index])

    annotator = FunctionAnnotator(
        function, folder.with_suffix(".inbox"), concurrency=N_CALLS_AT_ONCE
    )
    parts = {"pool": world.pool, "annotator": annotator, "classifiers": [NearestMean()]}
    if Store.exists(folder):
        campaign = Campaign.open(folder, **parts)
    else:
        campaign = Campaign.create(folder, settings=SETTINGS, **parts)
    with campaign:
        campaign.run()


def calls(folder: Path, life: int) -> list[tuple[int, int]]:
    path = Path(f"{folder}.{life}")
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [(int(index), int(judge)) for index, judge in map(str.split, lines)]


def answered(folder: Path) -> set[tuple[int, int]]:
    inbox = folder.with_suffix(".inbox")
    if not inbox.exists():
        return set()
    with closing(sqlite3.connect(inbox)) as db:
        try:
            rows = db.execute("SELECT item, person FROM judgements").fetchall()
        except sqlite3.OperationalError:  # killed before its tables were there
            return set()
    return {(item, int(person.removeprefix("call-"))) for item, person in rows}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_answered_item_is_never_asked_again(tmp_path: Path, easy: Blobs) -> None:
    folder, moments = tmp_path / "run", random.Random(2)
    fork = multiprocessing.get_context("fork")
    known: set[tuple[int, int]] = set()
    n_calls = 0
    for number in range(60):
        life = fork.Process(target=label, args=(folder, easy, number))
        life.start()
        life.join(moments.uniform(0.2, 1.2) if number < 8 else None)
        if life.exitcode is None:
            assert life.pid is not None
            os.kill(life.pid, signal.SIGKILL)
            life.join()
        made = calls(folder, number)
        assert not known & set(made), "asked again"
        known = answered(folder)
        n_calls += len(made)
        if life.exitcode == 0:
            break
    assert number >= 3
    assert n_calls - len(known) <= N_CALLS_AT_ONCE * number
    with Store.open(folder, read_only=True) as store:
        table, said = store.labels(), store.judgements()
        assert store.finished is not None
        assert np.array_equal(table.labels, easy.truth[table.indices])
        assert said.indices.size == len(known) == 2 * table.indices.size
        assert store.spend()["labels"] == SETTINGS.prices.people.total_usd(table.indices.size)
