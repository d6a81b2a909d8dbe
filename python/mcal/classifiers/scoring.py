"""From a trained network to scores, block by block."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import numpy as np

from mcal.types import IndexArray, Progress, Scores

from ._torch import nn, torch
from .architectures import Network
from .augmentation import View, move
from .devices import free_bytes
from .items import Items, Normalisation

__all__ = ["fold_batch_norms", "score_items"]

_REPORT_EVERY_S = 0.2
# Seconds of a processor are scarce: there an item whose most likely classes' logits differ by this
# much is not looked at again. It would stay among those that the machine labels first.
_SURE = {"cpu": 2.5}
_PIXELS_PER_BLOCK = {"cpu": 400_000, "cuda": 20_000_000}


def fold_batch_norms(network: Network) -> Network:
    """A copy in which a batch norm that directly follows a convolution is part of it.

    Same function up to rounding, in evaluation mode, and a third less memory traffic.
    """
    folded = copy.deepcopy(network).eval()
    chains = [m for m in folded.modules() if isinstance(m, nn.Sequential)]
    for chain in chains:
        for at, (first, second) in enumerate(zip(chain, list(chain)[1:], strict=False)):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                chain[at] = nn.utils.fuse_conv_bn_eval(first, second)
                chain[at + 1] = nn.Identity()
    return folded


def score_items(
    network: Network,
    items: Items,
    normalisation: Normalisation,
    indices: IndexArray,
    views: Sequence[View],
    *,
    embeddings: bool,
    on_device: bool,
    progress: Progress,
) -> Scores:
    """Logits, and on request embeddings, of the items at ``indices``, in their order.

    Each item is seen in all ``views``; on a CPU in the first one only where that leaves no doubt,
    which is a question to the item alone, the same for the test set and the rest. ``on_device``
    leaves the scores where the network is, as far as half of the free memory there goes.
    """
    n = indices.size
    device = network.head.weight.device
    widths = (network.head.out_features, network.head.in_features * embeddings)
    stay = on_device and 4 * n * sum(widths) <= free_bytes(device) // 2
    logits, embedded = (torch.empty((n, w), device=device if stay else "cpu") for w in widths)
    size = max(1, _PIXELS_PER_BLOCK.get(device.type, 400_000) // _pixels(items.item_shape))
    starts = range(0, n, size)
    reported_at = time.monotonic()
    with torch.inference_mode():
        for start, block in zip(
            starts, items.blocks(indices[s : s + size] for s in starts), strict=True
        ):
            features = _embed(network, normalisation, block, views)
            rows = slice(start, start + len(block))
            logits[rows] = network.classify(features)
            if embeddings:
                embedded[rows] = features
            if time.monotonic() - reported_at >= _REPORT_EVERY_S:
                reported_at = time.monotonic()
                progress(rows.stop / n, f"{rows.stop:,} of {n:,} items")
    progress(1.0, f"{n:,} of {n:,} items")
    if stay and device.type == "cuda":
        torch.cuda.empty_cache()  # what torch keeps for later, selection may need now
    if not stay:
        return Scores(logits.numpy(), embedded.numpy() if embeddings else None)
    return Scores(logits, embedded if embeddings else None)


def _embed(
    network: Network, normalisation: Normalisation, block: torch.Tensor, views: Sequence[View]
) -> torch.Tensor:
    """The mean of the views' embeddings, of which the head makes the mean of their logits."""
    device = block.device

    def look(seen: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return network.embed(normalisation.apply(seen))

    first = look(block)  # an item itself is its first view
    if len(views) == 1:
        return first
    doubtful = _doubtful(network.classify(first), device)
    seen, total = block[doubtful], first[doubtful]
    if not len(seen):
        return first
    for down, right, mirrored in views[1:]:
        place = torch.tensor([[down, right]], device=device)
        side = torch.tensor([[mirrored]], device=device)
        total = total + look(move(seen, place[:, :1], place[:, 1:], side))
    first[doubtful] = total / len(views)
    return first


def _doubtful(logits: torch.Tensor, device: torch.device) -> torch.Tensor | slice:
    """Which rows of (K, C) logits deserve another look."""
    if device.type not in _SURE or logits.shape[1] < 2:
        return slice(None)
    largest = logits.topk(2, dim=1).values
    return ~(largest[:, 0] - largest[:, 1] >= _SURE[device.type])


def _pixels(item_shape: tuple[int, ...]) -> int:
    return max(1, int(np.prod(item_shape[:2])))
