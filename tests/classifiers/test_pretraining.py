"""A body that teaches itself, and is kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.errors import ClassifierError
from mcal.settings import ClassifierSettings
from mcal.types import no_progress

torch = pytest.importorskip("torch")

from mcal.classifiers import pretraining as module  # noqa: E402
from mcal.classifiers.body import Body  # noqa: E402
from mcal.classifiers.items import Items  # noqa: E402
from mcal.classifiers.pretraining import EagerPretraining, contrastive_loss  # noqa: E402
from mcal.classifiers.recipes import Pretraining, self_taught  # noqa: E402
from mcal.classifiers.step import recorded  # noqa: E402
from mcal.classifiers.views import random_view  # noqa: E402

CPU = torch.device("cpu")
NUMBERS = replace(self_taught("small-cnn", (8, 8, 1), 3), batch_size=64)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_loss_is_that_of_the_paper(temperature: float) -> None:
    z = np.random.default_rng(0).normal(size=(10, 4))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i in range(10):
        near = {k: math.exp(unit[i] @ unit[k] / temperature) for k in range(10) if k != i}
        losses.append(-math.log(near[(i + 5) % 10] / sum(near.values())))
    found = contrastive_loss(torch.from_numpy(z).float(), temperature)
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (4, 3, 9, 14), (1, 3, 32, 32)])
@pytest.mark.parametrize("flip", [True, False])
def test_views_keep_shape_and_follow_their_seed(shape: tuple[int, ...], flip: bool) -> None:
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    kept = images.clone()

    def view(seed: int) -> Any:
        return random_view(images, flip=flip, chance=torch.Generator().manual_seed(seed))

    assert view(1).shape == shape
    assert bool(torch.isfinite(view(1)).all())
    assert torch.equal(view(1), view(1))
    assert not torch.equal(view(1), view(2))
    assert torch.equal(images, kept)


def test_a_view_shows_a_part_of_its_own_image() -> None:
    """Columns 0..31 as values: a view's rise to the right unless mirrored, and stay in range."""
    ramp = torch.arange(32.0).div(16).expand(200, 1, 32, 32).contiguous()
    for flip in (False, True):
        seen = random_view(ramp, flip=flip, chance=torch.Generator().manual_seed(0))
        rises = (seen[:, 0, 16, 24] > seen[:, 0, 16, 8]).float().mean().item()
        assert rises == pytest.approx(0.5 if flip else 1.0, abs=0.12 if flip else 0.0)


def test_large_pools_get_fewer_epochs() -> None:
    numbers = self_taught("resnet18", (32, 32, 3))
    assert numbers.epochs_of(1000) == numbers.epochs
    assert numbers.epochs_of(10**6) * 10**6 <= numbers.most_items
    assert numbers.epochs_of(10**9) == 1
    assert self_taught("resnet18", (32, 32, 3), 70).epochs_of(10**9) == 70
    rates = [numbers.rate(share) for share in np.linspace(0.0, 1.0, 101)]
    assert max(rates) == pytest.approx(numbers.peak_rate)
    assert rates[0] == 0.0
    assert rates[-1] == pytest.approx(0.0)


def body(folder: Path | None, numbers: Pretraining = NUMBERS, seed: int = 0) -> Body:
    return Body("small-cnn", numbers, CPU, folder, seed=seed)


def weights(made: Body, pool: Any, progress: Any = no_progress) -> Any:
    return made.of(Items(pool, CPU), pool, progress)


def same(first: Any, other: Any) -> bool:
    return all(torch.equal(first[name], other[name]) for name in first)


