"""Where items come from. A pool never knows the true labels; ``read_truth`` does, for evaluation.

Importing this room is cheap: Pillow, scikit-learn and torchvision are imported by the one file
that needs each, when a pool of that kind is opened.
"""

from .arrays import ArrayPool, EmbeddingPool, open_array
from .fashion_mnist import find_fashion_mnist
from .image_folder import ImageFolderPool
from .open import open_pool, read_truth
from .picture import picture_of, thumbnail_of

__all__ = [
    "ArrayPool",
    "EmbeddingPool",
    "ImageFolderPool",
    "find_fashion_mnist",
    "open_array",
    "open_pool",
    "picture_of",
    "read_truth",
    "thumbnail_of",
]
