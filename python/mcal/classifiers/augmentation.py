"""What chance does to images before a network learns from them."""

from __future__ import annotations

from ._torch import torch
from .recipes import Augmentation

__all__ = ["augment"]


def augment(
    block: torch.Tensor, augmentation: Augmentation, chance: torch.Generator
) -> torch.Tensor:
    """Images (K, H, W, channels), each shifted and perhaps mirrored by chance; else ``block``.

    What a shift uncovers repeats the edge.
    """
    if block.dim() != 4:
        return block
    n, height, width, _ = block.shape
    device = block.device

    def places(side: int) -> torch.Tensor:  # (K, side): where each row or column comes from
        reach = round(augmentation.shift_share * min(height, width))
        shift = torch.randint(-reach, reach + 1, (n, 1), generator=chance, device=device)
        return (torch.arange(side, device=device) + shift).clamp_(0, side - 1)

    rows, columns = places(height), places(width)
    if augmentation.flip:
        mirrored = torch.rand(n, 1, generator=chance, device=device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    each = torch.arange(n, device=device)
    return block[each[:, None, None], rows[:, :, None], columns[:, None, :]]
