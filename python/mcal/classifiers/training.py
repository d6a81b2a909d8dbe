"""The training loop, the same for every architecture and recipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import tee

import numpy as np

from mcal.types import IndexArray, Progress

from ._torch import nn, torch
from .architectures import Network
from .items import Items, Normalisation
from .recipes import Recipe

__all__ = ["augment", "train_network", "training_batches"]

_REPORT_EVERY_S = 0.2


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
    chance = torch.Generator(device).manual_seed(seed)
    optimizer = _optimizer(network, recipe)
    reported_at = time.monotonic()
    network.train()
    for step, (block, targets) in enumerate(_steps(items, indices, labels, schedule, device)):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step / steps)
        batch = normalisation.apply(augment(block, recipe, chance))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = network(batch)
        loss = nn.functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if time.monotonic() - reported_at >= _REPORT_EVERY_S:
            reported_at = time.monotonic()
            progress((step + 1) / steps, f"step {step + 1:,} of {steps:,}")
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # the seconds that are charged end when the work does
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


def augment(block: torch.Tensor, recipe: Recipe, chance: torch.Generator) -> torch.Tensor:
    """Images (K, H, W, channels), each shifted and perhaps mirrored by chance; else ``block``.

    What a shift uncovers repeats the edge.
    """
    if block.dim() != 4:
        return block
    n, height, width, _ = block.shape
    device = block.device

    def places(side: int) -> torch.Tensor:  # (K, side): where each row or column comes from
        reach = round(recipe.shift_share * min(height, width))
        shift = torch.randint(-reach, reach + 1, (n, 1), generator=chance, device=device)
        return (torch.arange(side, device=device) + shift).clamp_(0, side - 1)

    rows, columns = places(height), places(width)
    if recipe.flip:
        mirrored = torch.rand(n, 1, generator=chance, device=device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    each = torch.arange(n, device=device)
    return block[each[:, None, None], rows[:, :, None], columns[:, None, :]]


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


def _optimizer(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    """Weights of matrices and kernels decay; biases and the scales of norms do not."""
    decaying = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [
        {"params": decaying, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.peak_rate)
    return torch.optim.SGD(groups, lr=recipe.peak_rate, momentum=0.9, nesterov=True)
