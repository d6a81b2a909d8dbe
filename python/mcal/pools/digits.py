"""scikit-learn's bundled digits: 1,797 images of 8 x 8, for a machine with no data at all.

The only importer of scikit-learn.
"""

from __future__ import annotations

import numpy as np

from mcal.errors import MissingExtraError

from .data_set import DataSet

try:
    from sklearn.datasets import load_digits
except ImportError as error:
    raise MissingExtraError("scikit-learn", "digits") from error

_INK_LEVELS = 16


def read_digits() -> DataSet:
    """The data set, its 17 grey levels 0..16 spread over 0..255."""
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / _INK_LEVELS)).astype(np.uint8)
    return DataSet(
        images=images,
        labels=bunch.target.astype(np.int64),
        names=tuple(str(row) for row in range(len(images))),
        classes=tuple(str(digit) for digit in bunch.target_names),
    )
