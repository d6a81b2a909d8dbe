"""A trained model as one file."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

from mcal.errors import ClassifierError
from mcal.whole_file import whole_file

from ._torch import torch

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]

_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: weights, and what they were made for."""

    classifier: str  # "architecture/recipe"
    classes: tuple[str, ...]
    item_shape: tuple[int, ...]
    mean: torch.Tensor
    std: torch.Tensor
    weights: dict[str, torch.Tensor]
    recipe: str = ""  # its numbers; files of earlier versions do not tell

    def check(
        self,
        path: Path,
        *,
        classifier: str,
        classes: tuple[str, ...],
        item_shape: tuple[int, ...],
        recipe: str,
    ) -> None:
        """Raise ``ClassifierError`` when the file is for something else."""
        for name, expected in (
            ("classifier", classifier),
            ("classes", classes),
            ("item_shape", item_shape),
            ("recipe", recipe),
        ):
            found = getattr(self, name)
            if found != expected:
                raise ClassifierError(f"{path}: {name}: expected {expected!r}, found {found!r}")


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``path`` whole or not at all. Raises ``ClassifierError`` when the disk refuses."""
    content = {f: getattr(checkpoint, f) for f in Checkpoint.__dataclass_fields__}
    try:
        with whole_file(path) as file:
            torch.save({"format": _FORMAT, **content}, file)
    except (OSError, RuntimeError) as error:
        raise ClassifierError(f"{path}: cannot be written: {error}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read ``path``, tensors onto the CPU. Raises ``ClassifierError`` for any other file.

    Loads plain tensors and values only, so that a file from elsewhere cannot run code.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format") != _FORMAT:
            raise ValueError("written by another version")
        return Checkpoint(**content)
    except (
        OSError,
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise ClassifierError(f"{path}: not a trained model of mcal: {error}") from error
