"""From the tasks of a batch to labels: no server, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcal.types import Answers, Batch, Judgements

from .form import Form

_MOST_LISTED = 100


@dataclass(frozen=True)
class Task:
    """One item in a project."""

    id: int
    index: int
    item: str
    annotations: tuple[dict[str, Any], ...] = ()  # in the order in which they were first made
    has_draft: bool = False

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Task:
        data = found["data"]
        annotations = sorted(found.get("annotations") or (), key=lambda one: int(one["id"]))
        return cls(
            id=int(found["id"]),
            index=int(data["mcal_index"]),
            item=str(data["mcal_item"]),
            annotations=tuple(annotations),
            has_draft=bool(found.get("draft_exists") or found.get("drafts")),
        )


def read_answers(batch: Batch, tasks: Sequence[Task], form: Form) -> Answers:
    """What people said about a batch so far.

    The first ``n_judgements`` people of each item count, by the order in which the server numbered
    their annotations; of a person's several annotations of one item the first counts, as it reads
    now. Skipped annotations answer nothing. An item has a label once all of its judgements are
    there: the one given most often, of several the one given first.
    """
    of_item: dict[int, list[tuple[Task, dict[str, Any]]]] = {}
    for task in tasks:
        of_item.setdefault(task.index, []).extend((task, one) for one in task.annotations)
    problems: list[str] = []
    n_again = n_skipped = 0
    labels: dict[int, int] = {}
    said: list[tuple[int, int, str]] = []
    for index in batch.indices.tolist():
        people: dict[str, int] = {}
        was_skipped = False
        for task, annotation in sorted(of_item.get(index, []), key=lambda pair: pair[1]["id"]):
            if annotation.get("was_cancelled"):
                was_skipped = True
                continue
            label = form.label(annotation.get("result") or [])
            if isinstance(label, str):
                problems.append(f"task {task.id}, {task.item}: {label}; not taken.")
                continue
            person = _person(annotation.get("completed_by"))
            if person in people or len(people) == batch.n_judgements:
                n_again += 1
            else:
                people[person] = label
        said += [(index, label, person) for person, label in people.items()]
        if len(people) == batch.n_judgements:
            labels[index] = Counter(people.values()).most_common(1)[0][0]
        else:
            n_skipped += was_skipped
    if len(problems) > _MOST_LISTED:
        problems[_MOST_LISTED:] = [f"{len(problems) - _MOST_LISTED:,} more problems of this kind."]
    if n_again:
        problems.append(f"answers beyond those ordered: {n_again:,}; the first ones count.")
    if n_skipped:
        problems.append(
            f"items skipped by people and not answered yet: {n_skipped:,}; "
            "where no class fits, they are to say so instead."
        )
    return Answers(
        indices=np.fromiter(labels.keys(), np.int64, len(labels)),
        labels=np.fromiter(labels.values(), np.int64, len(labels)),
        complete=len(labels) == batch.indices.size,
        problems=tuple(problems),
        judgements=Judgements(
            indices=np.array([index for index, _, _ in said], np.int64),
            labels=np.array([label for _, label, _ in said], np.int64),
            people=tuple(person for _, _, person in said),
        ),
    )


def _person(completed_by: Any) -> str:
    """Who annotated: the server gives a number, some versions a table with it."""
    number = completed_by.get("id") if isinstance(completed_by, dict) else completed_by
    return f"user {number}"
