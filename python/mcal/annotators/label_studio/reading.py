"""From the tasks of a batch to labels: no server, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcal.label_studio import Form
from mcal.types import Answers, Batch, Judgements

from ..judged import answers_of

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
    """What people said about a batch so far, counted as ``annotators/judged.py`` counts.

    Annotations are taken as they read now, in the order in which the server numbered them: no
    clock is asked. Skipped ones answer nothing, and who judged an item before does not do it again.
    """
    before = batch.before
    judged = (
        set() if before is None else set(zip(before.people, before.indices.tolist(), strict=True))
    )
    found = [(task, annotation) for task in tasks for annotation in task.annotations]
    problems: list[str] = []
    said: list[tuple[int, int, str]] = []
    skipped: set[int] = set()
    n_again = 0
    for task, annotation in sorted(found, key=lambda pair: int(pair[1]["id"])):
        person = _person(annotation)
        if annotation.get("was_cancelled"):
            skipped.add(task.index)
        elif isinstance(label := form.label(annotation.get("result") or []), str):
            problems.append(f"task {task.id}, {task.item}: {label}; not taken.")
        elif (person, task.index) in judged:
            n_again += 1
        else:
            said.append((task.index, label, person))
    if len(problems) > _MOST_LISTED:
        problems[_MOST_LISTED:] = [f"{len(problems) - _MOST_LISTED:,} more problems of this kind."]
    answers = answers_of(
        batch,
        Judgements(
            indices=np.array([index for index, _, _ in said], np.int64),
            labels=np.array([label for _, label, _ in said], np.int64),
            people=tuple(person for _, _, person in said),
        ),
    )
    assert answers.judgements is not None
    n_again += len(said) - answers.judgements.indices.size
    if n_again:
        problems.append(f"answers beyond those ordered: {n_again:,}; the first ones count.")
    if unanswered := skipped.difference(answers.indices.tolist()):
        problems.append(
            f"items skipped by people and not answered yet: {len(unanswered):,}; "
            "where no class fits, they are to say so instead."
        )
    return replace(answers, problems=tuple(problems))


def _person(annotation: Mapping[str, Any]) -> str:
    """Who annotated: the server gives a number, some versions a table with it.

    Users who were deleted since have none; each of their annotations counts as somebody's.
    """
    by = annotation.get("completed_by")
    number = by.get("id") if isinstance(by, dict) else by
    return f"annotation {annotation['id']}" if number is None else f"user {number}"
