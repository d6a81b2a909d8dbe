"""Whoever uses a classifier finds the global random states as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.settings import ClassifierSettings

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of torchvision's SqueezeNet, as if they had been fetched."""
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    chosen = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    model = torchvision.models.squeezenet1_1(weights=None)
    torch.save(model.state_dict(), folder / Path(chosen.url).name)


CHOICES: dict[str, dict[str, Any]] = {
    "fast": {"recipe": "fast", "epochs": 1},
    "semi": {"recipe": "semi", "epochs": 1},
    "paper": {"recipe": "paper", "epochs": 1},
    "self": {"recipe": "self", "epochs": 1, "pretrain_epochs": 1},
    "embedding": {"recipe": "embedding", "pretrain_epochs": 1},
    "torchvision": {"recipe": "embedding", "features": "torchvision:squeezenet1_1"},
}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_door_leaves_them(images: Any, tmp_path: Path, fetched: None, choice: str) -> None:
    pool, labels = images
    pool.items, pool.n_pool = pool.items[:60], 60
    settings = ClassifierSettings(device="cpu", **CHOICES[choice])
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002

    def states() -> tuple[list[int], list[int]]:
        numpy: Any = np.random.get_state()  # noqa: NPY002
        return torch.get_rng_state().tolist(), numpy[1].tolist()

    before, some = states(), np.arange(20)
    opened = open_classifier(settings, pool)
    assert states() == before
    model = opened.train(pool, some, labels[:20], seed=0)
    assert states() == before
    model.save(tmp_path / "model.pt")
    loaded = open_classifier(settings, pool).load(tmp_path / "model.pt", pool)
    assert states() == before
    loaded.score(pool, some)
    assert states() == before
    fresh: Any = open_classifier(settings, pool)
    if fresh.sees_unlabelled:
        fresh.features(pool, some)
    assert states() == before
