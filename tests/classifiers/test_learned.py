"""The learned confidence, against features that are computed one item at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from scipy.stats import spearmanr

from blobs import Blobs, NearestMean, make_blobs
from mcal.classifiers import open_classifier
from mcal.errors import ClassifierError
from mcal.selection import uncertainty
from mcal.settings import ClassifierSettings
from mcal.types import derive_seed

torch = pytest.importorskip("torch")

from mcal.classifiers import learned  # noqa: E402
from mcal.classifiers.ensemble import Ensemble, save_members  # noqa: E402
from mcal.classifiers.learned import CrossFitted, fold_of  # noqa: E402


@pytest.fixture(scope="module")
def world() -> Blobs:
    return make_blobs(600, spread=1.6)


def open_quick(pool: Any, **options: Any) -> Any:
    settings = ClassifierSettings(
        epochs=4, batch_size=32, device="cpu", members=3, ranking="learned", **options
    )
    return open_classifier(settings, pool)


def slow_features(
    x: np.ndarray, logits: np.ndarray, guess: int, seen: np.ndarray, labels: np.ndarray
) -> list[float]:
    """Of one item ``x`` with ``logits``, for a member that has seen rows ``seen``."""
    cosines = seen @ x / np.linalg.norm(seen, axis=1) / np.linalg.norm(x)
    nearest = np.argsort(-cosines, kind="stable")[:10]
    p = np.exp(log_softmax(logits))
    return [
        max(z for c, z in enumerate(logits) if c != guess) - logits[guess],
        -sum(q * np.log(q) for q in p if q > 0),
        float(np.mean(labels[nearest] != guess)),
        1.0 - float(np.mean(cosines[nearest])),
    ]


def test_the_doubt_is_what_its_definition_says(world: Blobs, monkeypatch: Any) -> None:
    bought = np.random.default_rng(0).permutation(600)[:90]
    labels, n = world.truth[bought], 3
    learnt: list[tuple[Any, Any]] = []
    fit = learned.fit_confidence

    def spy(features: Any, wrong: Any, **prior: Any) -> Any:
        learnt.append((features, wrong))
        return fit(features, wrong, **prior)

    monkeypatch.setattr(learned, "fit_confidence", spy)
    model = CrossFitted(NearestMean(), n).train(world.pool, bought, labels, seed=4)
    folds = fold_of(labels, n, derive_seed(4, 0, "folds"))
    x = world.pool.read(np.arange(600)).astype(np.float64)
    members, features, wrong = [], [], []
    for fold in range(n):
        kept, out = bought[folds != fold], bought[folds == fold]
        member = NearestMean().train(world.pool, kept, world.truth[kept], seed=0)
        members.append((member, kept))
        logits = member.score(world.pool, out).logits.astype(np.float64)
        for item, row in zip(out, logits, strict=True):
            guess = int(np.argmax(row))
            features.append(slow_features(x[item], row, guess, x[kept], world.truth[kept]))
            wrong.append(guess != world.truth[item])
    np.testing.assert_allclose(learnt[0][0], features, atol=1e-4)
    np.testing.assert_array_equal(learnt[0][1], wrong)
    assert 0 < np.sum(wrong) < 90

    asked = np.setdiff1d(np.arange(600), bought)
    scores = model.score(world.pool, asked)
    said = [m.score(world.pool, asked).logits.astype(np.float64) for m, _ in members]
    mean = np.mean([np.exp(log_softmax(one, axis=1)) for one in said], axis=0)
    np.testing.assert_allclose(np.exp(scores.logits), mean, atol=1e-6)
    confidence = model.confidence
    for position in range(0, asked.size, 7):
        doubts = []
        for (_, kept), logits in zip(members, said, strict=True):
            found = slow_features(
                x[asked[position]],
                logits[position],
                int(np.argmax(mean[position])),
                x[kept],
                world.truth[kept],
            )
            doubts.append(expit(confidence.offset + np.dot(confidence.weights, found)))
        assert scores.doubt[position] == pytest.approx(np.mean(doubts), abs=1e-4)


def test_blocks_score_as_one_and_embeddings_are_the_first_member_s(
    world: Blobs, monkeypatch: Any
) -> None:
    bought = np.arange(60)
    model = CrossFitted(NearestMean(), 2).train(world.pool, bought, world.truth[bought], seed=0)
    whole = model.score(world.pool, np.arange(600), embeddings=True)
    monkeypatch.setattr(learned, "_VALUES_AT_ONCE", 20 * 77)
    blocks = model.score(world.pool, np.arange(600), embeddings=True)
    np.testing.assert_allclose(blocks.logits, whole.logits, rtol=1e-6)
    np.testing.assert_allclose(blocks.doubt, whole.doubt, rtol=1e-5)
    np.testing.assert_array_equal(blocks.embeddings, whole.embeddings)
    np.testing.assert_array_equal(whole.embeddings, world.pool.read(np.arange(600)))
    assert model.score(world.pool, np.arange(3)).embeddings is None
    none = model.score(world.pool, np.arange(0))
    assert none.logits.shape == (0, 4)
    assert none.doubt.shape == (0,)


def test_only_a_block_of_logits_is_there_in_float64(world: Blobs, monkeypatch: Any) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
            nonlocal largest
            made = func(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and made.dtype == torch.float64:
                largest = max(largest, made.numel())
            return made

    random = np.random.default_rng(0)
    logits = torch.from_numpy(random.normal(size=(101, 1000)).astype(np.float32))
    embeddings = torch.from_numpy(random.normal(size=(101, 3)).astype(np.float32))
    said = learned._Said(logits, embeddings)
    seen = learned._Seen(embeddings[:20], torch.arange(20))
    guessed = logits.argmax(dim=1)
    whole = learned.doubtful_features(said, guessed, seen)
    monkeypatch.setattr(learned, "_LOGITS_AT_ONCE", 7_999, raising=False)
    with Watch():
        blocks = learned.doubtful_features(said, guessed, seen)
    torch.testing.assert_close(blocks, whole, rtol=0.0, atol=0.0)
    assert largest <= 7_999


@pytest.mark.parametrize(("n", "n_folds"), [(0, 3), (1, 2), (2, 5), (9, 2), (100, 7)])
def test_every_class_is_spread_over_the_folds(n: int, n_folds: int) -> None:
    labels = np.random.default_rng(n).integers(0, 3, n)
    folds = fold_of(labels, n_folds, 1)
    assert folds.shape == (n,)
    assert ((folds >= 0) & (folds < n_folds)).all()
    for label in range(3):
        sizes = np.bincount(folds[labels == label], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1
    sizes = np.bincount(folds, minlength=n_folds)
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(
    "bought",
    [[0], [0, 1], [0, 1, 2], list(range(30))],
    ids=["one", "two", "fewer than members", "enough"],
)
def test_few_labels_are_fine(world: Blobs, bought: list[int]) -> None:
    indices = np.array(bought, np.int64)
    model = CrossFitted(NearestMean(), 4).train(world.pool, indices, world.truth[indices], seed=0)
    assert len(model.members) == 4
    doubt = model.score(world.pool, np.arange(600)).doubt
    assert ((doubt >= 0.0) & (doubt <= 1.0)).all()


def test_a_class_with_one_example_is_known_and_teaches_no_doubt(
    world: Blobs, monkeypatch: Any
) -> None:
    """The member that has not seen it cannot but be wrong about it; the others know it."""
    rows = [int(np.flatnonzero(world.truth == 3)[0]), *np.flatnonzero(world.truth != 3)[:40]]
    bought = np.array(rows, np.int64)
    sizes: list[int] = []
    fit = learned.fit_confidence

    def spy(features: Any, wrong: Any, **prior: Any) -> Any:
        sizes.append(len(wrong))
        return fit(features, wrong, **prior)

    monkeypatch.setattr(learned, "fit_confidence", spy)
    model = CrossFitted(NearestMean(), 4).train(world.pool, bought, world.truth[bought], seed=0)
    assert sizes == [40]
    assert np.isfinite(model.score(world.pool, np.arange(600)).doubt).all()


@pytest.mark.parametrize("spread", [0.01, 80.0])
def test_members_that_are_all_right_or_know_nothing_still_rank(spread: float) -> None:
    world = make_blobs(300, spread)
    bought = np.arange(60)
    model = CrossFitted(NearestMean(), 3).train(world.pool, bought, world.truth[bought], seed=0)
    doubt = model.score(world.pool, np.arange(300)).doubt
    assert np.isfinite(doubt).all()
    assert np.unique(doubt).size > 20  # noise has no gaps, and few shares of ten neighbours


def test_labels_that_speak_against_every_reason_leave_no_ties(
    world: Blobs, monkeypatch: Any
) -> None:
    """The gap between two logits still orders, as it would without labels."""
    fit = learned.fit_confidence

    def misled(features: Any, wrong: Any, **prior: Any) -> Any:
        return fit(-features, wrong, **prior)

    monkeypatch.setattr(learned, "fit_confidence", misled)
    bought = np.arange(200)
    model = CrossFitted(NearestMean(), 4).train(world.pool, bought, world.truth[bought], seed=0)
    assert (model.confidence.weights < 0.01).all()
    asked = np.arange(200, 600)
    doubt = model.score(world.pool, asked).doubt
    assert np.unique(doubt).size == asked.size
    deficit = uncertainty(model.score(world.pool, asked).logits).deficit
    assert spearmanr(deficit, doubt).statistic > 0.9


def test_it_is_as_exact_as_its_ensemble_and_ranks_its_errors_late(images: Any) -> None:
    pool, labels = images
    model = open_quick(pool).train(pool, np.arange(100), labels[:100], seed=0)
    scores = model.score(pool, np.arange(100, 300))
    assert np.mean(scores.logits.argmax(1) == labels[100:300]) > 0.9
    assert scores.doubt.dtype == np.float64


def test_the_same_seed_gives_the_same_doubt(images: Any) -> None:
    pool, labels = images

    def doubt(seed: int) -> Any:
        model = open_quick(pool).train(pool, np.arange(50), labels[:50], seed=seed)
        return model.score(pool, np.arange(300)).doubt

    np.testing.assert_array_equal(doubt(3), doubt(3))
    assert not np.array_equal(doubt(3), doubt(4))


def test_a_saved_model_doubts_the_same(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    path = tmp_path / "m.pt"
    model = open_quick(pool).train(pool, np.arange(30), labels[:30], seed=0)
    model.save(path)
    loaded = open_quick(pool).load(path, pool)
    first, again = model.score(pool, np.arange(300)), loaded.score(pool, np.arange(300))
    np.testing.assert_array_equal(first.logits, again.logits)
    np.testing.assert_allclose(first.doubt, again.doubt, rtol=1e-9)
    plain = open_classifier(
        ClassifierSettings(epochs=4, batch_size=32, device="cpu", members=3), pool
    )
    assert isinstance(plain, Ensemble)
    with pytest.raises(ClassifierError, match="expected 'small-cnn/fast-x3'"):
        plain.load(path, pool)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"parts": [[[0], [0]]]}, "parts: expected 2, found 1"),
        ({"parts": [[[0], [0]]] * 3}, "parts: expected 2, found 3"),
        ({"parts": [[[0], [0, 1]]] * 2}, "an index for each label"),
        ({"parts": [[[], []]] * 2}, "an index for each label"),
        ({"parts": [[[600], [0]]] * 2}, r"in \[0, 600\), found 600"),
        ({"parts": [[[0], [-1]]] * 2}, r"in \[0, 4\), found -1"),
        ({"weights": [1.0]}, "weights: expected 4, found 1"),
        ({"parts": [[[10**30], [0]]] * 2}, "not a learned confidence"),
        ({"weights": None}, "not a learned confidence"),
    ],
)
def test_a_damaged_head_is_refused(
    world: Blobs, tmp_path: Path, values: dict[str, Any], told: str
) -> None:
    path, classifier = tmp_path / "m.pt", CrossFitted(NearestMean(), 2)
    model = classifier.train(world.pool, np.arange(30), world.truth[:30], seed=0)
    head = {"offset": 0.0, "weights": [1.0, 0.0, 0.0, 0.0], "parts": [[[0], [0]]] * 2}
    save_members(path, classifier.name, model.members, head)
    classifier.load(path, world.pool)
    save_members(path, classifier.name, model.members, head | values)
    with pytest.raises(ClassifierError, match=told):
        classifier.load(path, world.pool)


def test_progress_goes_up_to_one(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    seen: list[float] = []

    def progress(share: float, words: str) -> None:
        assert words
        seen.append(share)

    classifier = open_quick(pool)
    model = classifier.train(pool, np.arange(64), labels[:64], seed=0, progress=progress)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
    model.save(tmp_path / "m.pt")
    for asked in (model, classifier.load(tmp_path / "m.pt", pool)):
        seen.clear()
        asked.score(pool, np.arange(300), progress=progress)
        assert seen == sorted(seen)
        assert seen[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_scores_left_on_a_device_are_those_of_the_host(images: Any, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pool, labels = images
    for ranking in ("margin", "learned"):
        settings = ClassifierSettings(
            epochs=4, batch_size=32, device=device, members=2, ranking=ranking
        )
        model = open_classifier(settings, pool).train(pool, np.arange(40), labels[:40], seed=0)
        host = model.score(pool, np.arange(300), embeddings=True)
        there = model.score(pool, np.arange(300), embeddings=True, on_device=True)
        assert isinstance(host.logits, np.ndarray)
        for name in ("logits", "embeddings"):
            left = getattr(there, name)
            assert left.device.type == device
            assert left.dtype == torch.float32
            np.testing.assert_allclose(left.cpu().numpy(), getattr(host, name), atol=1e-4)
        if ranking == "learned":
            np.testing.assert_allclose(there.doubt, host.doubt, atol=1e-4)
            assert uncertainty(there.logits).deficit.shape == (300,)


def test_members_whose_scores_lie_in_different_places_are_joined_on_the_host() -> None:
    class Other:
        """A tensor that says it lies elsewhere."""

        def __init__(self, values: Any) -> None:
            self.values, self.device = values, "elsewhere"

        def cpu(self) -> Any:
            return self.values

    here = torch.ones(2, 3)
    joined = learned._joined([here, Other(2 * here)], on_device=True)  # type: ignore[list-item]
    assert isinstance(joined, np.ndarray)
    assert joined.tolist() == [[1.0] * 3] * 2 + [[2.0] * 3] * 2
