"""What every annotator must promise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mcal.types import NO_LABEL, Annotator, Answers, Batch, IndexArray, Purpose


class AnnotatorContract:
    """Subclass it as ``Test...`` and fill in the hooks. Needs nothing but a temporary folder.

    ``truth`` are the right labels of a pool of 200 items; an annotator that answers by itself
    must give them. ``world`` is a folder that stands for the outside: whatever two annotators
    made in the same world share (files, a fake service), as two processes would.
    """

    classes: tuple[str, ...] = ("cat", "dog", "snowy owl")
    truth: IndexArray = np.arange(200, dtype=np.int64) * 7 % 3

    answers_at_once = False
    """True when labels are there without anybody being asked: ``answer`` is then never called."""
    can_refuse = True
    """False when people have no way to say that no class fits."""
    knows_people = False
    """True when several people may judge an item, and ``Answers.judgements`` tells who said what:
    ``answer_as`` is then called, unless labels are there at once."""

    def make_annotator(self, world: Path) -> Annotator:
        """An annotator in ``world``; called again it stands for another process."""
        raise NotImplementedError

    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        """Do as people do: give these labels (index -> class number or NO_LABEL)."""
        raise NotImplementedError

    def answer_as(
        self, world: Path, batch: Batch, ticket: str, person: str, labels: Mapping[int, int]
    ) -> None:
        """Do as ``person`` does: give these labels, where the annotator lets this person."""
        raise NotImplementedError

    def n_ordered(self, world: Path) -> int | None:
        """How many labels have been ordered in ``world`` so far; None when it cannot be known."""
        return None

    def test_has_a_name(self, tmp_path: Path) -> None:
        annotator = self.make_annotator(tmp_path)
        assert isinstance(annotator, Annotator)
        assert annotator.name
        assert isinstance(annotator.name, str)

    def test_the_ticket_is_the_same_in_every_process(self, tmp_path: Path) -> None:
        batch = self._batch("b-1", [5, 2, 9])
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        assert ticket
        assert isinstance(ticket, str)
        assert annotator.submit(batch) == ticket
        assert self.make_annotator(tmp_path).submit(batch) == ticket

    def test_a_batch_is_ordered_once(self, tmp_path: Path) -> None:
        batch = self._batch("b-1", [5, 2, 9])
        for _ in range(3):
            self.make_annotator(tmp_path).submit(batch)
        n_ordered = self.n_ordered(tmp_path)
        if n_ordered is None:
            pytest.skip("n_ordered() tells nothing")
        assert n_ordered == 3

    def test_nothing_is_invented(self, tmp_path: Path) -> None:
        self._skip_if_at_once()
        batch = self._batch("b-1", [5, 2, 9])
        annotator = self.make_annotator(tmp_path)
        answers = self._collect(annotator, batch, annotator.submit(batch))
        assert answers.indices.size == 0
        assert not answers.complete

    def test_labels_reach_their_items(self, tmp_path: Path) -> None:
        batch = self._batch("b-1", [150, 3, 77, 4, 198, 0])
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        self._answer(tmp_path, batch, ticket, self._true(batch))
        for process in (annotator, self.make_annotator(tmp_path)):
            answers = self._collect(process, batch, ticket)
            assert self._as_dict(answers) == self._true(batch)
            assert answers.complete
            assert not answers.problems

    def test_labels_come_in_parts(self, tmp_path: Path) -> None:
        self._skip_if_at_once()
        batch = self._batch("b-1", [10, 30, 20, 40])
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        whole = self._true(batch)
        self._answer(tmp_path, batch, ticket, {index: whole[index] for index in (20, 10)})
        answers = self._collect(annotator, batch, ticket)
        assert self._as_dict(answers) == {10: whole[10], 20: whole[20]}
        assert not answers.complete
        self._answer(tmp_path, batch, ticket, {index: whole[index] for index in (30, 40)})
        answers = self._collect(annotator, batch, ticket)
        assert self._as_dict(answers) == whole
        assert answers.complete

    def test_collecting_takes_nothing_away(self, tmp_path: Path) -> None:
        batch = self._batch("b-1", [8, 6, 7])
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        self._answer(tmp_path, batch, ticket, self._true(batch))
        first = self._collect(annotator, batch, ticket)
        again = self._collect(annotator, batch, ticket)
        assert self._as_dict(again) == self._as_dict(first) == self._true(batch)

    def test_submitting_again_keeps_what_people_did(self, tmp_path: Path) -> None:
        batch = self._batch("b-1", [8, 6, 7])
        ticket = self.make_annotator(tmp_path).submit(batch)
        self._answer(tmp_path, batch, ticket, self._true(batch))
        annotator = self.make_annotator(tmp_path)
        assert annotator.submit(batch) == ticket
        assert self._as_dict(self._collect(annotator, batch, ticket)) == self._true(batch)

    def test_batches_do_not_mix(self, tmp_path: Path) -> None:
        one = self._batch("b-1", [1, 2, 3])
        other = self._batch("b-10", [12, 11, 10, 13])  # an id that begins with the other's
        annotator = self.make_annotator(tmp_path)
        tickets = annotator.submit(one), annotator.submit(other)
        assert tickets[0] != tickets[1]
        self._answer(tmp_path, other, tickets[1], self._true(other))
        if not self.answers_at_once:
            before = self._collect(annotator, one, tickets[0])
            assert before.indices.size == 0
            assert not before.complete
            assert not before.problems
        self._answer(tmp_path, one, tickets[0], self._true(one))
        for batch, ticket in zip((one, other), tickets, strict=True):
            answers = self._collect(annotator, batch, ticket)
            assert self._as_dict(answers) == self._true(batch)
            assert answers.complete
            assert not answers.problems

    def test_any_item_name_will_do(self, tmp_path: Path) -> None:
        names = ("=1+1", "a,b;c.png", 'the "best".jpg', "tábua 日本.webp", " x\t", "00012", "1-2")
        batch = self._batch("b-1", range(len(names)), names)
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        self._answer(tmp_path, batch, ticket, self._true(batch))
        answers = self._collect(annotator, batch, ticket)
        assert self._as_dict(answers) == self._true(batch)
        assert not answers.problems

    def test_no_class_may_fit(self, tmp_path: Path) -> None:
        self._skip_if_at_once()
        if not self.can_refuse:
            pytest.skip("people cannot refuse an item here")
        batch = self._batch("b-1", [4, 5])
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        self._answer(tmp_path, batch, ticket, {4: NO_LABEL, 5: 1})
        answers = self._collect(annotator, batch, ticket)
        assert self._as_dict(answers) == {4: NO_LABEL, 5: 1}
        assert answers.complete

    def test_an_item_waits_for_all_its_judgements(self, tmp_path: Path) -> None:
        self._skip_unless_people_answer()
        batch = self._batch("b-1", [5, 2, 9], n_judgements=2)
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        self.answer_as(tmp_path, batch, ticket, "anna", self._true(batch))
        answers = self._collect(annotator, batch, ticket)
        assert answers.indices.size == 0
        assert not answers.complete
        self.answer_as(tmp_path, batch, ticket, "bert", self._true(batch) | {2: 0})
        answers = self._collect(self.make_annotator(tmp_path), batch, ticket)
        assert answers.complete
        labels, agreed = self._as_dict(answers), self._true(batch)
        assert {5: labels[5], 9: labels[9]} == {5: agreed[5], 9: agreed[9]}
        assert labels[2] in (agreed[2], 0)

    def test_every_judgement_names_its_person(self, tmp_path: Path) -> None:
        self._skip_unless_people_answer()
        batch = self._batch("b-1", [4, 5, 3], n_judgements=2)
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        anna, bert = {3: 2, 4: 0, 5: 1}, {3: 2, 4: 1, 5: 1}
        self.answer_as(tmp_path, batch, ticket, "anna", anna)
        assert set(self._judgements(annotator, batch, ticket).values()) == {*anna.items()}
        self.answer_as(tmp_path, batch, ticket, "bert", bert)
        for process in (annotator, self.make_annotator(tmp_path)):
            found = self._judgements(process, batch, ticket)
            people = {person for person, _ in found}
            assert len(people) == 2
            assert {frozenset(v for (p, _), v in found.items() if p == q) for q in people} == {
                frozenset(anna.items()),
                frozenset(bert.items()),
            }

    def test_a_person_counts_once(self, tmp_path: Path) -> None:
        self._skip_unless_people_answer()
        batch = self._batch("b-1", [7], n_judgements=2)
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        for _ in range(2):
            self.answer_as(tmp_path, batch, ticket, "anna", {7: 1})
            answers = self._collect(annotator, batch, ticket)
            assert not answers.complete
            assert len(self._judgements(annotator, batch, ticket)) == 1

    def test_no_more_judgements_than_ordered(self, tmp_path: Path) -> None:
        self._skip_unless_people_answer()
        batch = self._batch("b-1", [7], n_judgements=2)
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        for person in ("anna", "bert", "cleo"):
            self.answer_as(tmp_path, batch, ticket, person, {7: 1})
        assert len(self._judgements(annotator, batch, ticket)) == 2
        answers = self._collect(annotator, batch, ticket)
        assert self._as_dict(answers) == {7: 1}
        assert answers.complete

    def test_different_people_judge_each_item(self, tmp_path: Path) -> None:
        if not (self.knows_people and self.answers_at_once):
            pytest.skip("asks people, or does not know them")
        batch = self._batch("b-1", [7, 3, 12], n_judgements=3)
        annotator = self.make_annotator(tmp_path)
        ticket = annotator.submit(batch)
        found = self._judgements(annotator, batch, ticket)
        assert len(found) == 9
        assert set(found.values()) == {*self._true(batch).items()}
        assert self._collect(annotator, batch, ticket).complete

    def _skip_unless_people_answer(self) -> None:
        if not self.knows_people:
            pytest.skip("does not know the people")
        self._skip_if_at_once()

    def _skip_if_at_once(self) -> None:
        if self.answers_at_once:
            pytest.skip("answers at once")

    def _answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        if not self.answers_at_once:
            self.answer(world, batch, ticket, labels)

    def _batch(
        self,
        batch_id: str,
        indices: npt.ArrayLike,
        names: tuple[str, ...] | None = None,
        n_judgements: int = 1,
    ) -> Batch:
        rows = np.array(indices, np.int64)
        return Batch(
            batch_id=batch_id,
            purpose=Purpose.TRAIN,
            round=0,
            indices=rows,
            item_names=names or tuple(f"item {index}" for index in rows),
            classes=self.classes,
            n_judgements=n_judgements,
        )

    def _true(self, batch: Batch) -> dict[int, int]:
        return {index: int(self.truth[index]) for index in batch.indices.tolist()}

    def _collect(self, annotator: Annotator, batch: Batch, ticket: str) -> Answers:
        """Collect, and check what must hold of any answers."""
        answers = annotator.collect(batch, ticket)
        assert answers.indices.dtype == answers.labels.dtype == np.int64
        assert answers.indices.shape == answers.labels.shape == (answers.indices.size,)
        assert np.isin(answers.indices, batch.indices).all()
        assert len(set(answers.indices.tolist())) == answers.indices.size
        assert ((answers.labels >= NO_LABEL) & (answers.labels < len(self.classes))).all()
        assert not answers.complete or answers.indices.size == batch.indices.size
        assert all(isinstance(problem, str) and problem for problem in answers.problems)
        assert answers.wait_s is None or answers.wait_s >= 0.0
        if (said := answers.judgements) is not None:
            assert said.indices.dtype == said.labels.dtype == np.int64
            assert said.indices.shape == said.labels.shape == (len(said.people),)
            assert np.isin(said.indices, batch.indices).all()
            assert ((said.labels >= NO_LABEL) & (said.labels < len(self.classes))).all()
        return answers

    def _judgements(
        self, annotator: Annotator, batch: Batch, ticket: str
    ) -> dict[tuple[str, int], tuple[int, int]]:
        """Who said what: (index, label) by (person, index)."""
        said = self._collect(annotator, batch, ticket).judgements
        assert said is not None, "expected Answers.judgements of an annotator that knows the people"
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for index, label, person in zip(
            said.indices.tolist(), said.labels.tolist(), said.people, strict=True
        ):
            assert isinstance(person, str)
            assert person
            assert (person, index) not in found, "a judgement comes twice"
            found[person, index] = index, label
        return found

    @staticmethod
    def _as_dict(answers: Answers) -> dict[int, int]:
        return dict(zip(answers.indices.tolist(), answers.labels.tolist(), strict=True))
