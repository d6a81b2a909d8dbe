"""A campaign whose model lives on a GPU selects there; only numbers per item come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.campaign import scoring
from mcal.campaign.scoring import choose_batch, choose_engine, score_items
from mcal.types import no_progress


@dataclass
class Recorder:
    """A model that says whether its scores were allowed to stay where it is."""

    model: Any
    asked: list[bool]

    def score(self, pool: Any, indices: Any, *, on_device: bool = False, **options: Any) -> Any:
        self.asked.append(on_device)
        return self.model.score(pool, indices, **options)


def test_models_on_the_cpu_are_selected_for_on_the_cpu() -> None:
    assert choose_engine("cpu") == ("cpu", "the model is on cpu")


def test_a_gpu_without_the_engine_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "why_no_device", lambda: "cupy is not installed")
    assert choose_engine("cuda:1") == ("cpu", "cupy is not installed")
    monkeypatch.setattr(scoring, "why_no_device", lambda: None)
    assert choose_engine("cuda:1") == ("cuda", "the model is on cuda:1")


@pytest.mark.parametrize("engine", ["cpu", "cuda"])
def test_scores_stay_where_the_engine_is(
    easy: Blobs, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    indices = np.arange(300)
    trained = NearestMean().train(easy.pool, indices[:60], easy.truth[:60], seed=0)
    model = Recorder(trained, [])
    scores = score_items(
        model, easy.pool, indices, selection="k_center", engine=engine, progress=no_progress
    )
    assert scores.engine == engine
    engines = []
    on_cpu = scoring.k_center

    def k_center(*arguments: Any, engine: str, **options: Any) -> Any:
        engines.append(engine)
        return on_cpu(*arguments, engine="cpu", **options)

    monkeypatch.setattr(scoring, "k_center", k_center)
    chosen = choose_batch(
        scores,
        np.arange(60, 300),
        10,
        selection="k_center",
        seed=0,
        model=model,
        pool=easy.pool,
        centers=indices[:60],
        progress=no_progress,
    )
    assert len(set(chosen.tolist())) == 10
    assert model.asked == [engine == "cuda"] * 2
    assert engines == [engine]
