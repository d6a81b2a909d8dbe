"""Two looks at the same image: what self-supervised learning tells apart from other images."""

from __future__ import annotations

import math

from ._torch import nn, torch

__all__ = ["STRENGTHS", "random_view"]

_LEAST_AREA = 0.3  # of the image that a crop shows
_ASPECT = 0.25  # of the crop: its sides' ratio is within exp(+-0.25)
_TURN = math.radians(10.0)
_CONTRAST = 0.5
_BRIGHTNESS = 0.5  # standard deviations of the pool
_TINT = 0.4  # the same for each colour by itself
_GREY_SHARE = 0.2  # of the coloured images, which lose their colour

STRENGTHS = (_LEAST_AREA, _ASPECT, _TURN, _CONTRAST, _BRIGHTNESS, _TINT, _GREY_SHARE)
"""All that says how much views differ: who keeps what was learned from them keeps these too."""


def random_view(images: torch.Tensor, *, flip: bool, chance: torch.Generator) -> torch.Tensor:
    """A crop of each image, a little turned and squeezed, in another light.

    Nothing depends on values and nothing waits for the host, so that a GPU can repeat it from a
    recording.

    Parameters
    ----------
    images : (K, channels, H, W) float32
        Normalised: mean 0 and standard deviation 1 over the pool.
    flip : bool
        Whether half of them are mirrored.
    chance : torch.Generator
        On the device of ``images``.
    """
    n, channels = images.shape[:2]
    device = images.device

    def between(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=chance, device=device)

    area, ratio = between(_LEAST_AREA, 1.0), torch.exp(between(-_ASPECT, _ASPECT))
    wide, high = ((area * r).sqrt().clamp(max=1.0) for r in (ratio, 1.0 / ratio))
    turn = between(-_TURN, _TURN)
    right, down = between(-1.0, 1.0) * (1.0 - wide), between(-1.0, 1.0) * (1.0 - high)
    sign = torch.where(between(0.0, 1.0) < 0.5, -1.0, 1.0) if flip else torch.ones_like(wide)
    cos, sin = torch.cos(turn), torch.sin(turn)
    rows = [sign * wide * cos, -high * sin, right, sign * wide * sin, high * cos, down]
    theta = torch.stack(rows, dim=1).view(n, 2, 3)
    grid = nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    seen = nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if channels > 1:
        grey = seen.mean(dim=1, keepdim=True)
        seen = torch.where(between(0.0, 1.0, 1, 1, 1) < _GREY_SHARE, grey, seen)
        seen = seen + between(-_TINT, _TINT, channels, 1, 1)
    level = seen.mean(dim=(1, 2, 3), keepdim=True)
    contrast = between(1.0 - _CONTRAST, 1.0 + _CONTRAST, 1, 1, 1)
    brightness = between(-_BRIGHTNESS, _BRIGHTNESS, 1, 1, 1)
    return (seen - level) * contrast + level + brightness
