"""Campaigns to report on: simulated, so that they take a second each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mcal.campaign import Campaign
from mcal.campaign.moves import Move
from mcal.report import Story, read_story
from mcal.settings import CertificateSettings, PriceSettings, Settings
from mcal.store import Store
from worlds import MEDIUM, World

WORLD = replace(MEDIUM, n_pool=6000, fixed_cost_per_training=0.5)
PRICES = PriceSettings(price_per_label=0.04, fixed_cost_per_training=0.5)
SETTINGS = Settings(target_error=0.1, prices=PRICES)


def run(
    folder: Path, settings: Settings = SETTINGS, world: World = WORLD, until: Move | None = None
):
    """A campaign in ``folder`` that stops before ``until``, or is finished."""
    with Campaign.create(
        folder,
        pool=world.pool,
        classifiers=[world.classifier],
        annotator=world.annotator,
        settings=settings,
    ) as campaign:
        while campaign.next_move() not in (until, None):
            campaign.step()
    return folder


KINDS: dict[str, Callable[[Path], Path]] = {
    "finished": run,
    "new": lambda folder: run(folder, until=Move.ASK_FIRST),
    "first labels": lambda folder: run(folder, until=Move.TRAIN),
    "one round": lambda folder: run(folder, until=Move.DECIDE),
    "not certified yet": lambda folder: run(folder, until=Move.CERTIFY),
    "as printed": lambda folder: run(folder, SETTINGS.model_copy(update={"preset": "paper"})),
    "without a certificate": lambda folder: run(
        folder, SETTINGS.model_copy(update={"certificate": CertificateSettings(kind="none")})
    ),
    "within a budget": lambda folder: run(folder, SETTINGS.model_copy(update={"budget_usd": 60.0})),
    "hopeless": lambda folder: run(folder, SETTINGS.model_copy(update={"target_error": 0.0001})),
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
