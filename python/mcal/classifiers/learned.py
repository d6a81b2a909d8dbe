"""An ensemble that has learned how often it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcal.errors import ClassifierError
from mcal.types import (
    Classifier,
    FloatArray,
    IndexArray,
    Pool,
    Progress,
    Scores,
    TrainedModel,
    derive_seed,
    no_progress,
)

from ._torch import torch
from .confidence import Confidence, fit_confidence
from .ensemble import load_members, mean_log_p, save_members, train_members
from .neighbours import nearest
from .reports import span, spans

__all__ = ["CrossFitted", "CrossFittedModel", "doubtful_features", "fold_of"]

N_NEIGHBOURS = 10
# Before any label: the chance of an error that the network itself states, and nothing else.
_PRIOR_WEIGHTS = np.array([1.0, 0.0, 0.0, 0.0])
_PRIOR_DEVIATIONS = np.array([1.0, 2.0, 2.0, 2.0])
# So little that it only orders what all else leaves equal, by the gap between two logits.
_LEAST_WEIGHTS = np.array([1e-3, 0.0, 0.0, 0.0])
_VALUES_AT_ONCE = 1 << 27  # of embeddings and logits, all members together
_LOGITS_AT_ONCE = 1 << 22  # that are there several times in float64

Part = tuple[IndexArray, IndexArray]  # what a member is trained on: indices and labels


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a member was trained on, as it sees it."""

    embeddings: torch.Tensor  # (R, D)
    labels: torch.Tensor  # (R,)


@dataclass(frozen=True, eq=False)
class _Said:
    """What a member says about items, where its device has it."""

    logits: torch.Tensor  # (K, C)
    embeddings: torch.Tensor  # (K, D)


class CrossFitted:
    """An ensemble whose members each leave a part of the labels out.

    Every label is then one that a member has never seen, and together they tell how often the
    ensemble is wrong where: a small model learns it, and ranks by it.
    """

    def __init__(self, classifier: Classifier, members: int) -> None:
        self.name = f"{classifier.name}-x{members}-learned"
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
    ) -> CrossFittedModel:
        """Train the members, ask each about the labels that it has not seen, and learn from that.

        A member for which nothing would be left learns from all labels. What every member has
        seen, and classes that the member asked has not, teach no confidence.
        """
        folds = fold_of(labels, self.members, derive_seed(seed, 0, "folds"))
        parts = []
        for at in range(self.members):
            kept = folds != at
            parts.append((indices[kept], labels[kept]) if kept.any() else (indices, labels))
        training = span(progress, 0.0, 0.9, "train")
        models = train_members(self.classifier, pool, parts, seed=seed, progress=training)
        asking = span(progress, 0.9, 1.0, "confidence")
        seen = _all_seen(models, parts, pool, span(asking, 0.0, 0.7, "seen"))
        reports = spans(span(asking, 0.7, 1.0, "unseen"), len(models))
        features, wrong = [], []
        for at, model in enumerate(models):
            unseen = (folds == at) & np.isin(labels, parts[at][1])
            unseen &= ~np.isin(indices, parts[at][0])
            said = _ask(model, pool, indices[unseen], reports[at])
            guessed = said.logits.argmax(dim=1)
            features.append(doubtful_features(said, guessed, seen[at]).cpu().numpy())
            wrong.append(guessed.cpu().numpy() != labels[unseen])
        confidence = fit_confidence(
            np.concatenate(features),
            np.concatenate(wrong),
            prior_weights=_PRIOR_WEIGHTS,
            prior_deviations=_PRIOR_DEVIATIONS,
            least_weights=_LEAST_WEIGHTS,
        )
        return CrossFittedModel(self.name, models, parts, confidence, seen)

    def load(self, path: Path, pool: Pool) -> CrossFittedModel:
        """Read what ``CrossFittedModel.save`` wrote; ``ClassifierError`` for anything else."""
        models, head = load_members(path, self.name, self.classifier, self.members, pool)
        try:
            parts = [_part(indices, labels, pool) for indices, labels in head["parts"]]
            if len(parts) != self.members:
                raise ValueError(f"parts: expected {self.members}, found {len(parts)}")
            confidence = Confidence(float(head["offset"]), np.array(head["weights"], np.float64))
            if confidence.weights.shape != _PRIOR_WEIGHTS.shape:
                raise ValueError(
                    f"weights: expected {_PRIOR_WEIGHTS.size}, found {confidence.weights.size}"
                )
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ClassifierError(f"{path}: not a learned confidence: {error}") from error
        return CrossFittedModel(self.name, models, parts, confidence, None)


