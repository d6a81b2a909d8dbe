"""Networks that somebody else has trained, and that turn images into features as they are.

The one door to timm.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from mcal.errors import ClassifierError, McalError, MissingExtraError
from mcal.types import Pool

from ._torch import nn, torch
from .architectures import remove_last_layer, torchvision_models
from .devices import own_chance
from .items import readable_items

__all__ = ["Frozen", "check_features", "frozen_network", "open_frozen", "try_features"]

_KEY = "classifier.features"
_FORM = '"torchvision:MODEL", "timm:MODEL", "file:PATH", "MODULE:FUNCTION" or "self"'
_IMPORTABLE = re.compile(r"\w+(\.\w+)*:\w+")


@dataclass(frozen=True)
class Frozen:
    """Images as read, (K, H, W, channels) uint8 on a device, become features (K, D) there."""

    key: str  # differs where the features would
    embed: Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class _Preparation:
    """What a network wants its images to be."""

    size: tuple[int, int] | None  # height, width; None: as they are
    mean: tuple[float, ...]  # of values 0..1, for each colour
    std: tuple[float, ...]
    mode: str = "bilinear"

    def apply(self, block: torch.Tensor) -> torch.Tensor:
        """(K, H, W, channels) uint8 -> (K, 3, height, width) float32."""
        images = block.permute(0, 3, 1, 2).float().div_(255.0)
        images = images.expand(-1, 3, -1, -1)  # grey is three equal colours
        if self.size is not None and tuple(images.shape[2:]) != self.size:
            images = nn.functional.interpolate(
                images, size=self.size, mode=self.mode, align_corners=False, antialias=True
            ).clamp_(0.0, 1.0)  # cubic curves overshoot
        mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        return (images - mean) / std


_AS_THEY_ARE = _Preparation(None, (0.0,) * 3, (1.0,) * 3)


def check_features(features: str, folder: Path | None = None) -> None:
    """Raise ``ValueError`` for features that nothing computes; reads no weights.

    A ``folder`` has a file without a folder of its own, and is searched for a module after the
    places that Python searches.

    ``MissingExtraError`` when the library that has the model is not installed.
    """
    source, _, name = features.partition(":")
    if features == "self":
        return
    if not name or not source:
        raise ValueError(f"{_KEY}: expected {_FORM}, found {features!r}")
    if source == "torchvision":
        _torchvision_weights(name)
    elif source == "timm":
        if not _timm().is_model(name):
            raise ValueError(f"{_KEY}: expected a model of timm, found {features!r}")
    elif source == "file":
        path = _path(name, folder)
        if not path.is_file():
            raise ValueError(
                f"{_KEY}: expected a file, found no {path.name} in {path.absolute().parent}"
            )
    else:
        _function(features, folder)


def open_frozen(features: str, device: torch.device, folder: Path | None = None) -> Frozen:
    """Load what ``check_features`` accepts, but "self"; fetches weights that are not there.

    Raises ``ClassifierError`` when that fails.
    """
    source, _, name = features.partition(":")
    try:
        if source == "torchvision":
            return _from_torchvision(name, device)
        if source == "timm":
            return _from_timm(name, device)
        if source == "file":
            return _from_file(_path(name, folder), device)
        made = _function(features, folder)()
    except MissingExtraError:
        raise
    except Exception as error:  # other people's code, files and servers: anything may come
        hint = _where_weights_belong(name) if source == "torchvision" else ""
        raise ClassifierError(f"{_KEY}: {features} cannot be loaded: {error}{hint}") from error
    if isinstance(made, nn.Module):
        frozen = frozen_network(made, _AS_THEY_ARE.apply, device)
        return replace(frozen, key=f"{frozen.key} {_source_hash(features)}")
    if callable(made):
        return Frozen(_source_hash(features), lambda block: _call(made, block, features))
    raise ClassifierError(
        f"{_KEY}: expected {features} to return a torch module or a function of images, "
        f"found {type(made).__name__}"
    )


def try_features(
    features: str, device: torch.device, pool: Pool, folder: Path | None = None
) -> None:
    """Open what computes ``features``, show it two items, and let it go.

    Raises ``ClassifierError`` for what would fail in the first training, when labels are paid.
    """
    with own_chance(device):  # who builds a network draws weights first
        frozen = open_frozen(features, device, folder)
        items = np.array(pool.read(readable_items(pool)[:2]))
        try:
            frozen.embed(torch.from_numpy(items).to(device))
        except McalError:
            raise
        except Exception as error:  # other people's code
            raise ClassifierError(
                f"{_KEY}: {features} fails for two items of the pool: "
                f"{type(error).__name__}: {error}"
            ) from error


def frozen_network(
    network: nn.Module,
    prepare: Callable[[torch.Tensor], torch.Tensor],
    device: torch.device,
    key: str | None = None,
) -> Frozen:
    """``network`` in evaluation mode on a device; its key is the hash of its weights."""
    network = network.to(device)
    if key is None:  # an exported program is in evaluation mode, and refuses to be told so
        network = network.eval().to(memory_format=torch.channels_last)
        key = weights_hash(network)

    def embed(block: torch.Tensor) -> torch.Tensor:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"),
        ):
            features = network(prepare(block))
        return _checked(features, len(block))

    return Frozen(key, embed)


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of everything a network has learnt."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(
            value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()


def _from_torchvision(name: str, device: torch.device) -> Frozen:
    weights = _torchvision_weights(name)
    wanted = weights.transforms()
    body: nn.Module = torchvision_models().get_model(name, weights=weights)
    remove_last_layer(body)
    side = wanted.crop_size[0]
    mode = str(wanted.interpolation.value)
    preparation = _Preparation((side, side), tuple(wanted.mean), tuple(wanted.std), mode)
    return frozen_network(body, preparation.apply, device)


def _from_timm(name: str, device: torch.device) -> Frozen:
    timm = _timm()
    body: nn.Module = timm.create_model(name, pretrained=True, num_classes=0)
    wanted: dict[str, Any] = timm.data.resolve_model_data_config(body)
    preparation = _Preparation(
        tuple(wanted["input_size"][1:]),
        tuple(wanted["mean"]),
        tuple(wanted["std"]),
        "bicubic" if wanted["interpolation"] == "bicubic" else "bilinear",
    )
    return frozen_network(body, preparation.apply, device)


def _from_file(path: Path, device: torch.device) -> Frozen:
    with path.open("rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()
    if path.suffix == ".pt2":
        return frozen_network(torch.export.load(path).module(), _AS_THEY_ARE.apply, device, key)
    with warnings.catch_warnings():  # TorchScript goes on being read while torch reads it
        warnings.simplefilter("ignore", FutureWarning)
        script = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    return frozen_network(script.eval(), _AS_THEY_ARE.apply, device, key)


def _call(function: Callable[[Any], Any], block: torch.Tensor, features: str) -> torch.Tensor:
    """A function of NumPy arrays."""
    found = np.asarray(function(block.cpu().numpy()), dtype=np.float32)
    return _checked(torch.from_numpy(found).to(block.device), len(block))


def _checked(features: Any, n: int) -> torch.Tensor:
    if not isinstance(features, torch.Tensor) or features.dim() < 2 or len(features) != n:
        shape = tuple(getattr(features, "shape", ())) or type(features).__name__
        raise ClassifierError(f"features: expected shape ({n}, D), found {shape}")
    return features.flatten(1).float()


def _torchvision_weights(name: str) -> Any:
    models = torchvision_models()
    known = models.list_models(module=models)
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known, n=5))
        hint = f" such as {near}" if near else ""
        raise ValueError(
            f"{_KEY}: expected a classification model of torchvision{hint}, found {name!r}"
        )
    weights = models.get_model_weights(name)
    if not len(weights):
        raise ValueError(f"{_KEY}: expected a model with weights, found none of {name!r}")
    return weights.DEFAULT


def _where_weights_belong(name: str) -> str:
    """For those who have no network here: they can bring the file."""
    url = _torchvision_weights(name).url
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    return f"; torch looks for the weights in {path}, and fetches {url} if there is no such file"


def _timm() -> ModuleType:
    try:
        import timm
        import timm.data
    except ModuleNotFoundError as error:
        raise MissingExtraError("timm", "timm") from error
    module: ModuleType = timm
    return module


def _path(name: str, folder: Path | None) -> Path:
    path = Path(name).expanduser()
    return path if folder is None else folder.expanduser() / path  # an absolute one stays


def _function(features: str, folder: Path | None) -> Callable[[], Any]:
    """What a user's function is; imports its module."""
    if not _IMPORTABLE.fullmatch(features):
        raise ValueError(f"{_KEY}: expected {_FORM}, found {features!r}")
    module, _, name = features.partition(":")
    if folder is not None and str(folder.expanduser()) not in sys.path:
        sys.path.append(str(folder.expanduser()))
    besides = "" if folder is None else f" and in {folder}"
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # other people's module: anything may come
        raise ValueError(
            f"{_KEY}: {features!r} has the right form, but cannot be imported: "
            f"{type(error).__name__}: {error} (looked for where Python searches{besides})"
        ) from error
    if not callable(found):
        raise ValueError(f"{_KEY}: expected a function, found {features!r}, {type(found).__name__}")
    function: Callable[[], Any] = found
    return function


def _source_hash(features: str) -> str:
    """Of the file that has a user's function: what it computes may change with it."""
    try:
        source = inspect.getsource(importlib.import_module(features.partition(":")[0]))
    except (OSError, TypeError):  # typed in, or compiled
        source = ""
    return hashlib.sha256(f"{features}\n{source}".encode()).hexdigest()
