"""The annotators' contract must fail for each way to be wrong, and pass for a right one."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.testing import AnnotatorContract
from mcal.types import NO_LABEL, Annotator, Answers, Batch, Judgements


class Service:
    """A right annotator: a service whose state is one file."""

    name = "service"

    def __init__(self, world: Path) -> None:
        self.file = world / "service.json"

    def state(self) -> dict[str, Any]:
        if self.file.exists():
            return dict(json.loads(self.file.read_text()))
        return {"n_ordered": 0, "labels": {}}

    def keep(self, state: dict[str, Any]) -> None:
        self.file.write_text(json.dumps(state))

    def submit(self, batch: Batch) -> str:
        state = self.state()
        if batch.batch_id not in state["labels"]:
            state["n_ordered"] += len(batch.indices)
            state["labels"][batch.batch_id] = {}
            self.keep(state)
        return f"ticket {batch.batch_id}"

    def label(self, batch: Batch, labels: Mapping[int, int]) -> None:
        state = self.state()
        state["labels"][batch.batch_id].update({str(index): to for index, to in labels.items()})
        self.keep(state)

    def collect(self, batch: Batch, ticket: str) -> Answers:
        labels = self.state()["labels"][batch.batch_id]
        return Answers(
            np.array([int(index) for index in labels], np.int64),
            np.array(list(labels.values()), np.int64),
            complete=len(labels) == len(batch.indices),
        )


class TestService(AnnotatorContract):
    """The contract as a user writes it down."""

    annotator = Service

    def make_annotator(self, world: Path) -> Annotator:
        return self.annotator(world)

    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        self.annotator(world).label(batch, labels)

    def n_ordered(self, world: Path) -> int | None:
        return int(Service(world).state()["n_ordered"])


class CrowdService(Service):
    """A right annotator that knows the people: whoever labels is somebody."""

    def label(self, batch: Batch, labels: Mapping[int, int]) -> None:
        self.label_as(batch, "somebody", labels)

    def label_as(self, batch: Batch, person: str, labels: Mapping[int, int]) -> None:
        state = self.state()
        said = state["labels"][batch.batch_id]
        for index, label in labels.items():
            by_person = said.setdefault(str(index), {})
            if len(by_person) < batch.n_judgements:
                by_person.setdefault(person, label)
        self.keep(state)

    def said(self, batch: Batch) -> list[tuple[int, int, str]]:
        said = self.state()["labels"][batch.batch_id]
        return [
            (int(index), label, person)
            for index, by_person in said.items()
            for person, label in by_person.items()
        ]

    def collect(self, batch: Batch, ticket: str) -> Answers:
        return answers_of(batch, *self.said(batch))


def answers_of(batch: Batch, *said: tuple[int, int, str], n_enough: int | None = None) -> Answers:
    """The first person's word, once enough people have spoken."""
    indices, labels, people = zip(*said, strict=True) if said else ((), (), ())
    told = {i: label for i, label, _ in reversed(said)}
    enough = n_enough or batch.n_judgements
    told = {i: label for i, label in told.items() if indices.count(i) >= enough}
    return Answers(
        np.array(list(told), np.int64),
        np.array(list(told.values()), np.int64),
        complete=len(told) == batch.indices.size,
        judgements=Judgements(np.array(indices, np.int64), np.array(labels, np.int64), people),
    )


class TestCrowdService(TestService):
    """The contract of an annotator that knows the people, as a user writes it down."""

    annotator = CrowdService
    knows_people = True

    def answer_as(
        self, world: Path, batch: Batch, ticket: str, person: str, labels: Mapping[int, int]
    ) -> None:
        self.annotator(world).label_as(batch, person, labels)


class Robots(CrowdService):
    """A right annotator that answers by itself."""

    people = ("r2", "c3", "hal")

    def said(self, batch: Batch) -> list[tuple[int, int, str]]:
        truth = AnnotatorContract.truth
        return [
            (i, int(truth[i]), person)
            for i in batch.indices.tolist()
            for person in self.people[: batch.n_judgements]
        ]


class TestRobots(TestCrowdService):
    annotator = Robots
    answers_at_once = True


class Nameless(Service):
    name = ""


class OrdersTwice(Service):
    def submit(self, batch: Batch) -> str:
        state = self.state()
        state["n_ordered"] += len(batch.indices)
        state["labels"].setdefault(batch.batch_id, {})
        self.keep(state)
        return f"ticket {batch.batch_id}"


class StartsAfresh(Service):
    def submit(self, batch: Batch) -> str:
        self.keep(self.state() | {"labels": self.state()["labels"] | {batch.batch_id: {}}})
        return f"ticket {batch.batch_id}"


class NewTicketEachTime(Service):
    def submit(self, batch: Batch) -> str:
        super().submit(batch)
        self.keep(self.state() | {"n_asked": self.state().get("n_asked", 0) + 1})
        return f"ticket {self.state()['n_asked']}"


class RemembersInItsProcessOnly(Service):
    def submit(self, batch: Batch) -> str:
        return f"{super().submit(batch)} {id(self)}"