def test_it_is_made_once(images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _ = images
    torch.manual_seed(5)
    state = torch.get_rng_state()
    made = body(tmp_path)
    first = weights(made, pool)
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's chance is touched
    monkeypatch.setattr(Body, "_make", None)
    assert weights(made, pool) is first
    assert same(weights(body(tmp_path), pool), first)
    assert [p.name[:5] for p in tmp_path.iterdir()] == ["body-"]


def test_it_depends_on_the_pool_the_numbers_and_the_seed_alone(images: Any) -> None:
    pool, _ = images
    torch.manual_seed(1)
    first = weights(body(None), pool)
    torch.manual_seed(2)
    assert same(weights(body(None), pool), first)
    assert not same(weights(body(None, replace(NUMBERS, temperature=0.5)), pool), first)
    assert not same(weights(body(None, seed=1), pool), first)


@pytest.mark.parametrize("changed", ["STRENGTHS", "_VERSION"])
def test_other_views_or_another_version_are_another_body(
    images: Any, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    before = body(None).key(images[0])
    monkeypatch.setattr(f"mcal.classifiers.body.{changed}", 7)
    assert body(None).key(images[0]) != before


class Killed(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_killed_process_repeats_one_epoch_and_ends_the_same(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    pool, _ = images
    whole = weights(body(None), pool)
    monkeypatch.setattr(module, "_KEEP_EVERY_S", 0.0)
    monkeypatch.setattr(module, "_REPORT_EVERY_S", 0.0)

    def die(share: float, words: str) -> None:
        if words.startswith(f"pre-training, epoch {epoch + 1}"):
            raise Killed

    with pytest.raises(Killed):
        weights(body(tmp_path), pool, die)
    assert len(list(tmp_path.glob("*.part.pt"))) == 1
    said: list[str] = []
    resumed = weights(body(tmp_path), pool, lambda share, words: said.append(words))
    assert not any(words.startswith(f"pre-training, epoch {epoch} ") for words in said)
    assert same(resumed, whole)
    assert not list(tmp_path.glob("*.part.pt"))


@pytest.mark.parametrize("name", ["*.pt", "*.part.pt"])
def test_a_damaged_file_is_made_again(
    images: Any, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = images
    first = weights(body(tmp_path), pool)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"nothing")
    if name == "*.part.pt":
        path.rename(path.with_suffix(".part.pt"))
    assert same(weights(body(tmp_path), pool), first)


def test_broken_items_teach_nothing(images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _ = images
    first = weights(body(None), pool)
    pool.items[7] = 0
    monkeypatch.setattr(pool, "broken", lambda: {7: "torn"}, raising=False)
    without = weights(body(None), pool)
    pool.items[7] = 255  # what is read in its place does not matter, but to the normalisation
    found = Items(pool, CPU).normalisation()
    monkeypatch.setattr(Items, "normalisation", lambda self: found)
    assert not same(first, without)
    again = weights(body(None), pool)
    pool.items[7] = 3
    assert same(weights(body(None), pool), again)
    monkeypatch.setattr(pool, "broken", lambda: dict.fromkeys(range(299), ""), raising=False)
    with pytest.raises(ClassifierError, match="two items or more, found 1"):
        weights(body(None), pool)


def test_rounds_and_candidates_share_it(images: Any, tmp_path: Path) -> None:
    pool, labels = images
    candidates = [
        open_classifier(
            ClassifierSettings(recipe=recipe, epochs=epochs, pretrain_epochs=2, device="cpu"),
            pool,
            cache=tmp_path,
        )
        for recipe, epochs in (("self", 100), ("embedding", None))
    ]
    assert [c.name for c in candidates] == ["small-cnn/self", "small-cnn-self/embedding"]
    said: list[list[str]] = []
    for round_ in range(2):
        for candidate in candidates:
            words: list[str] = []
            bought = np.arange(60 + 20 * round_)
            model = candidate.train(
                pool,
                bought,
                labels[bought],
                seed=round_,
                progress=lambda share, w, words=words: words.append(w),
            )
            said.append(words)
            logits = model.score(pool, np.arange(100, 300)).logits
            assert np.mean(logits.argmax(1) == labels[100:]) > 0.9
    assert [any("pre-training" in w for w in words) for words in said][1:] == [False] * 3
    assert sorted(p.name.split("-")[0] for p in tmp_path.iterdir()) == ["body", "features"]


def test_embeddings_cannot_teach_themselves(vectors: Any) -> None:
    with pytest.raises(ValueError, match="'self', which needs images"):
        open_classifier(ClassifierSettings(recipe="self", device="cpu"), vectors[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_repeats_the_step_from_a_recording(images: Any) -> None:
    pool, _ = images
    device = torch.device("cuda")
    items = Items(pool, device)
    (block,) = items.blocks([np.arange(64)])
    losses = {}
    for way in ("eager", "recorded"):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Flatten()).to(device)
        learner = EagerPretraining(network, 8 * 36, NUMBERS, items.normalisation(), device)
        take = recorded(learner) if way == "recorded" else learner
        none = torch.empty(0, dtype=torch.int64, device=device)
        for step in range(40):
            learner.chance.manual_seed(step)
            take(block, none, step / 40)
        losses[way] = network[0].weight.detach().float().cpu()
    torch.testing.assert_close(losses["eager"], losses["recorded"], atol=2e-2, rtol=0.1)


@pytest.mark.parametrize(("recipe", "epochs"), [("self", 50), ("embedding", None)])
def test_progress_never_falls(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Any, epochs: int | None
) -> None:
    pool, labels = images
    monkeypatch.setattr(module, "_REPORT_EVERY_S", 0.0)
    settings = ClassifierSettings(recipe=recipe, pretrain_epochs=1, epochs=epochs, device="cpu")
    shares: list[float] = []
    opened = open_classifier(settings, pool, cache=tmp_path)
    opened.train(
        pool, np.arange(40), labels[:40], seed=0, progress=lambda share, words: shares.append(share)
    )
    assert shares == sorted(shares)
    assert max(shares[:-1]) > 0.5
    assert shares[-1] == 1.0


def test_campaigns_of_other_seeds_have_other_bodies(images: Any, tmp_path: Path) -> None:
    pool, _ = images
    settings = ClassifierSettings(recipe="self", pretrain_epochs=1, device="cpu")
    some = np.arange(20)
    found = []
    for seed in (0, 0, 1):
        opened: Any = open_classifier(settings, pool, cache=tmp_path, seed=seed)
        found.append(opened.features(pool, some))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3
    assert len(list(tmp_path.glob("body-*.pt"))) == 2
