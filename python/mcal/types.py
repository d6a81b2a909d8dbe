"""Values and protocols that every room shares, and the glossary of names.

Glossary (the same word in Python, C++ and CUDA)
------------------------------------------------
n_pool           N = |X|, every item, the test set included
n_train          |B|, people's labels a classifier is trained on
n_test           |T|, people's labels that only measure
theta            share of the still unlabelled pool U, most confident first, in (0, 1]
error            share of wrong labels, 0..1, never percent
target_error     eps, the promise: errors among machine labels / n_pool <= target_error
confidence       of one label, in [0, 1]: its margin p1 - p2, or 1 less the doubt that a model
                 states by itself; of a promise: its probability
deficit          1 - confidence in [0, 1], of a margin (1 - p1) + p2; small is confident
price_per_label  dollars for one person's label
training_cost    dollars for training and scoring
round            0 for the first training, then counted up
index, indices   row(s) of the whole pool, int64
position         offset in a shorter array

Shape letters: N pool, C classes, D embedding, T thetas, R rounds, K chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = [
    "NO_LABEL",
    "Annotator",
    "Answers",
    "Batch",
    "BatchStatus",
    "Classifier",
    "Event",
    "FilePool",
    "FloatArray",
    "Guesses",
    "IndexArray",
    "Judgements",
    "Picture",
    "PicturePool",
    "Pool",
    "Progress",
    "Purpose",
    "ScoreKind",
    "Scores",
    "SeesUnlabelled",
    "Source",
    "TellsPeople",
    "TrainedModel",
    "Wakes",
    "WarmStarts",
    "derive_seed",
    "no_progress",
]

IndexArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
ScoreKind = Literal["logits", "probabilities"]

NO_LABEL = -1
"""A person looked at the item and none of the classes fits. Paid, delivered without a label,
never trained or measured on."""


class Purpose(StrEnum):
    """What a batch of people's labels is bought for."""

    TEST = "test"
    TRAIN = "train"
    AUDIT = "audit"
    REST = "rest"


class BatchStatus(StrEnum):
    """A batch is recorded before it is sent, and closed by its last label."""

    PLANNED = "planned"
    SUBMITTED = "submitted"
    CLOSED = "closed"


class Source(StrEnum):
    """Who gave a delivered label."""

    HUMAN = "human"
    AUDIT = "audit"
    MACHINE = "machine"


@dataclass(frozen=True)
class Judgements:
    """What single people said about items, before it is made one label an item."""

    indices: IndexArray  # (J,) an item once for each person who judged it
    labels: IndexArray  # (J,) class numbers, or NO_LABEL
    people: tuple[str, ...]  # (J,) who said it; different names are different people


@dataclass(frozen=True)
class Guesses:
    """What a model says about the items of a batch, for people to see before they answer."""

    labels: IndexArray  # (K,) class numbers, or NO_LABEL where the model was not asked
    confidence: FloatArray  # (K,) in [0, 1]; 0 where there is no label
    model: str  # which one, in words


@dataclass(frozen=True)
class Batch:
    """Items to be labelled by people. ``batch_id`` is the idempotency key of the purchase."""

    batch_id: str
    purpose: Purpose
    round: int
    indices: IndexArray  # (K,)
    item_names: tuple[str, ...]  # (K,) what a person can find the item by: a path, a row number
    classes: tuple[str, ...]  # (C,)
    n_judgements: int = 1
    """Different people who are to judge each item; all of them are paid."""
    before: Judgements | None = None
    """What was said about these items before: a person in it does not judge that item again."""
    recorded: Judgements | None = None
    """What the campaign has recorded of its people: it stands. None where nobody records."""
    told: IndexArray | None = None
    """Items of it whose labels are in already: what is lost of these is not ordered again."""
    guesses: Guesses | None = None
    """To be shown to people. Never of a batch that measures a model: of the test set, an audit."""


@dataclass(frozen=True)
class Answers:
    """What an annotator has for a batch so far.

    Labels that were collected before may be repeated or left out. ``complete`` says that no
    further label will come. ``problems`` are sentences for the user: duplicates, typos, unknown
    classes. ``judgements``, all of the batch so far, come from annotators who know the people
    behind the labels; those of an item are recorded with its label, and those of the items
    ``settled`` before it, because more is to be ordered by what they say. ``wait_s`` says that
    answers are made without people: look again so soon.
    """

    indices: IndexArray  # (K,)
    labels: IndexArray  # (K,) class numbers, or NO_LABEL
    complete: bool
    problems: tuple[str, ...] = ()
    judgements: Judgements | None = None
    wait_s: float | None = None
    settled: IndexArray | None = None


@runtime_checkable
class Annotator(Protocol):
    """Where people's labels come from.

    One that makes one label of several people's judgements by itself says so by an attribute
    ``consolidates = True``: its labels are taken as they are.
    """

    name: str

    def submit(self, batch: Batch) -> str:
        """Order labels for ``batch`` and return a ticket to collect them by.

        Idempotent on ``batch.batch_id``: submitting the same batch again, from another process
        too, orders nothing and returns the same ticket.
        """
        ...

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """What has been labelled so far; never blocks for people."""
        ...