class Invents(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        zeros = np.zeros(len(batch.indices), np.int64)
        return Answers(batch.indices, zeros, complete=True)


class InBatchOrder(Service):
    """Pairs the answers, in the order they came, with the batch from its beginning."""

    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        return replace(answers, indices=np.sort(batch.indices)[: answers.indices.size])


class AllOrNothing(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        none = np.empty(0, np.int64)
        return answers if answers.complete else Answers(none, none, complete=False)


class NeverComplete(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        return replace(super().collect(batch, ticket), complete=False)


class CompleteTooSoon(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        return replace(answers, complete=answers.indices.size > 0)


class TakesAway(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        state = self.state()
        state["labels"][batch.batch_id] = {}
        self.keep(state)
        return answers


class MixesBatches(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        labels = {
            int(index): label
            for batch_id, part in self.state()["labels"].items()
            if batch_id.startswith(batch.batch_id)
            for index, label in part.items()
        }
        keys, values = list(labels), list(labels.values())
        complete = len(labels) == len(batch.indices)
        return Answers(np.array(keys, np.int64), np.array(values, np.int64), complete=complete)


class OneTicketForAll(Service):
    def submit(self, batch: Batch) -> str:
        super().submit(batch)
        return "ticket"


class ComplainsAboutNames(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        odd = [name for name in batch.item_names if "," in name]
        return replace(super().collect(batch, ticket), problems=tuple(odd))


class DropsRefusals(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        kept = answers.labels != NO_LABEL
        return replace(answers, indices=answers.indices[kept], labels=answers.labels[kept])


class ShortNumbers(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        return replace(answers, labels=answers.labels.astype(np.int32))


class SaysItTwice(Service):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        answers = super().collect(batch, ticket)
        twice = np.repeat(answers.indices, 2), np.repeat(answers.labels, 2)
        return Answers(*twice, complete=answers.complete)


class OneIsEnough(CrowdService):
    def collect(self, batch: Batch, ticket: str) -> Answers:
        return answers_of(batch, *self.said(batch), n_enough=1)


class Anonymous(CrowdService):
    def said(self, batch: Batch) -> list[tuple[int, int, str]]:
        said = super().said(batch)
        return [(i, label, f"nobody {n}") for n, (i, label, _) in enumerate(said)]


class CountsAgain(CrowdService):
    def label_as(self, batch: Batch, person: str, labels: Mapping[int, int]) -> None:
        state = self.state()
        said = state["labels"][batch.batch_id]
        for index, label in labels.items():
            by_person = said.setdefault(str(index), {})
            by_person.setdefault(f"{person} {len(by_person)}", label)
        self.keep(state)


class TakesAll(CrowdService):
    def label_as(self, batch: Batch, person: str, labels: Mapping[int, int]) -> None:
        state = self.state()
        for index, label in labels.items():
            state["labels"][batch.batch_id].setdefault(str(index), {})[person] = label
        self.keep(state)


class OneRobot(Robots):
    people = ("hal", "hal", "hal")


WRONG = {
    Nameless: "has_a_name",
    OrdersTwice: "a_batch_is_ordered_once",
    NewTicketEachTime: "the_ticket_is_the_same_in_every_process",
    RemembersInItsProcessOnly: "the_ticket_is_the_same_in_every_process",
    StartsAfresh: "submitting_again_keeps_what_people_did",
    Invents: "nothing_is_invented",
    InBatchOrder: "labels_reach_their_items",
    AllOrNothing: "labels_come_in_parts",
    NeverComplete: "labels_reach_their_items",
    CompleteTooSoon: "labels_come_in_parts",
    TakesAway: "collecting_takes_nothing_away",
    MixesBatches: "batches_do_not_mix",
    OneTicketForAll: "batches_do_not_mix",
    ComplainsAboutNames: "any_item_name_will_do",
    DropsRefusals: "no_class_may_fit",
    ShortNumbers: "labels_reach_their_items",
    SaysItTwice: "labels_reach_their_items",
    OneIsEnough: "an_item_waits_for_all_its_judgements",
    Anonymous: "every_judgement_names_its_person",
    CountsAgain: "a_person_counts_once",
    TakesAll: "no_more_judgements_than_ordered",
    OneRobot: "different_people_judge_each_item",
}


@pytest.mark.parametrize(("wrong", "test"), WRONG.items())
def test_the_contract_finds_what_is_wrong(tmp_path: Path, wrong: type[Service], test: str) -> None:
    suites = {Robots: TestRobots, CrowdService: TestCrowdService, Service: TestService}
    suite = next(suite for right, suite in suites.items() if issubclass(wrong, right))
    contract = type("Contract", (suite,), {"annotator": wrong})()
    with pytest.raises(AssertionError):
        getattr(contract, f"test_{test}")(tmp_path)


def test_every_test_of_the_contract_can_fail() -> None:
    tests = {name.removeprefix("test_") for name in dir(AnnotatorContract) if name[:5] == "test_"}
    assert tests == set(WRONG.values())
