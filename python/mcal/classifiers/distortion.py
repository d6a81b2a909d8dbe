"""Strong augmentation of images, all of them at once and on their device."""

from __future__ import annotations

import math

from ._torch import torch
from .augmentation import erase, warp
from .recipes import Distortion

__all__ = ["distort"]

_WHITE = 255.0


def distort(block: torch.Tensor, distortion: Distortion, chance: torch.Generator) -> torch.Tensor:
    """Images (K, H, W, channels) of values 0..255, each distorted by chance; float32, 0..255.

    Turned, sheared and shifted; where ``distortion`` asks for it, changed in light and colour; at
    last a square is hidden. The changes are those of RandAugment (Cubuk et al. 2020) that need no
    loop over images, each drawn on its own instead of two of them for each image.
    """
    n = block.shape[0]

    def draw(k: int) -> torch.Tensor:
        """(k, K): strength in [-1, 1] of each change to each image, 0 where it does not happen."""
        chances = torch.rand(2, k, n, generator=chance, device=block.device)
        return (2 * chances[0] - 1) * (chances[1] < distortion.probability)

    changed = warp(block, _maps(draw(5), distortion, min(block.shape[1:3])))
    if distortion.colour > 0:
        strengths = distortion.colour * draw(len(_COLOUR_CHANGES))[..., None, None, None]
        for change, strength in zip(_COLOUR_CHANGES, strengths, strict=True):
            changed = torch.where(strength == 0, changed, change(changed, strength))
            changed = changed.clamp(0, _WHITE)
    return erase(changed, distortion.erase_share, chance)


def _maps(strength: torch.Tensor, distortion: Distortion, side: int) -> torch.Tensor:
    """Affine maps (K, 2, 3) in pixels, for strengths (5, K): turn, two shears, two shifts."""
    angle = math.radians(distortion.turn_degrees) * strength[0]
    across, along = distortion.shear * strength[1:3]
    right, down = distortion.shift_share * side * strength[3:5]
    cos, sin = angle.cos(), angle.sin()
    x = torch.stack([cos - along * sin, across * cos - sin, right], dim=1)
    y = torch.stack([sin + along * cos, across * sin + cos, down], dim=1)
    return torch.stack([x, y], dim=1)


def _brightness(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    return images * (1 + strength)


def _contrast(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + strength)


def _saturation(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    grey = images.mean(3, keepdim=True)
    return grey + (images - grey) * (1 + strength)


def _solarisation(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """The negative of what is lighter than a threshold."""
    return torch.where(images > _WHITE * (1 - strength.abs()), _WHITE - images, images)


def _posterisation(images: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Fewer levels of each colour: of eight bits, up to four are left away."""
    step = torch.exp2((4 * strength.abs()).ceil())
    return (images / step).floor() * step


def _stretching(images: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    """Each colour from its darkest to its lightest value stretched over all there are."""
    low, high = images.amin((1, 2), keepdim=True), images.amax((1, 2), keepdim=True)
    return (images - low) * (_WHITE / (high - low).clamp_min(1))


_COLOUR_CHANGES = (_brightness, _contrast, _saturation, _solarisation, _posterisation, _stretching)
