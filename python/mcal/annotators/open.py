"""From settings to an annotator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mcal.settings import AnnotatorSettings
from mcal.types import Annotator, IndexArray

from .files import FilesAnnotator
from .label_file import read_label_file
from .oracle import OracleAnnotator


def open_annotator(
    settings: AnnotatorSettings,
    *,
    folder: Path,
    truth: Callable[[], IndexArray],
    classes: Sequence[str],
    seed: int,
) -> Annotator:
    """The annotator that ``settings`` describe.

    Parameters
    ----------
    settings : AnnotatorSettings
    folder : Path
        The campaign's own; ``labelling`` in it serves the files annotator that has no path.
    truth : callable
        Gives the true labels (N,) of the pool; called only for an oracle without a path.
    classes : sequence of str
        Names, (C,).
    seed : int
        Of the oracle's noise.

    Raises
    ------
    AnnotatorError
        The oracle's file cannot be used.
    """
    path = None if settings.path is None else settings.path.expanduser()
    if settings.kind == "files":
        return FilesAnnotator(path or folder / "labelling")
    labels = truth() if path is None else read_label_file(path, classes)
    return OracleAnnotator(labels, classes, settings.noise_rate, seed)
