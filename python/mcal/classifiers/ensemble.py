"""Several trainings of one classifier, asked together."""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mcal.errors import ClassifierError
from mcal.types import (
    Classifier,
    IndexArray,
    Pool,
    Progress,
    Scores,
    TrainedModel,
    WarmStarts,
    derive_seed,
    no_progress,
)
from mcal.whole_file import partial_name, whole_file

from ._torch import torch
from .reports import spans

__all__ = [
    "Ensemble",
    "EnsembleModel",
    "load_members",
    "mean_log_p",
    "save_members",
    "train_members",
]

_FORMAT = 1


class Ensemble:
    """A classifier trained ``members`` times on the same labels, with seeds of their own.

    What it says is the mean of what its members say: surer of what is right, and less sure where
    chance decided.
    """

    def __init__(self, classifier: Classifier, members: int) -> None:
        self.name = f"{classifier.name}-x{members}"
        self.device = classifier.device
        self.classifier, self.members = classifier, members

    def train(
        self,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> EnsembleModel:
        """Train every member on all labels; seconds and progress are those of all of them."""
        parts = [(indices, labels)] * self.members
        models = train_members(self.classifier, pool, parts, seed=seed, progress=progress)
        return EnsembleModel(self.name, models)

    @property
    def warm_start(self) -> bool:
        """Whether its members' trainings may begin with those of the round before."""
        return isinstance(self.classifier, WarmStarts) and self.classifier.warm_start

    def train_from(
        self,
        former: TrainedModel,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> EnsembleModel:
        """As ``train``, every member from its former self.

        Raises ``ValueError`` where ``former`` is no ensemble of this name.
        """
        if not isinstance(former, EnsembleModel) or former.name != self.name:
            raise ValueError(f"former: expected a model of {self.name}, found {former!r}")
        parts = [(indices, labels)] * self.members
        models = train_members(
            self.classifier, pool, parts, seed=seed, progress=progress, formers=former.members
        )
        return EnsembleModel(self.name, models)

    def load(self, path: Path, pool: Pool) -> EnsembleModel:
        """Read what ``EnsembleModel.save`` wrote; ``ClassifierError`` for anything else."""
        models, _ = load_members(path, self.name, self.classifier, self.members, pool)
        return EnsembleModel(self.name, models)


class EnsembleModel:
    """Trained members."""

    def __init__(self, name: str, members: Sequence[TrainedModel]) -> None:
        self.name, self.members = name, members

    def score(
        self,
        pool: Pool,
        indices: IndexArray,
        *,
        embeddings: bool = False,
        on_device: bool = False,
        progress: Progress = no_progress,
    ) -> Scores:
        """Logarithms (K, C) of the members' mean probabilities; embeddings are the first's.

        As logits they rank as finely as those of one network: a logarithm in float32 keeps the
        relative precision of a small probability, 1e-6, where a mean in float32 would lose it
        beside 1.
        """
        first: list[Scores] = []

        def members_logits() -> Iterator[torch.Tensor]:
            for model, report in zip(self.members, spans(progress, len(self.members)), strict=True):
                said = model.score(
                    pool,
                    indices,
                    embeddings=embeddings and not first,
                    on_device=on_device,
                    progress=report,
                )
                first[:] = first or [said]
                yield torch.as_tensor(said.logits)

        logits: Any = mean_log_p(members_logits(), len(self.members))
        if isinstance(first[0].logits, np.ndarray):
            logits = logits.numpy()
        return Scores(logits, first[0].embeddings)

    def save(self, path: Path) -> None:
        """Write one file that ``Ensemble.load`` reads; whole or not at all."""
        save_members(path, self.name, self.members, {})


def mean_log_p(logits: Iterable[torch.Tensor], n: int) -> torch.Tensor:
    """Logarithms (K, C) of the mean of the probabilities that ``n`` times (K, C) logits state."""
    total: torch.Tensor | None = None
    for one in logits:
        log_p = torch.log_softmax(one, dim=1)
        total = log_p if total is None else torch.logaddexp(total, log_p.to(total.device))
    assert total is not None  # an ensemble has members
    return total - math.log(n)


def train_members(
    classifier: Classifier,
    pool: Pool,
    parts: Sequence[tuple[IndexArray, IndexArray]],
    *,
    seed: int,
    progress: Progress,
    formers: Sequence[TrainedModel] = (),
) -> list[TrainedModel]:
    """A model for each part, its indices and labels, one after the other.

    From ``formers``, one for each, where there are any.
    """
    reports = spans(progress, len(parts))
    models = []
    for at, (indices, labels) in enumerate(parts):
        train = classifier.train
        if formers:
            assert isinstance(classifier, WarmStarts)  # or nobody asked for it
            train = partial(classifier.train_from, formers[at])
        member_seed = derive_seed(seed, at, "member")
        models.append(train(pool, indices, labels, seed=member_seed, progress=reports[at]))
    return models


def save_members(
    path: Path, name: str, members: Sequence[TrainedModel], values: dict[str, Any]
) -> None:
    """Write the members and plain ``values`` as one file, whole or not at all.

    Raises ``ClassifierError`` when the disk refuses.
    """
    head = {"format": _FORMAT, "classifier": name, "members": len(members), **values}
    try:
        with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("head.json", json.dumps(head))
            for at, model in enumerate(members):
                with _member_file(path) as member:
                    model.save(member)
                    archive.write(member, str(at))
    except OSError as error:
        raise ClassifierError(f"{path}: cannot be written: {error}") from error


def load_members(
    path: Path, name: str, classifier: Classifier, n_members: int, pool: Pool
) -> tuple[list[TrainedModel], dict[str, Any]]:
    """What ``save_members`` wrote: the members, and the values.

    Raises ``ClassifierError`` for a file that cannot be read or is of another classifier.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read("head.json"))
            if head["format"] != _FORMAT:
                raise ValueError("written by another version")
            for what, expected in (("classifier", name), ("members", n_members)):
                if head[what] != expected:
                    raise ValueError(f"{what}: expected {expected!r}, found {head[what]!r}")
            models = [_load_member(archive, at, path, classifier, pool) for at in range(n_members)]
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ClassifierError(f"{path}: not a trained ensemble of mcal: {error}") from error
    return models, head


def _load_member(
    archive: zipfile.ZipFile, at: int, path: Path, classifier: Classifier, pool: Pool
) -> TrainedModel:
    with _member_file(path) as member:
        with archive.open(str(at)) as source, member.open("wb") as file:
            shutil.copyfileobj(source, file)
        return classifier.load(member, pool)


@contextmanager
def _member_file(path: Path) -> Iterator[Path]:
    """A name beside ``path`` for one member's file, which is gone at the end."""
    member = partial_name(path, "member.partial")
    try:
        yield member
    finally:
        member.unlink(missing_ok=True)
