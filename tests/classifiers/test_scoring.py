"""From a network to scores: in how many views an item is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers import scoring  # noqa: E402
from mcal.classifiers.architectures import build_network  # noqa: E402
from mcal.classifiers.augmentation import move  # noqa: E402
from mcal.classifiers.items import Items  # noqa: E402

CPU = torch.device("cpu")
VIEWS = [(0, 0, False), (2, 1, False), (-1, 0, True)]


def logits(network: Any, pool: Any, views: Any) -> Any:
    items = Items(pool, CPU)
    return scoring.score_items(
        network,
        items,
        items.normalisation(),
        np.arange(pool.n_pool),
        views,
        embeddings=False,
        on_device=False,
        progress=lambda share, words: None,
    ).logits


def test_a_processor_looks_again_at_doubtful_items_only(
    images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = images
    torch.manual_seed(0)
    network = build_network("small-cnn", (8, 8, 1), 3).eval()
    with torch.no_grad():
        network.head.weight.mul_(20.0)
    once = logits(network, pool, VIEWS[:1])
    block, normalisation = torch.from_numpy(pool.items), Items(pool, CPU).normalisation()
    with torch.no_grad():
        seen = [
            move(block, *(torch.tensor([[by]]) for by in (down, right, mirrored)))
            for down, right, mirrored in VIEWS
        ]
        each = torch.stack([network(normalisation.apply(one)) for one in seen]).mean(0).numpy()
    ordered = np.sort(once, axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    for sure in (0.0, float(np.median(margins)), float("inf")):
        monkeypatch.setattr(scoring, "_SURE", {"cpu": sure})
        expected = np.where((margins >= sure)[:, None], once, each)
        np.testing.assert_allclose(logits(network, pool, VIEWS), expected, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(scoring, "_SURE", {})
    np.testing.assert_allclose(logits(network, pool, VIEWS), each, rtol=1e-3, atol=1e-3)
    assert np.abs(each - once).max() > 0.1
