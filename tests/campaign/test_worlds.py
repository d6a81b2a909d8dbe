"""The paper's decision on three worlds: mostly machine, about half, people (Table 1)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.campaign import Campaign, CampaignResult
from mcal.settings import PlanSettings, PriceSettings, Settings
from worlds import EASY, HOPELESS, MEDIUM, WORLDS, World


def label(folder: Path, world: World, seed: int = 0, **more: Any) -> CampaignResult:
    settings = Settings(
        seed=seed,
        **more,
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


N_SEEDS = 14


@pytest.mark.parametrize("target", ["set", "machine"])
def test_the_promise_is_kept_as_often_as_promised(tmp_path: Path, target: str) -> None:
    """Whole campaigns, with the plan, the model and the audit chosen as ever."""
    violations = certified = runs = 0
    for world in WORLDS:
        for seed in range(N_SEEDS):
            small = replace(world, n_pool=world.n_pool // 5, seed=seed)
            rules = PlanSettings(replicas=60)
            result = label(
                tmp_path / f"{world.name}-{seed}", small, seed, target=target, plan=rules
            )
            machine = result.sources == "machine"
            wrong = np.sum(machine & (result.labels != small.truth))
            out_of = small.n_pool if target == "set" else max(1, machine.sum())
            summary = result.summary
            assert summary.certified_error is not None
            assert summary.certified_error <= 0.05
            violations += wrong / out_of > 0.05
            certified += wrong / out_of <= summary.certified_error
            runs += 1
            assert summary.total_cost_usd <= 1.15 * summary.human_only_cost_usd
    slack = 3.0 * np.sqrt(0.05 * 0.95 / runs)
    assert violations / runs <= 0.05 + slack
    assert certified / runs >= 0.95 - slack
