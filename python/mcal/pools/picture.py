"""Items as people see them: the file itself where there is one, else a PNG of the pixels."""

from __future__ import annotations

import numpy as np

from mcal.errors import PoolError
from mcal.types import Picture, PicturePool, Pool

from .checks import checked_index

__all__ = ["picture_of", "thumbnail_of"]


def picture_of(pool: Pool, index: int) -> Picture | None:
    """The item at ``index`` as an image file that a browser shows.

    Parameters
    ----------
    pool : Pool
    index : int
        In [0, N).

    Returns
    -------
    Picture or None
        What the pool's own ``picture`` gives if it has one; for other images a PNG of what
        ``read`` gives, pixel for pixel; None for embeddings and for items that cannot be read.

    Raises
    ------
    ValueError
        There is no such item.
    MissingExtraError
        Pillow is not installed.
    """
    if isinstance(pool, PicturePool):
        return pool.picture(index)
    index = checked_index(index, pool.n_pool)
    if pool.kind != "images" or index in pool.broken():
        return None
    from .encode import encode_png  # Pillow only when a picture is asked for

    return Picture(encode_png(pool.read(np.array([index]))[0]), "image/png")


def thumbnail_of(pool: Pool, index: int, side: int = 128) -> Picture | None:
    """The item at ``index`` as a small picture, at most ``side`` pixels a side.

    None where there is nothing to show, and where the file has vanished or cannot be decoded.
    Raises as ``picture_of``.
    """
    try:
        shown = picture_of(pool, index)
    except (PoolError, OSError):
        return None
    if shown is None:
        return None
    from .encode import shrink

    try:
        return Picture(*shrink(shown.data, side))
    except Exception:  # decoders raise anything; an item that cannot be shown is no failure
        return None