@runtime_checkable
class TellsPeople(Protocol):
    """An annotator that can say where people find their work."""

    def to_do(self, missing: Mapping[str, int]) -> Sequence[str]:
        """Lines for the user; ``missing`` labels by the id of each open batch, oldest first."""
        ...


@runtime_checkable
class Wakes(Protocol):
    """An annotator that may be told when people have answered."""

    def wait(self, poll_s: float) -> bool:
        """Return when it is worth looking again, and whether that was told.

        After ``poll_s`` seconds where nothing tells it; at once when it is told; later than
        ``poll_s`` only where being told was seen to work.
        """
        ...

    def close(self) -> None:
        """Listen no more; another ``wait`` begins anew."""
        ...


@runtime_checkable
class Pool(Protocol):
    """The items. A pool never knows their true labels."""

    n_pool: int
    classes: tuple[str, ...]
    kind: str  # "images" or "embeddings"
    fingerprint: str  # the same for the same items in the same order, in every process

    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        """Items by index: (K, H, W, channels) uint8 images or (K, D) float32 embeddings."""
        ...

    def item_name(self, index: int) -> str:
        """What a person can find the item by."""
        ...

    def broken(self) -> dict[int, str]:
        """Items that cannot be read, with the reason; people label them, machines never do.

        ``read`` gives a blank item in their place.
        """
        ...


@runtime_checkable
class FilePool(Protocol):
    """A pool whose items are files."""

    def item_path(self, index: int) -> Path:
        """The file that the item is, whether it can be read or not."""
        ...


@dataclass(frozen=True)
class Picture:
    """An image file as people's programs show it."""

    data: bytes
    media_type: str  # "image/png", "image/jpeg", ...


@runtime_checkable
class PicturePool(Protocol):
    """A pool that has something better to show than what ``read`` gives: the file itself."""

    def picture(self, index: int) -> Picture | None:
        """The item as people should see it; None where it cannot be shown."""
        ...


Progress = Callable[[float, str], None]
"""Called with the share done, 0..1, and a few words."""


def no_progress(share: float, words: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Scores:
    """What a model says about some items, row for row.

    Arrays of NumPy, or on the model's device in any kind that ``mcal.uncertainty`` and
    ``mcal.k_center`` take; float32.
    """

    logits: Any  # (K, C)
    embeddings: Any | None = None  # (K, D), last layer before the logits
    doubt: FloatArray | None = None
    """(K,) of NumPy, in [0, 1], small is sure: what to rank on in place of the margin."""


class TrainedModel(Protocol):
    """A classifier after training."""

    def score(
        self,
        pool: Pool,
        indices: IndexArray,
        *,
        embeddings: bool = False,
        on_device: bool = False,
        progress: Progress = no_progress,
    ) -> Scores:
        """Logits (K, C), and on request embeddings (K, D), of the items at ``indices``.

        ``on_device`` allows a model on a GPU to leave them there; otherwise they are NumPy's.
        """
        ...

    def save(self, path: Path) -> None:
        """Write one file that ``Classifier.load`` reads; whole or not at all."""
        ...


class Classifier(Protocol):
    """An architecture and the recipe that trains it."""

    name: str  # "architecture/recipe-options", unique among the candidates of a campaign
    device: str  # "cpu", "cuda:0", ...: recorded with every training

    def train(
        self,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> TrainedModel:
        """Train from scratch on people's labels; the same seed gives the same model on a CPU."""
        ...

    def load(self, path: Path, pool: Pool) -> TrainedModel:
        """Read what ``TrainedModel.save`` wrote; ``ClassifierError`` when it cannot be read."""
        ...


@runtime_checkable
class SeesUnlabelled(Protocol):
    """A classifier that knows something of items before it has seen a label."""

    sees_unlabelled: bool
    """Whether this one does."""

    def features(
        self, pool: Pool, indices: IndexArray, *, progress: Progress = no_progress
    ) -> npt.NDArray[np.float32]:
        """(K, D) float32 of the items at ``indices``; like items are near to each other."""
        ...


@runtime_checkable
class WarmStarts(Protocol):
    """A classifier whose trainings may begin with the model of the round before."""

    warm_start: bool
    """Whether those of this one do."""

    def train_from(
        self,
        former: TrainedModel,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> TrainedModel:
        """As ``train``, from ``former``: a model that this classifier trained or loaded."""
        ...


@dataclass(frozen=True)
class Event:
    """Something the user may want to see while a campaign runs.

    ``share`` (0..1) is the progress of the present phase, or None when it has no measure.
    ``facts`` carries numbers for a live view: n_human, spent_usd, predicted_usd, round, ...
    """

    phase: str  # "test set", "train", "score", "plan", "ask", "wait", "label", "done"
    words: str
    share: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def derive_seed(seed: int, round_: int, purpose: str) -> int:
    """A seed of its own for every random use: the same after a resume, unrelated to the others.

    Parameters
    ----------
    seed : int
        The campaign's seed, >= 0.
    round_ : int
        The round it is used in, >= 0.
    purpose : str
        What for: "test", "train:cnn18/paper", ...

    Returns
    -------
    int
        In [0, 2**63).
    """
    words: Sequence[int] = (seed, round_, *purpose.encode())
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
