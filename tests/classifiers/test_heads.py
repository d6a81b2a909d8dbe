"""A head that is solved for, against scikit-learn's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.settings import ClassifierSettings
from mcal.types import no_progress

torch = pytest.importorskip("torch")

from mcal.classifiers.heads import fit_head  # noqa: E402


def solved(x: Any, y: Any, n_classes: int, penalty: float) -> Any:
    head = torch.nn.Linear(x.shape[1], n_classes)
    fit_head(
        head,
        torch.from_numpy(x).split(7),
        torch.from_numpy(y),
        penalty=penalty,
        progress=no_progress,
    )
    with torch.no_grad():
        return head(torch.from_numpy(x)).numpy(), head


@pytest.mark.parametrize("penalty", [1e-2, 1e-4])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_it_is_multinomial_logistic_regression(n_classes: int, penalty: float) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    y = random.integers(0, n_classes, 200)
    x = (np.eye(n_classes, 7)[y] + random.normal(size=(200, 7))).astype(np.float32)
    logits, _ = solved(x, y, n_classes, penalty)
    # the same objective: a column for the bias, penalised as the others are
    scaled = np.column_stack([x / math.sqrt(7), np.ones(200)]).astype(np.float64)
    model = linear_model.LogisticRegression(
        C=1.0 / (200 * penalty), fit_intercept=False, tol=1e-8, max_iter=10_000
    ).fit(scaled, y)
    expected = model.predict_proba(scaled)
    found = torch.softmax(torch.from_numpy(logits), 1).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_it_depends_on_no_chance_and_no_start() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(50, 4)).astype(np.float32), random.integers(0, 3, 50)
    torch.manual_seed(1)
    first, _ = solved(x, y, 3, 1e-4)
    torch.manual_seed(2)
    again, _ = solved(x, y, 3, 1e-4)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("n", [1, 2])
def test_few_items_and_missing_classes_stay_finite(n: int) -> None:
    x, y = np.ones((n, 3), np.float32), np.arange(n)
    logits, head = solved(x, y, 5, 1e-4)
    assert np.isfinite(logits).all()
    assert bool(torch.isfinite(head.weight).all())
    assert set(logits.argmax(1)) <= set(y)


def test_a_linear_head_of_embeddings_is_solved_for(vectors: Any) -> None:
    pool, labels = vectors
    bought, others = np.arange(60), np.arange(60, 300)
    models = {
        recipe: open_classifier(ClassifierSettings(recipe=recipe, device="cpu"), pool)
        for recipe in ("fast", "embedding")
    }
    assert [c.name for c in models.values()] == ["linear/fast", "linear/embedding"]
    said = [
        c.train(pool, bought, labels[bought], seed=seed).score(pool, others).logits
        for seed, c in enumerate(models.values())
    ]
    np.testing.assert_array_equal(said[0], said[1])  # the same head, whatever the seed
    assert np.mean(said[0].argmax(1) == labels[others]) > 0.9


def test_blocks_make_no_difference_and_reading_is_reported(
    vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labels = vectors
    bought = np.arange(200)
    said: list[str] = []
    logits = []
    for size in (1024, 64):
        monkeypatch.setattr("mcal.classifiers.heads._ITEMS_AT_ONCE", size)
        monkeypatch.setattr("mcal.classifiers.heads._REPORT_EVERY_S", 0.0)
        opened = open_classifier(ClassifierSettings(device="cpu"), pool)
        model = opened.train(
            pool, bought, labels[:200], seed=0, progress=lambda share, words: said.append(words)
        )
        logits.append(model.score(pool, bought).logits)
    np.testing.assert_allclose(logits[0], logits[1], rtol=1e-4, atol=1e-4)
    assert "128 of 200 items read" in said


def test_the_share_is_how_far_it_is_and_not_of_a_limit_on_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcal.classifiers.heads._REPORT_EVERY_S", 0.0)
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.normal(size=(200, 8)).astype(np.float32))
    y = torch.from_numpy(random.integers(0, 3, 200))
    said: list[tuple[float, str]] = []

    def progress(share: float, words: str) -> None:
        said.append((share, words))

    fit_head(torch.nn.Linear(8, 3), [x], y, penalty=1e-4, progress=progress)
    assert said[0] == (0.0, "200 of 200 items read")
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert len(said) < 60  # of 200 steps at most
    assert shares[-2] > 0.8
    assert shares[len(shares) // 2] > 0.2
    assert said[-1] == (1.0, f"step {len(said) - 2} of the head")


def test_what_is_not_resident_is_read_block_by_block(
    vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, labels = vectors
    monkeypatch.setattr("mcal.classifiers.items.free_bytes", lambda device: 0)
    monkeypatch.setattr("mcal.classifiers.heads._ITEMS_AT_ONCE", 64)
    opened = open_classifier(ClassifierSettings(device="cpu"), pool)
    sizes: list[int] = []
    read = pool.read
    monkeypatch.setattr(
        pool, "read", lambda indices: (sizes.append(len(indices)), read(indices))[1]
    )
    opened.train(pool, np.arange(200), labels[:200], seed=0)
    assert sizes[-4:] == [64, 64, 64, 8]
    assert max(size for size in sizes if size <= 200) == 64
