"""The training loop, the same for every architecture and recipe."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import tee

import numpy as np

from mcal.types import IndexArray, Progress

from ._torch import torch
from .architectures import Network
from .items import Items, Normalisation
from .recipes import Recipe
from .step import step_for

__all__ = ["train_network", "training_batches"]

_REPORT_EVERY_S = 0.2
_STEPS_AHEAD = 2  # that a GPU is asked for before it has done the one that is reported


def train_network(
    network: Network,
    recipe: Recipe,
    items: Items,
    normalisation: Normalisation,
    indices: IndexArray,
    labels: IndexArray,
    *,
    seed: int,
    progress: Progress,
) -> None:
    """Train ``network`` where it is, in place, and leave it in evaluation mode."""
    device = network.head.weight.device
    steps = recipe.step_count(indices.size)
    schedule = training_batches(indices.size, recipe.batch_size, steps, seed)
    take = step_for(network, recipe, normalisation, seed)
    asked: deque[torch.cuda.Event] = deque()
    reported_at = time.monotonic()
    network.train()
    for step, (block, targets) in enumerate(_steps(items, indices, labels, schedule, device)):
        take(block, targets, recipe.rate(step / steps))
        if device.type == "cuda":
            asked.append(torch.cuda.current_stream(device).record_event())
            if len(asked) > _STEPS_AHEAD:
                asked.popleft().synchronize()
        if time.monotonic() - reported_at >= _REPORT_EVERY_S:
            reported_at = time.monotonic()
            progress((step + 1) / steps, f"step {step + 1:,} of {steps:,}")
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the seconds that are charged end when the work does
    network.zero_grad(set_to_none=True)  # on a GPU they hold on to the memory of the recording
    progress(1.0, f"step {steps:,} of {steps:,}")
    network.eval()


def _steps(
    items: Items,
    indices: IndexArray,
    labels: IndexArray,
    schedule: Iterator[IndexArray],
    device: torch.device,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Items as read and their labels, step by step, on the device.

    When the training set stays there, so does the schedule: a copy to a GPU at every step would
    make it wait for the host.
    """
    targets = torch.from_numpy(labels).to(device)
    resident = items.resident(indices)
    if resident is not None:
        for positions in torch.from_numpy(np.stack(list(schedule))).to(device):
            yield resident[positions], targets[positions]
        return
    to_read, to_learn = tee(schedule)
    blocks = items.blocks(indices[positions] for positions in to_read)
    for block, chosen in zip(blocks, to_learn, strict=True):
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
