"""Learning a body from items without any label: what belongs to the same image, and what not.

SimCLR (Chen et al., A simple framework for contrastive learning of visual representations, ICML
2020): two views of each image shall be nearer to each other than to the views of all others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mcal.types import IndexArray, Progress

from ._torch import nn, torch
from .items import Items, Normalisation
from .pace import Pace
from .recipes import Pretraining
from .step import recorded
from .views import random_view

__all__ = ["EagerPretraining", "contrastive_loss", "pretrain"]

_REPORT_EVERY_S = 0.2
_KEEP_EVERY_S = 20.0  # between epochs: what a killed process repeats, and the epoch it was in


def contrastive_loss(projected: torch.Tensor, temperature: float) -> torch.Tensor:
    """NT-Xent of (2 K, P): row i and row i + K are views of the same image; equation 1.

    Mean over all views of the cross-entropy of finding the other one among the 2 K - 1, by their
    cosines divided by ``temperature``.
    """
    n = len(projected)
    unit = nn.functional.normalize(projected.float(), dim=1)
    nearness = unit @ unit.T / temperature
    itself = torch.eye(n, dtype=torch.bool, device=unit.device)
    nearness = nearness.masked_fill(itself, -math.inf)
    other = (torch.arange(n, device=unit.device) + n // 2) % n
    return nn.functional.cross_entropy(nearness, other)


class EagerPretraining:
    """One step: two views, what the body makes of them, and a projection that is thrown away.

    Everything that it learns is in ``state``, so that another process can go on.
    """

    def __init__(
        self,
        body: nn.Module,
        n_features: int,
        pretraining: Pretraining,
        normalisation: Normalisation,
        device: torch.device,
    ) -> None:
        self.device = device
        self.chance = torch.Generator(device)
        self._body, self._numbers, self._normalisation = body, pretraining, normalisation
        self._projector = nn.Sequential(
            nn.Linear(n_features, n_features, bias=False),
            nn.BatchNorm1d(n_features),
            nn.ReLU(inplace=True),
            nn.Linear(n_features, pretraining.n_projected),
        ).to(device)
        on_gpu = device.type == "cuda"
        rate = pretraining.peak_rate
        self._optimizer = torch.optim.AdamW(
            [*body.parameters(), *self._projector.parameters()],
            # A recording keeps numbers as they were; what changes must be in the device's memory.
            lr=torch.tensor(rate, device=device) if on_gpu else rate,
            weight_decay=pretraining.weight_decay,
            fused=on_gpu or None,
            capturable=on_gpu,
        )

    def __call__(self, block: torch.Tensor, targets: torch.Tensor, share: float) -> None:
        self.set_share(share)
        self.run(block, targets)

    def set_share(self, share: float) -> None:
        rate = self._numbers.rate(share)
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def run(self, block: torch.Tensor, targets: torch.Tensor) -> None:
        """The step, with no targets; on a GPU nothing waits for the host."""
        images = self._normalisation.apply(block)
        flip = self._numbers.flip
        views = [random_view(images, flip=flip, chance=self.chance) for _ in range(2)]
        both = torch.cat(views).contiguous(memory_format=torch.channels_last)
        on_gpu = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
            projected = self._projector(self._body(both))
        loss = contrastive_loss(projected, self._numbers.temperature)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def finish(self) -> None:
        """What is to be used is the body as it is."""
        self._optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        return {
            "body": self._body.state_dict(),
            "projector": self._projector.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self._body.load_state_dict(state["body"])
        self._projector.load_state_dict(state["projector"])
        self._optimizer.load_state_dict(state["optimizer"])


def pretrain(
    learner: EagerPretraining,
    pretraining: Pretraining,
    items: Items,
    indices: IndexArray,
    *,
    seed: int,
    begin: int,
    keep: Callable[[int], None],
    progress: Progress,
) -> None:
    """Epochs ``begin`` and later, in place.

    Every epoch has a seed of its own: one that goes on from what was kept of the epochs before
    ends, on a CPU, with the same weights as one that was never stopped.

    Parameters
    ----------
    learner : EagerPretraining
        As it was after ``begin`` epochs.
    indices : (K,) int64, K >= 2
        Items to learn from.
    keep : callable
        Called now and then with the number of epochs that are done, between two of them.
    """
    device = learner.device
    n, size = indices.size, min(pretraining.batch_size, indices.size)
    per_epoch = n // size
    epochs = pretraining.epochs_of(n)
    steps = epochs * per_epoch
    items.keep(indices, progress)
    none = torch.empty(0, dtype=torch.int64, device=device)
    take, pace = recorded(learner), Pace(device)
    kept_at = reported_at = time.monotonic()
    for epoch in range(begin, epochs):
        order = np.random.default_rng((seed, epoch)).permutation(n)
        learner.chance.manual_seed(_seed(seed, epoch))
        for i, block in enumerate(_blocks(items, indices[order], size, per_epoch, device)):
            step = epoch * per_epoch + i
            take(block, none, step / steps)
            pace.asked()
            if time.monotonic() - reported_at >= _REPORT_EVERY_S:
                reported_at = time.monotonic()
                progress(
                    0.99 * (step + 1) / steps, f"pre-training, epoch {epoch + 1:,} of {epochs:,}"
                )
        if time.monotonic() - kept_at >= _KEEP_EVERY_S and epoch + 1 < epochs:
            keep(epoch + 1)
            kept_at = time.monotonic()
    take.finish()
    pace.finish()


def _blocks(
    items: Items, indices: IndexArray, size: int, n_blocks: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """The first ``n_blocks`` of ``size`` items each; no step waits for the host if it can."""
    resident = items.resident(indices)
    if resident is None:
        yield from items.blocks(indices[i * size : (i + 1) * size] for i in range(n_blocks))
        return
    rows = torch.from_numpy(indices).to(device)
    for i in range(n_blocks):
        yield resident[rows[i * size : (i + 1) * size]]


def _seed(seed: int, epoch: int) -> int:
    return int(
        np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> np.uint64(1)
    )
