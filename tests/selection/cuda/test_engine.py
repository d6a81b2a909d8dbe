"""The public functions with ``engine="cuda"`` against the CPU's: in, through and out.

On the emulated device everywhere, and on a real one where there is one.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from emulated_device import EmulatedDevice, emulated_device

import mcal
from mcal.cuda import interchange, why_no_device
from mcal.errors import DeviceError

SCORES = np.random.default_rng(0).normal(0, 3, (37, 21)).astype(np.float32)


class Installed:
    """The emulated device with what ``CupyDevice`` has beside the protocol."""

    ordinal = 0

    def __init__(self, device: EmulatedDevice) -> None:
        self._device = device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def on_stream(self, pointer: int | None) -> Any:
        assert pointer is None  # nobody here has a stream
        return nullcontext()


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> EmulatedDevice:
    device = emulated_device()
    monkeypatch.setattr(interchange, "open_device", lambda ordinal: Installed(device))
    device.launches.clear()
    return device


@pytest.fixture(params=["emulated", "real"])
def cuda(request: pytest.FixtureRequest) -> None:
    if request.param == "emulated":
        request.getfixturevalue("emulated")
    elif (reason := why_no_device()) is not None:
        pytest.skip(reason)


def same(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=8e-6)


def test_the_kernels_did_it(emulated: EmulatedDevice) -> None:
    mcal.uncertainty(SCORES, engine="cuda")
    assert emulated.launches
    assert all(name.startswith("uncertainty_float32_logits") for name in emulated.launches)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("shape", [(1, 2), (37, 21), (5, 1000), (2, 4099)])
@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
def test_uncertainty_is_the_cpu_s(shape: tuple[int, int], layout: str) -> None:
    scores = np.random.default_rng(1).normal(0, 3, shape).astype(np.float32)
    if layout == "columns":
        scores = np.asfortranarray(scores)
    elif layout == "strided":
        scores = np.repeat(np.repeat(scores, 2, axis=0), 3, axis=1)[::2, ::3]
    found, wanted = mcal.uncertainty(scores, engine="cuda"), mcal.uncertainty(scores)
    assert (found.engine, wanted.engine) == ("cuda", "cpu")
    assert isinstance(found.label, np.ndarray)
    np.testing.assert_array_equal(found.label, wanted.label)
    for name in ("deficit", "entropy", "least_confidence"):
        same(getattr(found, name), getattr(wanted, name))
    for ask in (mcal.margin, mcal.entropy, mcal.least_confidence):
        same(1 + ask(scores, engine="cuda"), 1 + ask(scores))


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_tensors_of_every_width(name: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(SCORES).to(getattr(torch, name))
    found = mcal.uncertainty(tensor, engine="cuda")
    wanted = mcal.uncertainty(tensor.float())
    assert isinstance(found.label, torch.Tensor)
    np.testing.assert_array_equal(found.label, wanted.label)
    same(found.deficit, wanted.deficit)
    centers = mcal.k_center(tensor, 5, engine="cuda")
    assert isinstance(centers.positions, torch.Tensor)
    np.testing.assert_array_equal(centers.positions, mcal.k_center(tensor.float(), 5).positions)


@pytest.mark.usefixtures("cuda")
def test_a_bad_row_is_named_as_on_the_cpu() -> None:
    bad = SCORES.copy()
    bad[7, 3] = np.nan
    for ask in (mcal.uncertainty, lambda x, **o: mcal.k_center(x, 2, **o)):
        with pytest.raises(ValueError, match=r"^(scores|x): .* row 7") as on_cpu:
            ask(bad)
        with pytest.raises(ValueError, match=r"^(scores|x): .* row 7") as on_cuda:
            ask(bad, engine="cuda")
        assert str(on_cuda.value) == str(on_cpu.value)


def test_what_does_not_fit_is_counted(
    emulated: EmulatedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulated, "_free_bytes", 100)
    needed = f"{SCORES.nbytes:,}"
    with pytest.raises(DeviceError, match=f"scores: {needed} bytes needed .*, 100 bytes free"):
        mcal.uncertainty(SCORES, engine="cuda")


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_the_k_smallest_are_the_cpu_s(dtype: Any) -> None:
    values = np.random.default_rng(2).integers(-40, 40, 3001).astype(dtype)  # ties
    for select in (mcal.smallest_k, mcal.largest_k):
        for k in (0, 1, 77, 3000, 3001):
            found = select(values, k, engine="cuda")
            np.testing.assert_array_equal(found, select(values, k))
            assert found.dtype == np.int64


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
def test_the_centers_are_the_cpu_s(metric: Any) -> None:
    given, vectors = np.array([3, 30]), SCORES[:2] + 1
    for options in ({}, {"centers": given}, {"center_vectors": vectors, "centers": given}):
        found = mcal.k_center(SCORES, 8, metric=metric, engine="cuda", **options)
        wanted = mcal.k_center(SCORES, 8, metric=metric, **options)
        assert (found.engine, wanted.engine) == ("cuda", "cpu")
        np.testing.assert_array_equal(found.positions, wanted.positions)
        np.testing.assert_array_equal(found.distances, wanted.distances)


@pytest.mark.usefixtures("cuda")
def test_center_vectors_are_of_the_kind_of_x() -> None:
    with pytest.raises(ValueError, match="center_vectors: expected float32 like x, found float64"):
        mcal.k_center(SCORES, 2, center_vectors=SCORES[:2].astype(np.float64), engine="cuda")


def test_what_is_on_a_device_is_worked_on_there() -> None:
    if (reason := why_no_device()) is not None:
        pytest.skip(reason)
    torch = pytest.importorskip("torch")
    scores = torch.from_numpy(SCORES).cuda()
    with torch.cuda.stream(torch.cuda.Stream()):
        found = mcal.uncertainty(scores)
        picked = mcal.largest_k(found.deficit, 5)
        centers = mcal.k_center(scores, 5)
    torch.cuda.synchronize()
    wanted = mcal.uncertainty(SCORES)
    assert found.engine == centers.engine == "cuda"
    assert found.label.device == picked.device == centers.positions.device == scores.device
    np.testing.assert_array_equal(found.label.cpu(), wanted.label)
    np.testing.assert_array_equal(centers.positions.cpu(), mcal.k_center(SCORES, 5).positions)
    on_host = mcal.uncertainty(scores, engine="cpu")
    assert on_host.label.device == scores.device
    np.testing.assert_array_equal(on_host.label.cpu(), wanted.label)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda **o: mcal.uncertainty(SCORES[0], **o), r"scores: .* found shape \(21,\) and dtype"),
        (lambda **o: mcal.uncertainty(SCORES > 0, **o), r"scores: .* and dtype bool"),
        (lambda **o: mcal.uncertainty(SCORES, kind="logit", **o), "kind: .* found 'logit'"),
        (lambda **o: mcal.smallest_k(SCORES, 2, **o), r"values: .* shape \(37, 21\) and dtype"),
        (lambda **o: mcal.smallest_k(SCORES[0] > 0, 2, **o), "values: .* dtype bool"),
        (lambda **o: mcal.smallest_k(SCORES[0], 1.5, **o), "k: expected an integer, found 1.5"),
        (lambda **o: mcal.k_center(SCORES, 1.5, **o), "k: expected an integer, found 1.5"),
        (lambda **o: mcal.k_center(SCORES, 1, centers=[0.5], **o), r"centers: .* dtype float64"),
        (lambda **o: mcal.k_center(SCORES[0], 1, **o), r"x: .* found shape \(21,\)"),
    ],
)
def test_mistakes_are_told_before_anything_is_launched(ask: Any, words: str) -> None:
    for engine in ("cpu", "cuda"):
        with pytest.raises(ValueError, match=words):
            ask(engine=engine)
