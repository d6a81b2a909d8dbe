"""Nearest neighbours against all distances."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers import neighbours  # noqa: E402
from mcal.classifiers.neighbours import nearest  # noqa: E402


@pytest.mark.parametrize(("n", "r", "d", "k"), [(7, 5, 3, 2), (1, 1, 1, 10), (130, 67, 9, 10)])
@pytest.mark.parametrize("at_once", [1, 200, 1 << 22])
def test_they_are_those_of_all_cosines(
    n: int, r: int, d: int, k: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(neighbours._VALUES_AT_ONCE, "cpu", at_once)
    random = np.random.default_rng(n)
    queries = random.normal(size=(n, d)).astype(np.float32)
    references = random.normal(size=(r, d)).astype(np.float32)
    similarity, positions = nearest(torch.from_numpy(queries), torch.from_numpy(references), k)
    cosines = np.array(
        [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in references] for a in queries]
    )
    expected = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    if d > 1:  # on a line all cosines are 1 or -1
        np.testing.assert_array_equal(positions.numpy(), expected)
    np.testing.assert_allclose(
        similarity.numpy(), np.take_along_axis(cosines, expected, 1), atol=1e-5
    )


def test_nothing_is_like_zero_and_no_query_is_fine() -> None:
    references = torch.eye(3)
    similarity, positions = nearest(torch.zeros(2, 3), references, 2)
    assert similarity.tolist() == [[0.0, 0.0]] * 2
    assert positions.shape == (2, 2)
    similarity, positions = nearest(torch.zeros(0, 3), references, 2)
    assert similarity.shape == positions.shape == (0, 2)
