"""What labelling jobs hand back: consolidated labels, and what single workers said. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mcal.manifest import LABEL_ATTRIBUTE, ManifestLine, read_augmented_manifest
from mcal.types import Judgements

from ..class_names import ClassNames
from .orders import answer_of

__all__ = ["Delivery", "gather_judgements", "read_delivery", "read_order", "read_response"]


@dataclass
class Delivery:
    """The output of one job.

    ``is_sound`` is False where something that people may have been paid for could not be taken:
    a damaged line, an unknown class or item, two labels for an item.
    """

    labels: dict[int, int] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    """Why an item came back without a label, by index."""
    problems: list[str] = field(default_factory=list)
    is_sound: bool = True

    def refuse(self, sentence: str) -> None:
        """Note something that was not taken."""
        self.problems.append(sentence)
        self.is_sound = False


def read_order(text: str) -> dict[int, ManifestLine]:
    """The items of a job's input manifest by index, in its order."""
    lines = read_augmented_manifest(text.split("\n")).lines.values()
    return {line.index: line for line in lines if line.index is not None}


def read_delivery(
    text: str, job: str, order: Mapping[int, ManifestLine], words: ClassNames
) -> Delivery:
    """Take a job's output manifest apart.

    A line is taken by its index, and only with the image that was ordered under it. Where lines
    differ about an item, none is taken; a repeated label counts once.
    """
    delivery = Delivery()
    lines, damaged = read_augmented_manifest(text.split("\n"), attribute=LABEL_ATTRIBUTE, place=job)
    for sentence in damaged:
        delivery.refuse(sentence)
    said: dict[int, list[int]] = {}
    for number, line in lines.items():
        index = line.index
        if index is None or index not in order or order[index].source_ref != line.source_ref:
            delivery.refuse(f"{job}, line {number}: {line.source_ref} was not ordered; not taken.")
        elif line.class_name is None:
            if line.failure is not None:
                delivery.failed[index] = line.failure
            else:
                delivery.refuse(
                    f"{job}, line {number}: {line.source_ref} has neither a label under "
                    f"'{LABEL_ATTRIBUTE}' nor a reason for its failure; not taken."
                )
        elif (label := words.find(line.class_name)) is None:
            delivery.refuse(f"{job}, line {number}: {words.why_not(line.class_name)}; not taken.")
        else:
            said.setdefault(index, []).append(label)
    for index, labels in said.items():
        delivery.failed.pop(index, None)
        source = order[index].source_ref
        if len(set(labels)) > 1:
            delivery.refuse(f"{job}: {source} came back with two labels; neither taken.")
            continue
        delivery.labels[index] = labels[0]
        if len(labels) > 1:
            delivery.problems.append(f"{job}: {source} came back {len(labels)} times; taken once.")
    return delivery


def read_response(data: bytes) -> list[tuple[str, str]]:
    """Worker and category of each answer in a file of worker responses.

    Raises
    ------
    ValueError
        It is not what Ground Truth writes.
    """
    document = json.loads(data)
    answers = document.get("answers") if isinstance(document, dict) else None
    if not isinstance(answers, list):
        raise ValueError("expected a list of answers")
    found = []
    for answer in answers:
        worker = answer.get("workerId") if isinstance(answer, dict) else None
        category = answer_of(answer.get("answerContent")) if isinstance(answer, dict) else None
        if not isinstance(worker, str) or category is None:
            raise ValueError("expected a worker and a category in each answer")
        found.append((worker, category))
    return found


def gather_judgements(said: Iterable[tuple[int, str, int]]) -> Judgements:
    """Index, worker and label of each answer as columns; a worker's last answer stands."""
    last = {(index, worker): label for index, worker, label in said}
    return Judgements(
        indices=np.array([index for index, _ in last], np.int64),
        labels=np.array(list(last.values()), np.int64),
        people=tuple(worker for _, worker in last),
    )
