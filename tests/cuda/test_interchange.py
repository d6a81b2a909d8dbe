"""Arrays of other libraries in, the caller's kind out; a missing device says that it is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mcal
from mcal.cuda import open_array, why_no_device
from mcal.errors import DeviceError, MissingExtraError

torch = pytest.importorskip("torch")

SCORES = np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32)


class OnlyDlpack:
    """What a library that nobody here has heard of offers."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def test_nothing_is_copied() -> None:
    for values in (SCORES, torch.from_numpy(SCORES), OnlyDlpack(SCORES)):
        array = open_array(values, "scores")
        assert np.shares_memory(array.on_host(), SCORES)
        assert (array.dtype, array.choose("auto")) == ("float32", "cpu")


def test_bfloat16_travels_as_its_bits() -> None:
    array = open_array(torch.tensor([[1.0, -2.0]], dtype=torch.bfloat16), "scores")
    assert (array.dtype, array.values.dtype) == ("bfloat16", np.uint16)
    assert array.values.tolist() == [[0x3F80, 0xC000]]
    with pytest.raises(ValueError, match=r"scores: .* found bfloat16; convert it, as by .float"):
        mcal.uncertainty(torch.zeros(2, 2, dtype=torch.bfloat16))


def test_a_tensor_in_gives_tensors_out() -> None:
    wanted, found = mcal.uncertainty(SCORES), mcal.uncertainty(torch.from_numpy(SCORES))
    for name in ("label", "deficit", "entropy", "least_confidence"):
        tensor = getattr(found, name)
        assert isinstance(tensor, torch.Tensor)
        np.testing.assert_array_equal(tensor.numpy(), getattr(wanted, name))
    assert found.engine == wanted.engine == "cpu"
    entropies = torch.from_numpy(wanted.entropy).requires_grad_()
    picked = mcal.largest_k(entropies, 3)
    assert isinstance(picked, torch.Tensor)
    np.testing.assert_array_equal(picked.numpy(), mcal.largest_k(wanted.entropy, 3))
    given = torch.tensor([4, 5])
    centers = mcal.k_center(torch.from_numpy(SCORES), 3, centers=given)
    assert isinstance(centers.positions, torch.Tensor)
    by_numpy = mcal.k_center(SCORES, 3, centers=np.array([4, 5]))
    np.testing.assert_array_equal(centers.positions.numpy(), by_numpy.positions)
    np.testing.assert_array_equal(centers.distances.numpy(), by_numpy.distances)


@pytest.mark.parametrize(
    "ask",
    [
        lambda **o: mcal.uncertainty(SCORES, **o),
        lambda **o: mcal.margin(SCORES, **o),
        lambda **o: mcal.entropy(SCORES, **o),
        lambda **o: mcal.least_confidence(SCORES, **o),
        lambda **o: mcal.smallest_k(SCORES[0], 2, **o),
        lambda **o: mcal.largest_k(SCORES[0], 2, **o),
        lambda **o: mcal.k_center(SCORES, 2, **o),
    ],
)
def test_the_engine_is_asked_for_by_name(ask: Any) -> None:
    ask(engine="cpu")
    with pytest.raises(ValueError, match="engine: expected 'auto', 'cpu' or 'cuda', found 'gpu'"):
        ask(engine="gpu")
    if why_no_device() is None:
        pytest.skip("there is a CUDA device here")
    with pytest.raises((DeviceError, MissingExtraError), match=r"CUDA device|mcal\[cuda13\]"):
        ask(engine="cuda")


def test_tensors_of_other_devices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores: expected a tensor .*, found one on meta"):
        mcal.uncertainty(torch.empty(3, 4, device="meta"))


def test_masks_are_not_ignored() -> None:
    masked = np.ma.masked_array(SCORES[0], mask=SCORES[0] < 0)
    with pytest.raises(ValueError, match="values: expected no masked array"):
        mcal.smallest_k(masked, 2)
    with pytest.raises(ValueError, match="centers: expected positions, found a mask"):
        mcal.k_center(SCORES, 2, centers=SCORES[:, 0] > 0)
