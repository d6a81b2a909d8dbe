"""The training loop, the same for every architecture and recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import islice, repeat, tee

import numpy as np

from mcal.types import IndexArray, Progress, derive_seed

from ._torch import torch
from .architectures import Network
from .items import Items, Normalisation
from .pace import Pace
from .recipes import Recipe
from .step import step_for

__all__ = ["train_network", "training_batches"]

_REPORT_EVERY_S = 0.2
_SCHEDULED_AT_ONCE = 256


def train_network(
    network: Network,
    recipe: Recipe,
    items: Items,
    normalisation: Normalisation,
    indices: IndexArray,
    labels: IndexArray,
    unlabelled: IndexArray,
    *,
    seed: int,
    progress: Progress,
    step_share: float = 1.0,
) -> None:
    """Train ``network`` where it is, in place, and leave it in evaluation mode.

    ``unlabelled`` are the items that a recipe may learn from without a label; ``step_share`` of the
    recipe's steps are taken.
    """
    device = network.head.weight.device
    items.keep(np.concatenate([indices, unlabelled]), progress)
    steps = math.ceil(step_share * recipe.step_count(indices.size, unlabelled.size))
    schedule = _schedule(recipe, indices.size, unlabelled.size, steps, seed)
    take = step_for(network, recipe, normalisation, seed)
    pace = Pace(device)
    reported_at = time.monotonic()
    network.train()
    for step, (block, targets) in enumerate(
        _steps(items, indices, labels, unlabelled, schedule, device)
    ):
        take(block, targets, step / steps)
        pace.asked()
        if time.monotonic() - reported_at >= _REPORT_EVERY_S:
            reported_at = time.monotonic()
            progress((step + 1) / steps, f"step {step + 1:,} of {steps:,}")
    take.finish()
    pace.finish()  # the seconds that are charged end when the work does
    network.zero_grad(set_to_none=True)  # on a GPU they hold on to the memory of the recording
    progress(1.0, f"step {steps:,} of {steps:,}")
    network.eval()


def _schedule(
    recipe: Recipe, n_train: int, n_unlabelled: int, steps: int, seed: int
) -> Iterator[tuple[IndexArray, IndexArray]]:
    """For each step, positions of labelled items and of others."""
    labelled = training_batches(n_train, recipe.batch_size, steps, seed)
    if recipe.consistency is None:
        return zip(labelled, repeat(np.empty(0, np.int64)), strict=False)
    seed = derive_seed(seed, 0, "unlabelled")
    others = training_batches(n_unlabelled, recipe.n_unlabelled, steps, seed)
    return zip(labelled, others, strict=True)


def _steps(
    items: Items,
    indices: IndexArray,
    labels: IndexArray,
    unlabelled: IndexArray,
    schedule: Iterator[tuple[IndexArray, IndexArray]],
    device: torch.device,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Items as read, the labelled ones first, and the labels of those, on the device.

    When all items stay there, so does the schedule: a copy to a GPU at every step would make it
    wait for the host.
    """
    targets = torch.from_numpy(labels).to(device)
    resident = items.resident(np.concatenate([indices, unlabelled]))
    if resident is not None:
        while ahead := list(islice(schedule, _SCHEDULED_AT_ONCE)):
            positions = torch.from_numpy(np.stack([p for p, _ in ahead])).to(device)
            chosen = np.stack([np.concatenate([indices[p], unlabelled[q]]) for p, q in ahead])
            rows = torch.from_numpy(chosen).to(device)
            for row, position in zip(rows, positions, strict=True):
                yield resident[row], targets[position]
        return
    to_read, to_learn = tee(schedule)
    blocks = items.blocks(np.concatenate([indices[p], unlabelled[q]]) for p, q in to_read)
    for block, (chosen, _) in zip(blocks, to_learn, strict=True):
        yield block, targets[torch.from_numpy(chosen).to(device)]


def training_batches(n: int, batch_size: int, steps: int, seed: int) -> Iterator[IndexArray]:
    """Positions of each step's items: shuffled anew each epoch, the remainder left out.

    At least two items a step, the same one twice if need be: batch norm asks for it.
    """
    random = np.random.default_rng(seed)
    size = max(2, min(batch_size, n))
    left = np.empty(0, np.int64)
    for _ in range(steps):
        if left.size < size:
            left = np.resize(random.permutation(n), max(size, n))
        yield left[:size]
        left = left[size:]
