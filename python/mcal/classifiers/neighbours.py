"""Nearest labelled neighbours in a network's own space."""

from __future__ import annotations

from ._torch import nn, torch

__all__ = ["nearest"]

_VALUES_AT_ONCE = {"cpu": 1 << 22, "cuda": 1 << 27}  # of the matrix of similarities


def nearest(
    queries: torch.Tensor, references: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``k`` references most similar to each query, the most similar first.

    Parameters
    ----------
    queries : (Q, D) float32
    references : (R, D) float32, R >= 1
        On the device of ``queries``.
    k : int
        >= 1; with fewer references, all of them.

    Returns
    -------
    similarity : (Q, min(k, R)) float32
        Cosine, in [-1, 1] up to rounding; a row of zeros is similar to nothing: 0.
    positions : (Q, min(k, R)) int64
        Rows of ``references``; which of several equally similar ones is left open.

    Notes
    -----
    Cost: a product of Q x D by D x R, in blocks of queries; memory for one block.
    """
    unit = nn.functional.normalize(references).T
    k = min(k, references.shape[0])
    size = max(1, _VALUES_AT_ONCE.get(queries.device.type, 1 << 22) // references.shape[0])
    similarity = queries.new_empty((queries.shape[0], k))
    positions = torch.empty(similarity.shape, dtype=torch.int64, device=queries.device)
    for start in range(0, queries.shape[0], size):
        rows = slice(start, start + size)
        alike = nn.functional.normalize(queries[rows]) @ unit
        similarity[rows], positions[rows] = alike.topk(k, dim=1)
    return similarity, positions
