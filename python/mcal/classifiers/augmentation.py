"""What is done to images before a network sees them: by chance to learn, by rule to score."""

from __future__ import annotations

import math

from ._torch import nn, torch
from .recipes import Augmentation

__all__ = ["View", "augment", "erase", "move", "views_of", "warp"]

View = tuple[int, int, bool]  # rows down, columns to the right, mirrored


def augment(
    block: torch.Tensor, augmentation: Augmentation, chance: torch.Generator
) -> torch.Tensor:
    """Images (K, H, W, channels), each changed by chance; of any type, cropped ones float32.

    What a shift uncovers repeats the edge. Embeddings come back as they are.
    """
    if block.dim() != 4:
        return block
    n, height, width, _ = block.shape
    device = block.device
    reach = _reach(augmentation, height, width)
    down = torch.randint(-reach, reach + 1, (n, 1), generator=chance, device=device)
    right = torch.randint(-reach, reach + 1, (n, 1), generator=chance, device=device)
    mirrored = None
    if augmentation.flip:
        mirrored = torch.rand(n, 1, generator=chance, device=device) < 0.5
    block = move(block, down, right, mirrored)
    if augmentation.crop_share < 1:
        block = _crop(block, augmentation.crop_share, chance)
    if augmentation.erase_share > 0:
        block = erase(block, augmentation.erase_share, chance)
    return block


def views_of(augmentation: Augmentation, item_shape: tuple[int, ...], n_views: int) -> list[View]:
    """The first ``n_views`` ways, or as many as there are, to look at an item.

    As it is, mirrored where that is allowed, then moved half as far as training moves it, towards
    each corner, every other one mirrored. Never as training does not show it.
    """
    views = [(0, 0, False)]
    if len(item_shape) == 3:
        flip = augmentation.flip
        reach = math.ceil(_reach(augmentation, *item_shape[:2]) / 2)
        corners = [(-1, -1), (1, 1), (-1, 1), (1, -1)] if reach else []
        views += [(0, 0, True)] * flip
        views += [(reach * y, reach * x, flip and k % 2 > 0) for k, (y, x) in enumerate(corners)]
    return views[:n_views]


def move(
    block: torch.Tensor, down: torch.Tensor, right: torch.Tensor, mirrored: torch.Tensor | None
) -> torch.Tensor:
    """Images (K, H, W, channels) shifted by pixels, (K, 1) or (1, 1) int64 and bool each."""
    n, height, width, _ = block.shape
    device = block.device
    rows = (torch.arange(height, device=device) + down).clamp_(0, height - 1)
    columns = (torch.arange(width, device=device) + right).clamp_(0, width - 1)
    if mirrored is not None:
        columns = torch.where(mirrored, width - 1 - columns, columns)
    each = torch.arange(n, device=device)
    return block[each[:, None, None], rows[:, :, None], columns[:, None, :]]


def erase(block: torch.Tensor, side_share: float, chance: torch.Generator) -> torch.Tensor:
    """Images (K, H, W, channels), a square of each replaced by the image's mean.

    Its center is anywhere, so that parts of it may fall outside.
    """
    n, height, width, _ = block.shape
    half = side_share * min(height, width) / 2

    def hidden(side: int) -> torch.Tensor:  # (K, side)
        center = torch.rand(n, 1, generator=chance, device=block.device) * side
        return (torch.arange(side, device=block.device) + 0.5 - center).abs() < half

    hole = hidden(height)[:, :, None, None] & hidden(width)[:, None, :, None]
    mean = block.float().mean((1, 2), keepdim=True).to(block.dtype)
    return torch.where(hole, mean, block)


def warp(block: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Images (K, H, W, channels) seen through affine maps; float32.

    ``matrix`` (K, 2, 3) maps a pixel (x, y, 1), counted from the image's center, to the place it
    is taken from, between pixels bilinearly, beyond the edge from the edge.
    """
    _, height, width, _ = block.shape
    x = torch.arange(width, device=block.device) - (width - 1) / 2
    y = torch.arange(height, device=block.device) - (height - 1) / 2
    a = matrix[:, :, :, None, None]  # (K, 2, 3, 1, 1)
    source = a[:, :, 0] * x + a[:, :, 1] * y[:, None] + a[:, :, 2]  # (K, 2, H, W)
    grid = torch.stack([source[:, 0] * (2 / width), source[:, 1] * (2 / height)], dim=-1)
    images = block.float().permute(0, 3, 1, 2)
    warped = nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return warped.permute(0, 2, 3, 1).contiguous()  # as images are read, channels last


def _reach(augmentation: Augmentation, height: int, width: int) -> int:
    """Pixels by which training shifts an image at most."""
    return round(augmentation.shift_share * min(height, width))


def _crop(block: torch.Tensor, smallest: float, chance: torch.Generator) -> torch.Tensor:
    """A part of each image, of the same proportions, enlarged to all of it."""
    n, height, width, _ = block.shape
    share, x, y = torch.rand(3, n, generator=chance, device=block.device)
    side = smallest + (1 - smallest) * share
    none = torch.zeros_like(side)
    across = torch.stack([side, none, (1 - side) * (x - 0.5) * width], dim=1)
    along = torch.stack([none, side, (1 - side) * (y - 0.5) * height], dim=1)
    return warp(block, torch.stack([across, along], dim=1))
