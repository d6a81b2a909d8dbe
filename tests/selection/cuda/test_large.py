"""What only a device can hold or be too small for: skipped, visibly, where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mcal
from mcal.cuda import open_device, why_no_device
from mcal.selection._cuda.rows import Streamed

pytestmark = pytest.mark.xdist_group("large")  # one after the other: each takes gigabytes


@pytest.fixture
def xp() -> Iterator[Any]:
    """CuPy, where its device has 8 GB."""
    if (reason := why_no_device()) is not None:
        pytest.skip(reason)
    device = open_device(0)
    if (free := device.free_bytes()) < 8e9:
        pytest.skip(f"8 GB are needed, {free:,} bytes are free")
    yield device.xp
    device.xp.get_default_memory_pool().free_all_blocks()


def test_more_scores_than_32_bits_count(xp: Any) -> None:
    some = np.random.default_rng(0).normal(0, 3, (50, 1000)).astype(np.float16)
    scores = xp.zeros((2_150_000, 1000), np.float16)
    assert scores.size > 2**31
    scores[:50], scores[-50:] = xp.asarray(some), xp.asarray(some)
    found, wanted = mcal.uncertainty(scores), mcal.uncertainty(some.astype(np.float32))
    assert found.engine == "cuda"
    for name in ("label", "deficit", "entropy", "least_confidence"):
        values = xp.asnumpy(getattr(found, name))
        for part in (values[:50], values[-50:]):
            np.testing.assert_allclose(part, getattr(wanted, name), rtol=8e-6, atol=1e-6)
    assert not xp.asnumpy(found.label)[50:-50].any()  # all the same: the first class
    assert float(found.deficit[50:-50].min()) == 1.0


@pytest.mark.parametrize("kind", ["memory", "mapped file"])
def test_rows_of_a_host_that_do_not_fit_are_streamed(
    xp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    x: Any = np.random.default_rng(1).normal(size=(1_500_000, 128)).astype(np.float32)
    if kind == "mapped file":
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    # Room for x or for the work, not for both.
    monkeypatch.setattr("mcal.cuda.cupy_device.CupyDevice.free_bytes", lambda self: x.nbytes)
    streamed, chunks = [], Streamed.chunks
    monkeypatch.setattr(Streamed, "chunks", lambda self: streamed.append(1) or chunks(self))
    found = mcal.k_center(x, 30, centers=[0, 1_499_999], engine="cuda")
    assert streamed
    wanted = mcal.k_center(x, 30, centers=[0, 1_499_999], engine="cpu")
    assert (found.engine, wanted.engine) == ("cuda", "cpu")
    np.testing.assert_array_equal(found.positions, wanted.positions)
    np.testing.assert_array_equal(found.distances, wanted.distances)
