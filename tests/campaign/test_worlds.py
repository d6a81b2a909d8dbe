"""The paper's decision on three worlds: mostly machine, about half, people (Table 1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcal.campaign import Campaign, CampaignResult
from mcal.settings import PriceSettings, Settings
from worlds import EASY, HOPELESS, MEDIUM, World


def label(folder: Path, world: World, seed: int = 0) -> CampaignResult:
    settings = Settings(
        seed=seed,
        prices=PriceSettings(
            gpu_usd_per_hour=0.0, fixed_cost_per_training=world.fixed_cost_per_training
        ),
    )
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=world.annotator,
        classifiers=[world.classifier],
        settings=settings,
    ) as campaign:
        result = campaign.run()
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("world", "machine_share", "largest_price"),
    [(EASY, (0.7, 0.92), 0.25), (MEDIUM, (0.45, 0.7), 0.55), (HOPELESS, (0.0, 0.06), 1.1)],
    ids=["easy", "medium", "hopeless"],
)
def test_the_paper_s_decision(
    tmp_path: Path, world: World, machine_share: tuple[float, float], largest_price: float
) -> None:
    result = label(tmp_path / "run", world)
    summary = result.summary
    low, high = machine_share
    assert low <= summary.n_machine / summary.n_pool <= high
    assert summary.total_cost_usd <= largest_price * summary.human_only_cost_usd
    assert summary.training_cost_usd <= 0.1 * summary.human_only_cost_usd
    assert np.mean(result.labels != world.truth) <= 0.05


def test_the_estimate_of_the_error_is_not_biased(tmp_path: Path) -> None:
    """Items that survive every purchase differ from test items of the same confidence."""
    estimated, realised = [], []
    for seed in range(6):
        result = label(tmp_path / str(seed), EASY, seed)
        estimated.append(result.summary.estimated_error)
        realised.append(np.mean(result.labels != EASY.truth))
    assert np.mean(estimated) == pytest.approx(np.mean(realised), rel=0.35)
