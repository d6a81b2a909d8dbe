"""Campaigns to report on: simulated, so that they take a second each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.campaign import Campaign
from mcal.campaign.moves import Move
from mcal.report import Story, read_story
from mcal.settings import CertificateSettings, PriceSettings, Settings
from mcal.store import Store
from mcal.types import NO_LABEL, Annotator, Answers, Batch
from worlds import EASY, MEDIUM, World

WORLD = replace(MEDIUM, n_pool=6000, fixed_cost_per_training=0.5)
PRICES = PriceSettings(price_per_label=0.04, fixed_cost_per_training=0.5)
SETTINGS = Settings(target_error=0.1, prices=PRICES)


class Picky:
    """Answers rightly at once, but finds that no class fits the items of one in ten."""

    name = "picky"

    def __init__(self, world: World) -> None:
        self.world = world

    def submit(self, batch: Batch) -> str:
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        labels = np.where(batch.indices % 10 == 0, NO_LABEL, self.world.truth[batch.indices])
        return Answers(batch.indices, labels, complete=True)


def run(
    folder: Path,
    world: World = WORLD,
    until: Move | None = None,
    known: tuple[Any, Any] | None = None,
    annotator: Annotator | None = None,
    **changes: Any,
) -> Path:
    """A campaign in ``folder`` that stops before ``until``, or is finished."""
    with Campaign.create(
        folder,
        pool=world.pool,
        classifiers=[world.classifier],
        annotator=annotator or world.annotator,
        settings=SETTINGS.model_copy(update=changes),
        known=known,
    ) as campaign:
        while campaign.next_move() not in (until, None):
            campaign.step()
    return folder


NONE = CertificateSettings(kind="none")
TINY = replace(EASY, n_pool=20)
LARGE = replace(EASY, n_pool=20_000, fixed_cost_per_training=0.1)

KINDS: dict[str, Callable[[Path], Path]] = {
    "finished": run,
    "new": partial(run, until=Move.ASK_FIRST),
    "first labels": partial(run, until=Move.TRAIN),
    "one round": partial(run, until=Move.DECIDE),
    "not certified yet": partial(run, until=Move.CERTIFY),
    "as printed": partial(run, preset="paper"),
    "without a certificate": partial(run, certificate=NONE),
    "within a budget": partial(run, budget_usd=60.0),
    "within a budget, uncertified": partial(run, budget_usd=60.0, certificate=NONE),
    "hopeless": partial(run, target_error=0.0001),
    "hopeless, the rest to come": partial(run, target_error=0.0001, until=Move.ASK_REST),
    "hopeless, uncertified": partial(run, target_error=0.0001, certificate=NONE),
    "of the machine's labels": partial(run, world=LARGE, target="machine"),
    "weighted": partial(run, world=LARGE, certificate=CertificateSettings(kind="weighted")),
    "tiny": partial(run, world=TINY, prices=PriceSettings()),  # a fixed cost would not be worth it
    "all known": partial(run, known=(np.arange(WORLD.n_pool), WORLD.truth)),
    "some known": partial(run, known=(np.arange(2000), WORLD.truth[:2000])),
    "no class fits some": partial(run, annotator=Picky(WORLD)),
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a campaign of each kind, made when it is first asked for."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = KINDS[kind](tmp_path_factory.mktemp("report") / "campaign")
        return made[kind]

    return folder


@pytest.fixture
def opened(folders: Callable[[str], Path]) -> Iterator[Callable[[str], Store]]:
    """The store of a campaign of each kind."""
    stores: list[Store] = []

    def store(kind: str) -> Store:
        stores.append(Store.open(folders(kind), read_only=True))
        return stores[-1]

    yield store
    for each in stores:
        each.close()


@pytest.fixture
def story(opened: Callable[[str], Store]) -> Callable[[str], Story]:
    """What the report of a campaign of each kind tells."""
    return lambda kind: read_story(opened(kind))
