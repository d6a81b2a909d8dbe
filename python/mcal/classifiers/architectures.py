"""Architectures by name: one ``Network`` (body, head) for every one of them.

The small network and CNN18 are our own; the rest is torchvision's, untrained, with two changes:
the first convolution takes the pool's channels (grey stays one channel), and where the images are
small the first layers do not throw their pixels away.
"""

from __future__ import annotations

import difflib
from types import ModuleType
from typing import Any

from mcal.errors import MissingExtraError

from ._torch import nn, torch
from .convolutions import Cnn18, SmallCnn

__all__ = [
    "Network",
    "build_network",
    "check_architecture",
    "remove_last_layer",
    "torchvision_models",
]

_OWN: dict[str, type[SmallCnn | Cnn18]] = {"small-cnn": SmallCnn, "cnn18": Cnn18}
_SMALL_SIDE = 64  # below it the usual stems, made for 224 x 224, leave next to nothing
_FULL_SIDE = 224
_ONE_SIDE_ONLY = ("vit_", "maxvit")  # take 224 x 224 and nothing else


class Network(nn.Module):
    """``body`` turns items into embeddings (K, D), ``head`` embeddings into logits (K, C).

    The head always computes in float32: logits rounded to bfloat16 would tie in the ranking.
    """

    def __init__(self, body: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def embed(self, items: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self.body(items)
        return embeddings.float()

    def classify(self, embeddings: torch.Tensor) -> torch.Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            logits: torch.Tensor = self.head(embeddings)
            return logits

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        return self.classify(self.embed(items))


def check_architecture(architecture: str, kind: str) -> None:
    """Raise ``ValueError`` unless ``architecture`` exists and takes items of ``kind``."""
    if architecture == "linear" or kind == "embeddings":
        if architecture != "linear" or kind != "embeddings":
            raise ValueError(
                f"architecture: expected 'linear' for embeddings and only there, "
                f"found {architecture!r} for {kind}"
            )
    elif architecture not in _OWN:
        known = torchvision_models().list_models(module=torchvision_models())
        if architecture not in known:
            near = difflib.get_close_matches(architecture, [*_OWN, *known, "linear"], n=5)
            hint = f"one like {', '.join(near)}" if near else "a torchvision classification model"
            raise ValueError(f"architecture: expected {hint}, found {architecture!r}")


def build_network(architecture: str, item_shape: tuple[int, ...], n_classes: int) -> Network:
    """An untrained network; its weights come from torch's global generator.

    Parameters
    ----------
    architecture : str
        A name that ``check_architecture`` accepts.
    item_shape : tuple of int
        (D,) for embeddings, (H, W, channels) for images.
    n_classes : int
        C >= 1.
    """
    if architecture == "linear":
        return Network(nn.Identity(), nn.Linear(item_shape[0], n_classes))
    height, width, channels = item_shape
    if architecture in _OWN:
        own = _OWN[architecture](channels, min(height, width))
        return Network(own, nn.Linear(own.n_features, n_classes))
    body, n_features = _torchvision_body(architecture, height, width, channels)
    return Network(body, nn.Linear(n_features, n_classes))


def _torchvision_body(
    architecture: str, height: int, width: int, channels: int
) -> tuple[nn.Module, int]:
    models = torchvision_models()
    options: dict[str, Any] = {"weights": None}
    if architecture in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}
    body: nn.Module = models.get_model(architecture, **options)
    small = min(height, width) < _SMALL_SIDE
    side: int | None = _FULL_SIDE if small else None
    _change_first_convolution(body, channels)
    if isinstance(body, models.ResNet) and small:
        body.conv1 = nn.Conv2d(channels, body.conv1.out_channels, 3, padding=1, bias=False)
        body.maxpool = nn.Identity()
        side = None
    elif isinstance(body, models.EfficientNet) and small:
        body.features[0][0].stride = (1, 1)
        side = None
    if architecture.startswith(_ONE_SIDE_ONLY):
        side = _FULL_SIDE
    n_features = remove_last_layer(body)
    if side is not None and (height, width) != (side, side):
        body = nn.Sequential(
            nn.Upsample(size=(side, side), mode="bilinear", align_corners=False), body
        )
    return body, n_features


def _change_first_convolution(body: nn.Module, channels: int) -> None:
    name, old = next((n, m) for n, m in body.named_modules() if isinstance(m, nn.Conv2d))
    if old.in_channels != channels:
        new = nn.Conv2d(
            channels,
            old.out_channels,
            (old.kernel_size[0], old.kernel_size[1]),
            stride=(old.stride[0], old.stride[1]),
            padding=(int(old.padding[0]), int(old.padding[1])),
            bias=old.bias is not None,
        )
        nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
        if new.bias is not None:
            nn.init.zeros_(new.bias)
        body.set_submodule(name, new)


def remove_last_layer(body: nn.Module) -> int:
    """Replace the layer that makes the logits by nothing; return the width of what enters it.

    It is the last linear layer, or where there is none (SqueezeNet) the last convolution.
    """
    for kind in (nn.Linear, nn.Conv2d):
        layers = [(n, m) for n, m in body.named_modules() if isinstance(m, kind)]
        if layers:
            name, last = layers[-1]
            body.set_submodule(name, nn.Identity())
            return last.in_features if isinstance(last, nn.Linear) else last.in_channels
    raise ValueError("architecture: expected one with a linear layer or a convolution, found none")


def torchvision_models() -> ModuleType:
    try:
        import torchvision
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchvision", "torch") from error
    models: ModuleType = torchvision.models
    return models
