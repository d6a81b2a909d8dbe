"""The head of a network whose body does not learn: solved for, in milliseconds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

from mcal.types import IndexArray, Progress

from ._torch import nn, torch
from .architectures import Network
from .items import Items, Normalisation

__all__ = ["fit_head", "solve_head"]

_MOST_STEPS = 200
_SMALL_GRADIENT = 1e-5  # the solver is done where none is larger
_ITEMS_AT_ONCE = 1024
_REPORT_EVERY_S = 0.2


def solve_head(
    network: Network,
    penalty: float,
    items: Items,
    normalisation: Normalisation,
    indices: IndexArray,
    labels: IndexArray,
    *,
    progress: Progress,
) -> None:
    """What ``train_network`` does, for a network whose body has nothing to learn."""
    device = network.head.weight.device
    items.keep(indices, progress)
    network.eval()

    def embeddings() -> Iterator[torch.Tensor]:
        starts = range(0, indices.size, _ITEMS_AT_ONCE)
        for block in items.blocks(indices[at : at + _ITEMS_AT_ONCE] for at in starts):
            with torch.no_grad():
                yield network.embed(normalisation.apply(block))

    targets = torch.from_numpy(labels).to(device)
    fit_head(network.head, embeddings(), targets, penalty=penalty, progress=progress)


def fit_head(
    head: nn.Linear,
    embeddings: Iterable[torch.Tensor],
    targets: torch.Tensor,
    *,
    penalty: float,
    progress: Progress,
) -> None:
    """Make ``head`` the multinomial logistic regression of ``targets`` on ``embeddings``.

    It minimises the mean cross-entropy plus ``penalty / 2`` times the squared weights, those of
    embeddings divided by the root of their width, so that one penalty suits every width. The
    objective is strictly convex: the answer depends on no chance and on no start. L-BFGS, from
    zeros.

    Parameters
    ----------
    head : Linear from D to C
        Changed in place.
    embeddings : iterable of (_, D) float32
        In blocks of any size, K >= 1 in all, read once. Normalised: mean 0, standard deviation 1
        over the pool.
    targets : (K,) int64
        In [0, C); a class without an example comes out unlikely everywhere.
    penalty : float
        > 0.
    progress : callable
        Called at least every half second, or once a step where a step takes longer. The share is
        how far the gradient has fallen, of the way to none to speak of, each tenth alike: nobody
        knows how many steps it takes.
    """
    scale = 1.0 / math.sqrt(head.in_features)
    n_evaluated, n_read, share, reported_at = 0, 0, 0.0, time.monotonic()
    steepest = torch.zeros((), device=targets.device)
    scaled = torch.ones((len(targets), head.in_features + 1), device=targets.device)
    for block in embeddings:
        torch.mul(block, scale, out=scaled[n_read : n_read + len(block), :-1])
        n_read += len(block)
        if time.monotonic() - reported_at >= _REPORT_EVERY_S:
            reported_at = time.monotonic()
            progress(0.0, f"{n_read:,} of {len(targets):,} items read")
    weights = scaled.new_zeros(head.out_features, head.in_features + 1, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weights],
        max_iter=_MOST_STEPS,
        history_size=10,
        tolerance_grad=_SMALL_GRADIENT,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )

    def objective() -> torch.Tensor:
        nonlocal n_evaluated, share, steepest, reported_at
        solver.zero_grad()
        loss = nn.functional.cross_entropy(scaled @ weights.T, targets)
        loss = loss + 0.5 * penalty * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        assert weights.grad is not None
        n_evaluated += 1
        if n_evaluated == 1:
            steepest = weights.grad.abs().max()
        if time.monotonic() - reported_at >= _REPORT_EVERY_S:
            reported_at = time.monotonic()
            share = max(share, _way_down(float(steepest), float(weights.grad.abs().max())))
            progress(0.99 * share, f"step {n_evaluated:,} of the head")
        return loss

    solver.step(objective)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        head.weight.copy_(weights[:, :-1] * scale)
        head.bias.copy_(weights[:, -1])
    progress(1.0, f"step {n_evaluated:,} of the head")


def _way_down(first: float, now: float) -> float:
    """How far a gradient has fallen from its first size, 0..1, on a logarithmic scale."""
    if now <= _SMALL_GRADIENT:
        return 1.0
    return 0.0 if now >= first else math.log(first / now) / math.log(first / _SMALL_GRADIENT)
