"""Reading ahead, keeping, normalising."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers import items as items_module  # noqa: E402
from mcal.classifiers import open_classifier  # noqa: E402
from mcal.classifiers.items import Items, shared_items  # noqa: E402
from mcal.settings import ClassifierSettings  # noqa: E402

CPU = torch.device("cpu")
BLOCKS = [[3, 1], [1, 1, 250], [], [299, 0, 3], [0], [3, 250]]


@pytest.mark.parametrize("free", [0, 10**9])
@pytest.mark.parametrize("which", ["images", "vectors"])
def test_blocks_are_the_pool_s_items(
    which: str, free: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = request.getfixturevalue(which)
    monkeypatch.setattr(items_module, "free_bytes", lambda device: free)
    items = Items(pool, CPU)
    blocks = [np.array(b, np.int64) for b in BLOCKS]
    for _ in range(2):
        found = list(items.blocks(blocks))
        assert len(found) == len(blocks)
        for block, tensor in zip(blocks, found, strict=True):
            np.testing.assert_array_equal(tensor.numpy(), pool.items[block])
    kept = free > 0
    # one to see the shape; 1, 3, 250, 299 and 0 once, or every block every time
    assert pool.n_read == 1 + (5 if kept else 2 * sum(map(len, BLOCKS)))


def test_a_quarter_of_the_memory_is_the_limit(images: Any, monkeypatch: Any) -> None:
    pool, _ = images
    wanted = pool.items.nbytes
    everything = [np.arange(300)]
    for free, again in ((4 * wanted, 0), (4 * wanted - 1, 300)):
        monkeypatch.setattr(items_module, "free_bytes", lambda device, free=free: free)
        items = Items(pool, CPU)
        list(items.blocks(everything))
        before = pool.n_read
        list(items.blocks(everything))
        assert pool.n_read - before == again


def test_a_pool_that_fails_is_heard(images: Any) -> None:
    pool, _ = images
    items = Items(pool, CPU)

    def broken(indices: Any) -> Any:
        raise OSError("gone")

    pool.read = broken
    with pytest.raises(OSError, match="gone"):
        list(items.blocks([np.arange(3), np.arange(5)]))


def test_what_a_pool_returns_is_never_written_to(images: Any) -> None:
    pool, _ = images
    pool.items.flags.writeable = False
    pool.read = lambda indices: pool.items[indices[0] : indices[-1] + 1]  # a view
    (block,) = Items(pool, CPU).blocks([np.arange(4)])
    block += 1
    (again,) = Items(pool, CPU).blocks([np.arange(4)])
    np.testing.assert_array_equal(again.numpy(), pool.items[:4])


@pytest.mark.parametrize("which", ["images", "vectors"])
def test_normalised_items_have_mean_0_and_deviation_1(
    which: str, request: pytest.FixtureRequest
) -> None:
    pool, _ = request.getfixturevalue(which)
    items = Items(pool, CPU)
    (block,) = items.blocks([np.arange(300)])
    found = items.normalisation().apply(block)
    axes = tuple(range(pool.items.ndim - 1))
    flat = pool.items.astype(np.float64)
    constant = flat.std(axes) == 0
    expected = (flat - flat.mean(axes)) / np.where(constant, 1, flat.std(axes))
    if which == "images":
        assert found.is_contiguous(memory_format=torch.channels_last)
        expected = expected.transpose(0, 3, 1, 2)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_whoever_asks_gets_the_same_items_while_somebody_keeps_them(
    images: Any, vectors: Any
) -> None:
    pool, _ = images
    first = shared_items(pool, CPU)
    assert shared_items(pool, torch.device("cpu")) is first
    assert shared_items(vectors[0], CPU) is not first
    assert shared_items(pool, torch.device("meta")) is not first
    gone = weakref.ref(first)
    del first
    assert gone() is None


def test_candidates_of_a_race_read_the_pool_once(images: Any) -> None:
    pool, labels = images
    candidates = [
        open_classifier(ClassifierSettings(epochs=1, device="cpu", recipe=recipe), pool)
        for recipe in ("fast", "paper")
    ]
    for candidate in candidates:
        model = candidate.train(pool, np.arange(20), labels[:20], seed=0)
        model.score(pool, np.arange(300))
    assert pool.n_read <= 300 + 1 + 2  # the shape of an item, asked by each when it is opened


def test_blank_items_have_no_say_in_the_normalisation(
    vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _ = vectors
    pool.items[::3] = -1e4
    monkeypatch.setattr(pool, "broken", lambda: dict.fromkeys(range(0, 300, 3), "torn"))
    found = Items(pool, torch.device("cpu")).normalisation()
    others = np.delete(pool.items, np.s_[::3], axis=0).astype(np.float64)
    np.testing.assert_allclose(found.mean.numpy(), others.mean(axis=0), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.std.numpy()[:4], others.std(axis=0)[:4], rtol=1e-3)


@pytest.mark.parametrize("n", [4, 300])
def test_a_pool_of_blank_items_is_normalised_too(
    vectors: Any, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    pool, _ = vectors
    pool.items, pool.n_pool = pool.items[:n], n
    monkeypatch.setattr(pool, "broken", lambda: dict.fromkeys(range(n), "torn"))
    assert torch.isfinite(Items(pool, torch.device("cpu")).normalisation().std).all()


def test_what_is_read_is_counted_of_all_that_is_wanted(images: Any) -> None:
    items = Items(images[0], CPU)
    list(items.blocks([np.arange(130)]))
    said: list[tuple[float, str]] = []
    items.keep(np.array([*range(200), 0]), lambda share, words: said.append((share, words)))
    assert said == [(0.0, "194 of 200 items read"), (0.0, "200 of 200 items read")]
    items.keep(np.arange(200), lambda share, words: said.append((share, words)))
    assert len(said) == 2  # nothing to read
