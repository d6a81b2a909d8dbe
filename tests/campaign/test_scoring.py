from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.campaign.scoring import ItemScores, choose_batch, score_items, would_be_bought
from mcal.selection import uncertainty
from mcal.types import Scores, no_progress


def scores_of(world: Blobs, selection: str) -> tuple[Any, ItemScores]:
    indices = np.arange(0, 4000, 3)
    model = NearestMean().train(world.pool, indices[:60], world.truth[indices[:60]], seed=0)
    return model, score_items(
        model, world.pool, indices, selection=selection, engine="cpu", progress=no_progress
    )


@pytest.mark.parametrize("selection", ["margin", "entropy", "least_confidence"])
def test_the_most_informative_are_bought_first(easy: Blobs, selection: str) -> None:
    model, scores = scores_of(easy, selection)
    logits = model.score(easy.pool, scores.indices).logits
    found = uncertainty(logits)
    value = {
        "margin": found.deficit,
        "entropy": found.entropy,
        "least_confidence": found.least_confidence,
    }[selection]
    positions = np.arange(100, 900)
    chosen = choose_batch(
        scores,
        positions,
        50,
        selection=selection,
        seed=0,
        model=model,
        pool=easy.pool,
        centers=scores.indices[:60],
        progress=no_progress,
    )
    expected = positions[np.argsort(-value[positions], kind="stable")[:50]]
    np.testing.assert_array_equal(chosen, scores.indices[expected])
    np.testing.assert_array_equal(scores.labels, np.argmax(logits, axis=1))
    np.testing.assert_allclose(scores.deficit, found.deficit)


def test_many_blocks_score_as_one(easy: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = scores_of(easy, "entropy")
    monkeypatch.setattr("mcal.campaign.scoring.LOGITS_AT_ONCE", 4 * 77)
    _, blocks = scores_of(easy, "entropy")
    np.testing.assert_array_equal(whole.labels, blocks.labels)
    np.testing.assert_array_equal(whole.deficit, blocks.deficit)
    np.testing.assert_array_equal(whole.informativeness, blocks.informativeness)


def test_the_random_choice_is_the_seed_s(easy: Blobs) -> None:
    model, scores = scores_of(easy, "random")
    positions = np.arange(200)

    def choose(seed: int) -> np.ndarray:
        return choose_batch(
            scores,
            positions,
            20,
            selection="random",
            seed=seed,
            model=model,
            pool=easy.pool,
            centers=scores.indices[:0],
            progress=no_progress,
        )

    np.testing.assert_array_equal(choose(1), choose(1))
    assert (choose(1) != choose(2)).any()
    assert np.isin(choose(1), scores.indices[positions]).all()


def test_others_above_the_last_one_bought_would_be_bought() -> None:
    indices = np.array([2, 3, 5, 7, 11, 13])
    informativeness = np.array([0.1, 0.9, 0.5, 0.6, 0.5, 0.2])
    scores = ItemScores(indices, np.zeros(6, np.int64), informativeness, informativeness)
    taken = would_be_bought(scores, np.array([3, 5]), np.array([2, 7, 11, 13]))
    assert taken.tolist() == [7]
    unranked = ItemScores(indices, np.zeros(6, np.int64), informativeness, np.empty(0))
    assert would_be_bought(unranked, np.array([3]), np.array([7])).size == 0


class Doubting:
    """A model that ranks by something of its own."""

    def __init__(self, model: Any, doubt: np.ndarray) -> None:
        self.model, self.doubt = model, doubt

    def score(self, pool: Any, indices: np.ndarray, **options: Any) -> Scores:
        said = self.model.score(pool, indices, **options)
        return Scores(said.logits, said.embeddings, self.doubt[indices])


def test_a_model_s_own_doubt_is_ranked_by_and_the_margin_still_chooses(
    easy: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, by_margin = scores_of(easy, "margin")
    doubt = np.random.default_rng(0).random(4000)
    doubt[:2] = 0.0, 1.0
    monkeypatch.setattr("mcal.campaign.scoring.LOGITS_AT_ONCE", 4 * 77)
    found = score_items(
        Doubting(model, doubt),  # type: ignore[arg-type]
        easy.pool,
        by_margin.indices,
        selection="margin",
        engine="cpu",
        progress=no_progress,
    )
    assert (by_margin.ranked_by, found.ranked_by) == ("margin", "doubt")
    np.testing.assert_array_equal(found.deficit, doubt[found.indices])
    np.testing.assert_array_equal(found.labels, by_margin.labels)
    np.testing.assert_array_equal(found.informativeness, by_margin.informativeness)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e-9, 1.0 + 1e-9])
def test_a_doubt_that_is_none_is_refused(easy: Blobs, value: float) -> None:
    model, scores = scores_of(easy, "margin")
    doubt = np.full(4000, 0.5)
    doubt[3] = value
    with pytest.raises(ValueError, match=r"doubt: expected .* in \[0, 1\]"):
        score_items(
            Doubting(model, doubt),  # type: ignore[arg-type]
            easy.pool,
            scores.indices,
            selection="margin",
            engine="cpu",
            progress=no_progress,
        )
