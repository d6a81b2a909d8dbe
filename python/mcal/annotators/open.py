"""From settings to an annotator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mcal.errors import AnnotatorError
from mcal.settings import AnnotatorSettings
from mcal.types import NO_LABEL, Annotator, IndexArray

from .files import FilesAnnotator
from .label_file import read_label_file
from .oracle import OracleAnnotator


def open_annotator(
    settings: AnnotatorSettings,
    *,
    folder: Path,
    truth: Callable[[], IndexArray],
    classes: Sequence[str],
    item_names: Callable[[], Sequence[str]],
    n_pool: int,
    seed: int,
) -> Annotator:
    """The annotator that ``settings`` describe, checked so far as that can be done without buying.

    Parameters
    ----------
    settings : AnnotatorSettings
    folder : Path
        The campaign's own; ``labelling`` in it serves the files annotator that has no path.
    truth : callable
        Gives the true labels (N,) of the pool; called only for an oracle without a path.
    classes : sequence of str
        Names, (C,).
    item_names : callable
        Gives the names of all items, (N,); called only for an oracle's file that goes by them.
    n_pool : int
        N, to hold the oracle's labels against.
    seed : int
        Of the oracle's noise.

    Raises
    ------
    AnnotatorError
        The oracle's file cannot be read, or the labels are not one class for each item.
    """
    path = None if settings.path is None else settings.path.expanduser()
    if settings.kind == "files":
        return FilesAnnotator(path or folder / "labelling")
    labels = truth() if path is None else read_label_file(path, classes, item_names).labels
    _check_labels(labels, "the data set" if path is None else str(path), n_pool, len(classes))
    return OracleAnnotator(labels, classes, settings.noise_rate, seed)


def _check_labels(labels: IndexArray, place: str, n_pool: int, n_classes: int) -> None:
    if labels.shape != (n_pool,):
        raise AnnotatorError(
            f"{place}: expected {n_pool:,} labels, one for each item of the pool, "
            f"found {len(labels):,}"
        )
    if labels.min() < NO_LABEL or labels.max() >= n_classes:
        raise AnnotatorError(
            f"{place}: expected {NO_LABEL} <= label < {n_classes}, "
            f"found {labels.min()} to {labels.max()}"
        )
    if labels.max() == NO_LABEL:
        raise AnnotatorError(f"{place}: expected items of some class, found none that fits a class")