class CrossFittedModel:
    """Trained members, and what was learned of their mistakes."""

    def __init__(
        self,
        name: str,
        members: Sequence[TrainedModel],
        parts: Sequence[Part],
        confidence: Confidence,
        seen: Sequence[_Seen] | None,
    ) -> None:
        self.name, self.members, self.parts, self.confidence = name, members, parts, confidence
        self._seen = seen  # None: not yet computed

    def score(
        self,
        pool: Pool,
        indices: IndexArray,
        *,
        embeddings: bool = False,
        on_device: bool = False,
        progress: Progress = no_progress,
    ) -> Scores:
        """The ensemble's logits (K, C), and the doubt (K,): the learned chance of an error.

        Embeddings are the first member's. Costs a scoring by each member, and a matrix product
        with what each was trained on.
        """
        if self._seen is None:
            report = span(progress, 0.0, 0.1, "seen")
            self._seen = _all_seen(self.members, self.parts, pool, report)
            progress = span(progress, 0.1, 1.0, "score")
        width = sum(seen.embeddings.shape[1] + len(pool.classes) for seen in self._seen)
        size = max(1, _VALUES_AT_ONCE // width)
        starts = range(0, max(1, indices.size), size)
        blocks = [
            self._score_block(pool, indices[start : start + size], self._seen, embeddings, report)
            for start, report in zip(starts, spans(progress, len(starts), "block"), strict=True)
        ]
        logits, embedded, doubts = zip(*blocks, strict=True)
        return Scores(
            _joined(logits, on_device),
            _joined(embedded, on_device) if embeddings else None,
            np.concatenate(doubts),
        )

    def save(self, path: Path) -> None:
        """Write one file that ``CrossFitted.load`` reads; whole or not at all."""
        values = {
            "offset": self.confidence.offset,
            "weights": self.confidence.weights.tolist(),
            "parts": [(indices.tolist(), labels.tolist()) for indices, labels in self.parts],
        }
        save_members(path, self.name, self.members, values)

    def _score_block(
        self,
        pool: Pool,
        indices: IndexArray,
        seen: Sequence[_Seen],
        embeddings: bool,
        progress: Progress,
    ) -> tuple[torch.Tensor, torch.Tensor, FloatArray]:
        """Logits, the first member's embeddings or none, and the mean of the members' doubts."""
        said = [
            _ask(model, pool, indices, report)
            for model, report in zip(self.members, spans(progress, len(self.members)), strict=True)
        ]
        logits = mean_log_p((one.logits for one in said), len(said))
        guessed = logits.argmax(dim=1)
        doubts = [
            self.confidence.doubt(doubtful_features(one, guessed, told).cpu().numpy())
            for one, told in zip(said, seen, strict=True)
        ]
        first = said[0].embeddings
        return logits, first if embeddings else first[:0], np.mean(doubts, axis=0)


def fold_of(labels: IndexArray, n_folds: int, seed: int) -> IndexArray:
    """(K,) the fold of each label, in [0, n_folds): each class spread over all of them evenly."""
    chance = np.random.default_rng(seed).random(labels.size)
    folds = np.empty(labels.size, np.int64)
    folds[np.lexsort((chance, labels))] = np.arange(labels.size) % n_folds
    return folds


def doubtful_features(said: _Said, guessed: torch.Tensor, seen: _Seen) -> torch.Tensor:
    """(K, 4) float64: reasons to doubt that items are of class ``guessed`` (K,), larger is more.

    How far another class's logit is above that of the guess; the entropy of the probabilities, in
    nats; the share of the nearest labels seen that are of another class; how dissimilar those are.
    """
    device = seen.embeddings.device  # what fits there may differ from member to member
    logits, guessed = said.logits.to(device), guessed.to(device)
    similarity, positions = nearest(said.embeddings.to(device), seen.embeddings, N_NEIGHBOURS)
    differing = seen.labels[positions] != guessed[:, None]
    features = torch.empty((len(logits), 4), dtype=torch.float64, device=device)
    size = max(1, _LOGITS_AT_ONCE // logits.shape[1])
    for start in range(0, len(logits), size):
        rows = slice(start, start + size)
        features[rows, 0], features[rows, 1] = _gap_and_entropy(logits[rows], guessed[rows])
    features[:, 2] = differing.double().mean(dim=1)
    features[:, 3] = 1.0 - similarity.double().mean(dim=1)
    return features


def _gap_and_entropy(
    logits: torch.Tensor, guessed: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(K,) each, float64: another class's logit less that of the guess, and the entropy."""
    logits = logits.double()
    own = logits.gather(1, guessed[:, None])
    others = logits.scatter(1, guessed[:, None], -torch.inf).amax(dim=1)
    log_p = torch.log_softmax(logits, dim=1)
    return others - own[:, 0], -(log_p.exp() * log_p).sum(dim=1)


def _part(indices: list[int], labels: list[int], pool: Pool) -> Part:
    """What a member was trained on, from a file; ``ValueError`` where it is none of the pool."""
    part = np.array(indices, np.int64), np.array(labels, np.int64)
    if part[0].shape != part[1].shape or part[0].ndim != 1 or not part[0].size:
        raise ValueError(
            f"parts: expected an index for each label, found {part[0].shape}, {part[1].shape}"
        )
    for found, end in zip(part, (pool.n_pool, len(pool.classes)), strict=True):
        if not 0 <= found.min() <= found.max() < end:
            raise ValueError(
                f"parts: expected values in [0, {end}), found {found.min()} to {found.max()}"
            )
    return part


def _ask(model: TrainedModel, pool: Pool, indices: IndexArray, progress: Progress) -> _Said:
    """Left where the model is, as far as there is room: neighbours are sought there."""
    scores = model.score(pool, indices, embeddings=True, on_device=True, progress=progress)
    return _Said(torch.as_tensor(scores.logits), torch.as_tensor(scores.embeddings))


def _all_seen(
    models: Sequence[TrainedModel], parts: Sequence[Part], pool: Pool, progress: Progress
) -> list[_Seen]:
    """What each member was trained on, as it sees it now."""
    all_seen = []
    for model, (indices, labels), report in zip(
        models, parts, spans(progress, len(models)), strict=True
    ):
        embedded = _ask(model, pool, indices, report).embeddings
        all_seen.append(_Seen(embedded, torch.from_numpy(labels).to(embedded.device)))
    return all_seen


def _joined(parts: Sequence[torch.Tensor], on_device: bool) -> Any:
    """One array: on the device if it may be and all parts are there, else NumPy's."""
    if on_device and all(part.device == parts[0].device for part in parts):
        return torch.cat(list(parts))
    return torch.cat([part.cpu() for part in parts]).numpy()
