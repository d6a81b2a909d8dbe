"""From settings to a classifier; torch is imported here, on the first call."""

from __future__ import annotations

import numpy as np

from mcal.settings import ClassifierSettings
from mcal.types import Classifier, Pool

__all__ = ["open_classifier"]


def open_classifier(settings: ClassifierSettings, pool: Pool) -> Classifier:
    """The classifier that ``settings`` describes, for the items of ``pool``.

    Parameters
    ----------
    settings : ClassifierSettings
        ``architecture="auto"`` takes a linear head for embeddings, for images ResNet-18 on a GPU
        and the small network on a CPU. ``device="auto"`` takes a CUDA GPU when there is one.
        ``epochs`` and ``batch_size`` replace the recipe's own. Several ``members`` are an ensemble
        of such classifiers.
    pool : Pool
        Its kind and classes are looked at, and one item is read for its shape.

    Returns
    -------
    Classifier
        Named "architecture/recipe", with "-x5" for 5 members and "-learned" for that ranking.

    Raises
    ------
    ValueError
        Unknown architecture or device, or an architecture or recipe that does not fit the pool's
        kind.
    MissingExtraError
        torch, or for its architectures torchvision, is not installed.
    """
    from .architectures import check_architecture
    from .devices import choose_device
    from .ensemble import Ensemble
    from .learned import CrossFitted
    from .recipes import recipe_for
    from .torch_classifier import TorchClassifier

    device = choose_device(settings.device)
    architecture = settings.architecture
    if architecture == "auto":
        if pool.kind == "embeddings":
            architecture = "linear"
        else:
            architecture = "small-cnn" if device.type == "cpu" else "resnet18"
    check_architecture(architecture, pool.kind)
    recipe = recipe_for(
        settings.recipe,
        architecture,
        tuple(pool.read(np.zeros(1, np.int64)).shape[1:]),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
    )
    classifier = TorchClassifier(architecture, recipe, device)
    if settings.ranking == "learned":
        return CrossFitted(classifier, settings.members)
    return Ensemble(classifier, settings.members) if settings.members > 1 else classifier
