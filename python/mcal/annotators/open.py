"""From settings to an annotator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcal.errors import AnnotatorError
from mcal.settings import (
    AnnotatorSettings,
    CallableSettings,
    FilesSettings,
    GroundTruthSettings,
    LabelStudioSettings,
    OracleSettings,
    WebSettings,
)
from mcal.types import NO_LABEL, Annotator, IndexArray, Picture, Pool

from .files import FilesAnnotator
from .label_file import read_label_file
from .oracle import OracleAnnotator


def open_annotator(
    settings: AnnotatorSettings,
    *,
    folder: Path,
    pool: Pool,
    picture: Callable[[int], Picture | None],
    truth: Callable[[], IndexArray],
    seed: int,
) -> Annotator:
    """The annotator that ``settings`` describe, checked so far as that can be done without buying.

    Parameters
    ----------
    settings : AnnotatorSettings
    folder : Path
        The campaign's own; ``labelling`` in it is for annotators that keep something.
    pool : Pool
        The items: their names and classes.
    picture : callable
        Gives an item, by index, as people should see it; None where it cannot be shown.
    truth : callable
        Gives the true labels (N,) of the pool; called only for an oracle without a path.
    seed : int
        Of the oracle's noise.

    Raises
    ------
    AnnotatorError
        The oracle's file cannot be read, or the labels are not one class for each item; the
        function cannot be imported.
    MissingExtraError
        The package that speaks to the service is not installed.
    """
    match settings:
        case OracleSettings():
            return _open_oracle(settings, pool, truth, seed)
        case FilesSettings(path=path):
            return FilesAnnotator(path.expanduser() if path else folder / "labelling")
        case CallableSettings(path=path):
            from .function import FunctionAnnotator, import_function

            return FunctionAnnotator(
                import_function(settings.function, path.expanduser() if path else None),
                folder / "labelling" / "answers.sqlite",
                picture=picture,
                pass_as=settings.pass_as,
                calls_per_s=settings.calls_per_s,
                concurrency=settings.concurrency,
                timeout_s=settings.timeout_s,
                attempts=settings.attempts,
            )
        case LabelStudioSettings():
            from .label_studio import LabelStudioAnnotator  # httpx only when it is asked for

            return LabelStudioAnnotator(settings, picture)
        case WebSettings(undo_s=undo_s):
            from .web import WebAnnotator

            return WebAnnotator(folder, undo_s)
        case GroundTruthSettings():
            from .ground_truth import GroundTruthAnnotator

            return GroundTruthAnnotator(settings, picture)


def _open_oracle(
    settings: OracleSettings, pool: Pool, truth: Callable[[], IndexArray], seed: int
) -> OracleAnnotator:
    def names() -> list[str]:
        return [pool.item_name(index) for index in range(pool.n_pool)]

    path = None if settings.path is None else settings.path.expanduser()
    labels = truth() if path is None else read_label_file(path, pool.classes, names).labels
    place = "the data set" if path is None else str(path)
    _check_labels(labels, place, pool.n_pool, len(pool.classes))
    return OracleAnnotator(labels, pool.classes, settings.noise_rate, seed)


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
