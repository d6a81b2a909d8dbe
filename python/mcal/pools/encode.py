"""Pixels in, an image file out."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.errors import MissingExtraError

try:
    from PIL import Image, ImageOps
except ImportError as error:
    raise MissingExtraError("pillow", "images") from error

__all__ = ["encode_png", "for_browsers", "shrink"]

_BROWSERS_SHOW = {"AVIF", "GIF", "JPEG", "PNG", "WEBP"}
_LARGEST_SIDE = 4096


def encode_png(pixels: npt.NDArray[Any]) -> bytes:
    """A PNG of (H, W, channels) uint8 pixels, channels 1 or 3."""
    file = BytesIO()
    grey = pixels.shape[2] == 1
    Image.fromarray(pixels[:, :, 0] if grey else pixels).save(file, "PNG")
    return file.getvalue()


def for_browsers(data: bytes) -> tuple[bytes, str]:
    """An image file as browsers can show it, and its media type.

    Formats that every browser knows are passed on untouched; others, and 16-bit and float grey,
    become a PNG of at most 4,096 pixels a side.
    """
    with Image.open(BytesIO(data)) as image:
        if image.format in _BROWSERS_SHOW and image.mode[0] not in "IF":
            return data, Image.MIME[image.format]
        from .decode import to_rgb

        image.load()
        rgb = ImageOps.exif_transpose(to_rgb(image))
        rgb.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
        return encode_png(np.asarray(rgb)), "image/png"


def shrink(data: bytes, side: int) -> tuple[bytes, str]:
    """An image file made small: at most ``side`` pixels a side, and its media type.

    Small ones become a PNG, pixel for pixel, others a JPEG; transparency is on white.
    """
    from .decode import to_rgb

    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded small
        rgb = ImageOps.exif_transpose(to_rgb(image))
        is_tiny = max(rgb.size) <= side // 2
        rgb.thumbnail((side, side))
        file = BytesIO()
        rgb.save(file, **({"format": "PNG"} if is_tiny else {"format": "JPEG", "quality": 80}))
        return file.getvalue(), "image/png" if is_tiny else "image/jpeg"
