"""From settings to a classifier; torch is imported here, on the first call."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcal.settings import ClassifierSettings
from mcal.types import Classifier, Pool

if TYPE_CHECKING:
    from ._torch import torch
    from .torch_classifier import TorchClassifier

__all__ = ["open_classifier"]

_LONGEST_STEM = 40


def open_classifier(
    settings: ClassifierSettings,
    pool: Pool,
    *,
    cache: Path | None = None,
    seed: int = 0,
    try_out: bool = False,
) -> Classifier:
    """The classifier that ``settings`` describes, for the items of ``pool``.

    Parameters
    ----------
    settings : ClassifierSettings
        ``architecture="auto"`` takes a linear head for embeddings, for images ResNet-18 on a GPU
        and the small network on a CPU. ``device="auto"`` takes a CUDA GPU when there is one.
        ``epochs``, ``batch_size`` and ``pretrain_epochs`` replace the recipe's own. Several
        ``members`` are an ensemble of such classifiers.
    pool : Pool
        Its kind and classes are looked at, and one item is read for its shape.
    cache : Path, optional
        Folder for what is computed once for a pool, without labels: a pre-trained body, features.
        Without one they are kept in memory.
    seed : int
        The campaign's, of what is learned without labels. Who has the same ``cache`` shares it
        only with the same seed: campaigns of other seeds are to be independent.
    try_out : bool
        Open at once, for two items, what computes features elsewhere, and let it go: weights that
        cannot be had are told before labels are bought.

    Returns
    -------
    Classifier
        Named "architecture/recipe", "architecture-self/embedding", or for features from elsewhere
        by what computes them; with "-warm" for a warm start, "-x5" for 5 members and "-learned" for
        that ranking.

    Raises
    ------
    ValueError
        Unknown architecture, features or device, or an architecture or recipe that does not fit
        the pool's kind.
    MissingExtraError
        torch, or for its architectures torchvision, or for its models timm, is not installed.
    ClassifierError
        Tried out, features cannot be computed.
    """
    from .devices import choose_device
    from .ensemble import Ensemble
    from .frozen import try_features
    from .learned import CrossFitted

    device = choose_device(settings.device)
    on_features = settings.recipe == "embedding" and pool.kind != "embeddings"
    open_one = _open_head if on_features else _open_network
    classifier = open_one(settings, pool, device, cache, seed)
    elsewhere = settings.features or "self"
    if try_out and elsewhere != "self":
        try_features(elsewhere, device, pool, settings.path)
    if settings.ranking == "learned":
        return CrossFitted(classifier, settings.members)
    return Ensemble(classifier, settings.members) if settings.members > 1 else classifier


def _open_network(
    settings: ClassifierSettings, pool: Pool, device: torch.device, cache: Path | None, seed: int
) -> TorchClassifier:
    """A network that learns from the items as they are."""
    from .architectures import check_architecture
    from .body import Body
    from .recipes import recipe_for
    from .torch_classifier import TorchClassifier

    if settings.features is not None:
        raise ValueError(
            f"features: expected none for a pool of embeddings, found {settings.features!r}"
        )
    if settings.flip is not None and pool.kind == "embeddings":
        raise ValueError(f"flip: expected none for a pool of embeddings, found {settings.flip}")
    architecture = settings.architecture
    if architecture == "auto":
        architecture = "linear" if pool.kind == "embeddings" else _network_for(device)
    check_architecture(architecture, pool.kind)
    recipe = recipe_for(
        settings.recipe,
        architecture,
        _item_shape(pool),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        pretrain_epochs=settings.pretrain_epochs,
        flip=settings.flip,
        warm_start=settings.warm_start,
    )
    if settings.pretrain_epochs is not None and recipe.pretraining is None:
        raise ValueError(
            "pretrain_epochs: expected none for a pool of embeddings, where no network teaches "
            f"itself, found {settings.pretrain_epochs}"
        )
    body = None
    if recipe.pretraining is not None:
        body = Body(architecture, recipe.pretraining, device, cache, seed=seed)
    return TorchClassifier(architecture, recipe, device, body=body)


def _open_head(
    settings: ClassifierSettings, pool: Pool, device: torch.device, cache: Path | None, seed: int
) -> TorchClassifier:
    """A head on features of images."""
    from .architectures import check_architecture
    from .body import Body
    from .features import Features
    from .frozen import check_features, open_frozen
    from .recipes import recipe_for, self_taught
    from .torch_classifier import TorchClassifier

    architecture, name, folder = settings.architecture, settings.features or "self", settings.path
    check_features(name, folder)
    if name == "self":
        architecture = _network_for(device) if architecture == "auto" else architecture
        check_architecture(architecture, "images")
        pretraining = self_taught(
            architecture, _item_shape(pool), settings.pretrain_epochs, settings.flip
        )
        body = Body(architecture, pretraining, device, cache, seed=seed)
        features = Features(name, body.frozen, device, cache)
        called = f"{architecture}-self"
    elif architecture in ("auto", "linear"):
        features = Features(name, lambda *_: open_frozen(name, device, folder), device, cache)
        called = _called(name)
    else:
        raise ValueError(
            f"architecture: expected 'auto' or 'linear' beside features {name!r}, "
            f"found {architecture!r}"
        )
    recipe = recipe_for("embedding", "linear", ())
    return TorchClassifier("linear", recipe, device, features=features, called=called)


def _called(features: str) -> str:
    """For names of candidates and files: short, and of a path no more than the file's own name."""
    source, _, name = features.partition(":")
    if source != "file":
        return re.sub(r"[^\w.]+", "-", features).strip("-.")
    stem = re.sub(r"[^\w.]+", "-", Path(name).stem).strip("-.")[:_LONGEST_STEM]
    return f"file-{stem}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _network_for(device: torch.device) -> str:
    return "small-cnn" if device.type == "cpu" else "resnet18"


def _item_shape(pool: Pool) -> tuple[int, ...]:
    return tuple(pool.read(np.zeros(1, np.int64)).shape[1:])
