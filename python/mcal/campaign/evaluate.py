"""Delivered labels held against the truth: what a campaign really got wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.types import NO_LABEL, IndexArray, Source

__all__ = ["Evaluation", "Tally", "evaluate_labels"]


@dataclass(frozen=True)
class Tally:
    """Wrong labels among some delivered ones."""

    n: int
    n_errors: int

    @property
    def error(self) -> float | None:
        """Share of wrong labels, 0..1; None when there are no labels."""
        return self.n_errors / self.n if self.n else None


@dataclass(frozen=True)
class Evaluation:
    """Delivered labels against the truth; every error is a share, 0..1."""

    n_pool: int
    n_delivered: int
    n_no_label: int
    """Delivered without a label, because a person found that no class fits: never an error."""
    n_errors: int
    realised_error: float | None
    """All wrong labels / n_delivered, people's mistakes included; None before any label."""
    set_error: float
    """Wrong machine labels / n_pool: what ``target = "set"`` promises (Eq. 2)."""
    machine_error: float | None
    """Wrong machine labels / machine labels: what ``target = "machine"`` promises."""
    by_source: Mapping[Source, Tally]
    by_class: Mapping[str, Tally]
    """By the true class of the item; items that no class fits are in none."""

    def to_json(self) -> dict[str, Any]:
        """The same values as plain dictionaries, numbers and text."""
        values = asdict(self)
        values["by_source"] = {str(source): asdict(t) for source, t in self.by_source.items()}
        values["by_class"] = {name: asdict(t) for name, t in self.by_class.items()}
        return values


def evaluate_labels(
    indices: IndexArray,
    labels: IndexArray,
    sources: Sequence[str] | npt.NDArray[np.str_],
    truth: IndexArray,
    classes: Sequence[str],
) -> Evaluation:
    """Count what is wrong among delivered labels.

    Parameters
    ----------
    indices : (K,) int64
        Rows of the pool that have been delivered, each once, in any order; K may be less than N
        while a campaign is running.
    labels : (K,) int64
        Class numbers in [0, C), or ``NO_LABEL``.
    sources : (K,) Source, or its text
        Who gave each label.
    truth : (N,) int64
        The true class numbers of the whole pool, N >= 1; ``NO_LABEL`` where no class fits, and
        there every class is wrong.
    classes : (C,) str
        Names of the classes.

    Raises
    ------
    ValueError
        Lengths that differ, an index outside the pool or twice, a class number out of range, an
        unknown source.
    """
    indices = _whole_numbers("indices", indices)
    labels = _whole_numbers("labels", labels)
    truth = _whole_numbers("truth", truth)
    givers = np.asarray(sources, dtype=np.str_)
    n_pool, n_delivered, n_classes = len(truth), len(indices), len(classes)
    if n_pool == 0:
        raise ValueError("truth: expected at least one item, found none")
    for name, length in (("labels", len(labels)), ("sources", len(givers))):
        if length != n_delivered:
            raise ValueError(f"{name}: expected {n_delivered} as in indices, found {length}")
    _check_range("indices", indices, 0, n_pool)
    _check_range("labels", labels, NO_LABEL, n_classes)
    _check_range("truth", truth, NO_LABEL, n_classes)
    if len(np.unique(indices)) != n_delivered:
        raise ValueError("indices: expected each item once, found one twice")
    unknown = sorted(set(givers.tolist()) - set(Source))
    if unknown:
        raise ValueError(f"sources: expected {', '.join(Source)}, found {unknown[0]}")

    true_labels = truth[indices]
    is_wrong = (labels != true_labels) & (labels != NO_LABEL)
    by_source = {source: _tally(is_wrong, givers == source.value) for source in Source}
    machine = by_source[Source.MACHINE]
    n_errors = int(is_wrong.sum())
    return Evaluation(
        n_pool=n_pool,
        n_delivered=n_delivered,
        n_no_label=int((labels == NO_LABEL).sum()),
        n_errors=n_errors,
        realised_error=n_errors / n_delivered if n_delivered else None,
        set_error=machine.n_errors / n_pool,
        machine_error=machine.error,
        by_source=by_source,
        by_class={name: _tally(is_wrong, true_labels == c) for c, name in enumerate(classes)},
    )


def _tally(is_wrong: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_]) -> Tally:
    return Tally(n=int(chosen.sum()), n_errors=int(is_wrong[chosen].sum()))


def _whole_numbers(name: str, values: IndexArray) -> IndexArray:
    array = np.asarray(values)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(
            f"{name}: expected one dimension of integers, found shape {array.shape} {array.dtype}"
        )
    return array.astype(np.int64)


def _check_range(name: str, values: IndexArray, low: int, high: int) -> None:
    outside = values[(values < low) | (values >= high)]
    if outside.size:
        raise ValueError(f"{name}: expected numbers in [{low}, {high}), found {outside[0]}")
