"""One image file in, one RGB square out. The only importer of Pillow."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.errors import MissingExtraError

try:
    import PIL
    from PIL import Image, UnidentifiedImageError
except ImportError as error:
    raise MissingExtraError("pillow", "images") from error

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {  # EXIF orientation -> what sets the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(path: str, size: int) -> npt.NDArray[np.uint8]:
    """The image at ``path`` as (size, size, 3) uint8 RGB.

    The EXIF orientation is applied, the short side brought to ``size`` (bilinear with
    anti-aliasing) and the centre square kept. The first frame of an animation counts.
    Transparency is laid on white. JPEGs much larger than ``size`` are shrunk while decoding, to no
    less than twice ``size``.

    Grey in a 16-bit file keeps the high 8 of its own bits. Formats do not say how many those are,
    so the largest value of the file does: below 256 they are 8, below 4096 they are 12 (cameras,
    microscopes, X-rays), otherwise 16. Integers beyond 16 bits and floats are stretched from their
    lowest to their highest finite value.

    Any exception means that the image cannot be used; ``unreadable_because`` words it. Images of
    more than ``PIL.Image.MAX_IMAGE_PIXELS`` pixels are refused.
    """
    with Image.open(path) as image:
        rgb = _load_rgb(image, 2 * size)
        upright = _UPRIGHT.get(_orientation(image))  # loading a TIFF has already set it upright
        side = min(rgb.size)
        left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
        square = rgb.resize(
            (size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)
        )
    return np.asarray(square if upright is None else square.transpose(upright))


def check_image(path: str) -> None:
    """Decode the whole file at the smallest scale it offers; raises what ``decode_image`` would."""
    with Image.open(path) as image:
        _load_rgb(image, 1)


def unreadable_because(error: Exception, path: str) -> str:
    """A few words on why ``decode_image`` failed."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels (PIL.Image.MAX_IMAGE_PIXELS)"
    if isinstance(error, UnidentifiedImageError):
        return "not an image" if os.path.getsize(path) else "empty file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def decoder_version() -> str:
    """What a verdict about an image depends on besides the file."""
    return f"pillow {PIL.__version__}, at most {Image.MAX_IMAGE_PIXELS} pixels"


def _load_rgb(image: Image.Image, least_side: int) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise Image.DecompressionBombError
    image.draft(None, (least_side, least_side))
    image.load()
    return to_rgb(image)


def _orientation(image: Image.Image) -> int:
    """1 to 8. Viewers show a picture whose EXIF block is damaged as it lies, and so do we."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB as ``decode_image`` describes: on white, and grey in 8 bits."""
    mode = image.mode
    if mode in ("RGBA", "LA", "PA") or ("transparency" in image.info and mode[0] != "I"):
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        return page.convert("RGB")
    if mode[0] in "IF":  # grey of 16 or 32 bits
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    return image if mode == "RGB" else image.convert("RGB")


def _to_bytes(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if grey.dtype.kind != "f" and grey.min() >= 0 and grey.max() < 1 << 16:
        own_bits = next(bits for bits in (8, 12, 16) if grey.max() < 1 << bits)
        return np.asarray(grey >> (own_bits - 8), np.uint8)
    finite = grey[np.isfinite(grey)].astype(np.float64)
    if not finite.size:
        raise ValueError("no finite pixel")
    low, high = finite.min(), finite.max()
    filled = np.nan_to_num(grey.astype(np.float64), nan=low, posinf=high, neginf=low)
    levels = (filled - low) * (255 / ((high - low) or 1.0))
    return np.asarray(np.rint(levels), np.uint8)
