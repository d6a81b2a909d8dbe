import base64
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from label_studio_fake import PERSONAL_TOKEN, TOKEN, URL, Answer, FakeLabelStudio
from label_studio_people import PIXEL, LabelStudioContract, People
from mcal import LabelStudioSettings
from mcal.annotators import open_annotator, retry
from mcal.annotators.label_studio import LabelStudioAnnotator
from mcal.annotators.label_studio.reading import Task, read_answers
from mcal.config import read_settings
from mcal.errors import AnnotatorError, MissingExtraError, SettingsError
from mcal.label_studio import read_form, write_form
from mcal.pools import ArrayPool
from mcal.types import NO_LABEL, Answers, Batch, Guesses, Judgements, Purpose

CLASSES = ("cat", "dog", "owl")
BATCH = Batch("b-1", Purpose.TRAIN, 0, np.array([7, 3, 5]), ("7.png", "a/3 ü.png", "5"), CLASSES)
LARGE = Batch(
    "b-2", Purpose.REST, 0, np.arange(450), tuple(f"{i}.png" for i in range(450)), CLASSES
)


@pytest.fixture(autouse=True)
def waits_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits here; what would have been waited."""
    found: list[float] = []
    monkeypatch.setattr(retry.tenacity.nap.time, "sleep", found.append)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    return found


@pytest.fixture
def fake() -> FakeLabelStudio:
    return FakeLabelStudio()


@pytest.fixture
def people(fake: FakeLabelStudio) -> Iterator[People]:
    with client_of(fake) as client:
        yield People(client)


def client_of(fake: FakeLabelStudio) -> httpx.Client:
    headers = {"Authorization": f"Token {TOKEN}"}
    # what people do meets no mishap and is not counted
    return httpx.Client(transport=httpx.MockTransport(fake.answer), base_url=URL, headers=headers)


def annotator_of(fake: FakeLabelStudio, **more: object) -> LabelStudioAnnotator:
    settings = LabelStudioSettings.model_validate({"url": URL, "project": "Birds"} | more)
    return LabelStudioAnnotator(settings, lambda _: PIXEL, transport=fake.transport)


def labels_of(answers: Answers) -> dict[int, int]:
    return dict(zip(answers.indices.tolist(), answers.labels.tolist(), strict=True))


class TestContract(LabelStudioContract):
    @pytest.fixture(autouse=True)
    def _worlds(self) -> None:
        self._fakes: dict[Path, FakeLabelStudio] = {}

    def fake(self, world: Path) -> FakeLabelStudio:
        return self._fakes.setdefault(world, FakeLabelStudio())

    def settings(self, world: Path) -> LabelStudioSettings:
        return LabelStudioSettings(url=URL, project="Birds")

    def transport(self, world: Path) -> httpx.BaseTransport:
        return self.fake(world).transport

    def people(self, world: Path) -> People:
        return People(client_of(self.fake(world)))

    def n_ordered(self, world: Path) -> int | None:
        return len(self.fake(world).tasks)


# -- orders ----------------------------------------------------------------------------------------


def test_a_project_is_made_with_a_choice_for_each_class(fake: FakeLabelStudio) -> None:
    ticket = annotator_of(fake).submit(BATCH)
    (project,) = fake.projects.values()
    assert ticket == f"{project['id']}/b-1"
    assert project["title"] == "Birds"
    assert project["label_config"] == write_form(CLASSES)
    assert project["maximum_annotations"] == 1


def test_tasks_carry_image_batch_and_item(fake: FakeLabelStudio) -> None:
    annotator_of(fake).submit(BATCH)
    first = next(iter(fake.tasks.values()))["data"]
    assert first == {
        "image": "data:image/png;base64,iVBORw0KGgo=",
        "mcal_batch": "b-1",
        "mcal_index": 7,
        "mcal_item": "7.png",
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"images": "url", "image_url": "https://bucket.test/{item}?v=1"},
            "https://bucket.test/a/3%20%C3%BC.png?v=1",
        ),
        ({"images": "local-files"}, "/data/local-files/?d=a/3%20%C3%BC.png"),
        (
            {"images": "local-files", "image_url": "pool/{item}"},
            "/data/local-files/?d=pool/a/3%20%C3%BC.png",
        ),
    ],
)
def test_images_may_stay_where_they_are(
    fake: FakeLabelStudio, more: dict[str, str], expected: str
) -> None:
    annotator_of(fake, **more).submit(BATCH)
    assert expected in {task["data"]["image"] for task in fake.tasks.values()}


def test_what_cannot_be_shown_says_so_without_markup(fake: FakeLabelStudio) -> None:
    settings = LabelStudioSettings(url=URL, project="Birds")
    hostile = Batch("b", Purpose.TRAIN, 0, np.array([0]), ("<script>alert(1)",), CLASSES)
    LabelStudioAnnotator(settings, lambda _: None, transport=fake.transport).submit(hostile)
    (task,) = fake.tasks.values()
    kind, _, data = task["data"]["image"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert b"&lt;script&gt;" in base64.b64decode(data)


def test_a_project_is_adopted_by_title_or_number(fake: FakeLabelStudio) -> None:
    xml = (
        '<View><Header value="Which?"/><Image name="pic" value="$photo"/>'
        '<Choices name="kind" toName="pic"><Choice value="owl"/><Choice value="dog"/>'
        '<Choice value="cat"/><Choice value="bat"/></Choices></View>'
    )
    fake.projects[90] = {"id": 90, "title": "Birds", "label_config": xml, "maximum_annotations": 1}
    fake.projects[91] = {"id": 91, "title": "Birds of old", "label_config": "<View/>"}
    assert annotator_of(fake).submit(BATCH) == "90/b-1"
    assert annotator_of(fake, project=90).submit(BATCH) == "90/b-1"
    assert {"photo", "mcal_batch", "mcal_index", "mcal_item"} == set(
        next(iter(fake.tasks.values()))["data"]
    )
    assert len(fake.projects) == 2


def test_two_projects_of_a_title_are_not_guessed_between(fake: FakeLabelStudio) -> None:
    for number in (1, 2):
        fake.projects[number] = {"id": number, "title": "Birds", "label_config": "<View/>"}
    with pytest.raises(AnnotatorError, match=r"2 are called 'Birds' \(numbers 1, 2\)"):
        annotator_of(fake).submit(BATCH)


def test_a_project_must_have_every_class(fake: FakeLabelStudio) -> None:
    fake.projects[4] = {"id": 4, "title": "Birds", "label_config": write_form(("dog", "Cat"))}
    with pytest.raises(AnnotatorError, match=r"project 4 'Birds': .* no choice for 'cat', 'owl'"):
        annotator_of(fake).submit(BATCH)
    assert not fake.tasks


def test_large_batches_go_and_come_in_parts(fake: FakeLabelStudio, people: People) -> None:
    annotator = annotator_of(fake)
    ticket = annotator.submit(LARGE)
    assert [path for method, path in fake.requests if path.endswith("import")] == [
        f"/api/projects/{ticket.split('/')[0]}/import"
    ] * 3
    truth = {index: index % 3 for index in range(450)}
    people.answer(LARGE, ticket, truth)
    answers = annotator.collect(LARGE, ticket)
    assert labels_of(answers) == truth
    assert answers.complete
    assert answers.problems == ()


def test_large_images_go_in_smaller_parts(fake: FakeLabelStudio) -> None:
    settings = LabelStudioSettings(url=URL, project="Birds")
    large = type(PIXEL)(b"x" * 3_000_000, "image/png")
    LabelStudioAnnotator(settings, lambda _: large, transport=fake.transport).submit(BATCH)
    assert sum(path.endswith("import") for _, path in fake.requests) == 3
    assert len(fake.tasks) == 3


def test_more_judgements_raise_what_the_project_asks_for(fake: FakeLabelStudio) -> None:
    annotator = annotator_of(fake)
    annotator.submit(BATCH)
    annotator.submit(Batch("b-3", Purpose.TRAIN, 1, np.array([1]), ("1",), CLASSES, 3))
    annotator.submit(Batch("b-4", Purpose.TRAIN, 1, np.array([2]), ("2",), CLASSES, 2))
    (project,) = fake.projects.values()
    assert project["maximum_annotations"] == 3


def test_another_campaign_s_batch_of_this_id_is_not_taken(fake: FakeLabelStudio) -> None:
    annotator_of(fake).submit(BATCH)
    other = Batch("b-1", Purpose.TRAIN, 0, np.array([7, 3, 5]), ("x", "y", "z"), CLASSES)
    with pytest.raises(AnnotatorError, match="give each campaign a project of its own"):
        annotator_of(fake).submit(other)


def test_people_are_told_where_to_go(fake: FakeLabelStudio) -> None:
    annotator = annotator_of(fake)
    number = annotator.submit(BATCH).split("/")[0]
    assert annotator.to_do({"b-1": 1200}) == [
        f"label at {URL}/projects/{number}/data  (still without a label: 1,200)"
    ]


def test_it_is_opened_from_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pool = ArrayPool(np.zeros((2, 1, 1), np.uint8), ("cat", "dog"))

    def opened() -> object:
        return open_annotator(
            LabelStudioSettings(url=URL, project=3),
            folder=tmp_path,
            pool=pool,
            picture=lambda _: PIXEL,
            truth=lambda: np.zeros(2, np.int64),
            seed=0,
        )

    assert isinstance(opened(), LabelStudioAnnotator)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    with pytest.raises(AnnotatorError, match="LABEL_STUDIO_API_KEY: expected the token"):
        opened()


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "mcal.annotators.label_studio.server")
    with pytest.raises(MissingExtraError, match=r"mcal\[services\]"):
        importlib.import_module("mcal.annotators.label_studio.server")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('url = "studio"', 'url: expected "https://host", found "studio"'),
        ('url = "https://me:secret@host"', 'url: expected "https://host", found '),
        ('project = "ab"', 'project: expected 3 to 50 characters, found "ab"'),
        ("project = 0", "project: expected a number above 0, found 0"),
        ('images = "url"', 'image_url: needed for images = "url", found none'),
        ('images = "url"\nimage_url = "x"', 'image_url: expected "{item}" in it, found "x"'),
        ('image_url = "{item}"', 'image_url: only for images = "url" or "local-files"'),
        ('images = "url"\nimage_url = "https://me:pw@h/{item}"', "image_url: expected no password"),
        ('images = "url"\nimage_url = "https://h/{item}?Sig=abc"', "image_url: expected no passwo"),
        ('token = "x"', "token: unknown key; did you mean token_env?"),
    ],
)
def test_a_mistake_in_the_settings_gets_one_line(tmp_path: Path, lines: str, problem: str) -> None:
    given = {"url": '"https://host"', "project": '"Birds"'}
    written = {line.split(" = ")[0] for line in lines.splitlines()}
    rest = "\n".join(f"{key} = {value}" for key, value in given.items() if key not in written)
    file = tmp_path / "c.toml"
    file.write_text(
        f'[pool]\nkind = "digits"\n[annotator]\nkind = "label-studio"\n{rest}\n{lines}\n'
    )
    with pytest.raises(SettingsError) as told:
        read_settings(file)
    (line,) = str(told.value).splitlines()
    assert f"annotator.{problem}" in line


def test_annotations_of_deleted_users_are_different_people_s() -> None:
    words = [{"id": number, "completed_by": None, "result": choice("dog")} for number in (4, 9)]
    tasks = [Task(1, 5, "item 5", tuple(words))]
    asked = Batch("b", Purpose.TRAIN, 1, np.array([5]), ("item 5",), ("cat", "dog"), 2)
    form = read_form(write_form(("cat", "dog")), ("cat", "dog"), "here")
    found = read_answers(asked, tasks, form)
    assert found.complete
    assert found.judgements is not None
    assert len(set(found.judgements.people)) == 2


# -- answers ---------------------------------------------------------------------------------------


def choice(word: str) -> list[dict[str, object]]:
    return [
        {
            "from_name": "label",
            "to_name": "image",
            "type": "choices",
            "value": {"choices": [word]},
        }
    ]


def ordered(fake: FakeLabelStudio, **more: object) -> tuple[LabelStudioAnnotator, str, list[int]]:
    annotator = annotator_of(fake, **more)
    ticket = annotator.submit(BATCH)
    return annotator, ticket, list(fake.tasks)


def test_none_of_these_is_an_answer_and_a_skip_is_not(
    fake: FakeLabelStudio, people: People
) -> None:
    annotator, ticket, (first, second, third) = ordered(fake)
    people.annotate(first, choice("none of these"))
    people.annotate(second, [], was_cancelled=True)
    people.annotate(third, choice("owl"))
    answers = annotator.collect(BATCH, ticket)
    assert labels_of(answers) == {7: NO_LABEL, 5: 2}
    assert not answers.complete
    assert answers.problems == (
        "items skipped by people and not answered yet: 1; "
        "where no class fits, they are to say so instead.",
    )
    people.annotate(second, choice("cat"))
    answers = annotator.collect(BATCH, ticket)
    assert labels_of(answers) == {7: NO_LABEL, 3: 0, 5: 2}
    assert answers.complete
    assert not answers.problems


def test_a_revised_annotation_counts_as_it_reads_now(fake: FakeLabelStudio, people: People) -> None:
    annotator, ticket, (first, *_) = ordered(fake)
    number = people.annotate(first, choice("cat"))
    assert labels_of(annotator.collect(BATCH, ticket)) == {7: 0}
    people.ask("PATCH", f"/api/annotations/{number}/", json={"result": choice("owl")})
    assert labels_of(annotator.collect(BATCH, ticket)) == {7: 2}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (choice("zebra"), "'zebra' is none of the classes"),
        ([], "nothing was chosen"),
        (choice("cat") + choice("dog"), "2 classes were chosen at once"),
        ([{"from_name": "other", "type": "choices", "value": {}}], "nothing was chosen"),
    ],
)
def test_what_is_no_class_is_told_and_not_taken(
    fake: FakeLabelStudio, people: People, result: object, words: str
) -> None:
    annotator, ticket, (first, *_) = ordered(fake)
    people.annotate(first, result)
    answers = annotator.collect(BATCH, ticket)
    assert answers.indices.size == 0
    assert answers.problems == (f"task {first}, 7.png: {words}; not taken.",)


def test_problems_are_not_told_without_end(fake: FakeLabelStudio, people: People) -> None:
    annotator = annotator_of(fake)
    ticket = annotator.submit(LARGE)
    for task in list(fake.tasks):
        people.annotate(task, choice("zebra"))
    problems = annotator.collect(LARGE, ticket).problems
    assert len(problems) == 101
    assert problems[-1] == "350 more problems of this kind."


def test_the_first_of_two_answers_counts(fake: FakeLabelStudio, people: People) -> None:
    annotator, ticket, (first, *_) = ordered(fake)
    people.annotate(first, choice("owl"))
    people.annotate(first, choice("cat"))
    people.annotate(first, choice("owl"), completed_by=99)
    answers = annotator.collect(BATCH, ticket)
    assert labels_of(answers) == {7: 2}
    assert answers.problems == ("answers beyond those ordered: 2; the first ones count.",)


def test_judgements_name_their_people(fake: FakeLabelStudio, people: People) -> None:
    batch = Batch("b-1", Purpose.TRAIN, 0, np.array([7]), ("7.png",), CLASSES, 3)
    annotator = annotator_of(fake)
    ticket = annotator.submit(batch)
    (task,) = fake.tasks
    for person, word in ((4, "cat"), ({"id": 8, "email": "b@b.test"}, "owl"), (2, "owl")):
        assert annotator.collect(batch, ticket).indices.size == 0
        people.annotate(task, choice(word), completed_by=person)
    answers = annotator.collect(batch, ticket)
    assert labels_of(answers) == {7: 2}
    assert answers.judgements is not None
    assert answers.judgements.people == ("user 4", "user 8", "user 2")
    assert answers.judgements.labels.tolist() == [0, 2, 2]


def test_who_judged_before_does_not_judge_again(fake: FakeLabelStudio, people: People) -> None:
    annotator, ticket, (first, second, _) = ordered(fake)
    before = Judgements(np.array([7, 3]), np.array([1, 1]), ("user 4", "user 5"))
    batch = replace(BATCH, before=before)
    people.annotate(first, choice("cat"), completed_by=4)
    people.annotate(second, choice("cat"), completed_by=4)
    answers = annotator.collect(batch, ticket)
    assert labels_of(answers) == {3: 0}
    assert answers.problems == ("answers beyond those ordered: 1; the first ones count.",)
    people.annotate(first, choice("owl"), completed_by=6)
    assert labels_of(annotator.collect(batch, ticket)) == {7: 2, 3: 0}


def test_a_deleted_task_is_imported_again(fake: FakeLabelStudio, people: People) -> None:
    annotator, ticket, (first, second, third) = ordered(fake)
    people.answer(BATCH, ticket, {7: 0, 5: 1})
    del fake.tasks[second]
    answers = annotator.collect(BATCH, ticket)
    assert labels_of(answers) == {7: 0, 5: 1}
    assert answers.problems == ("tasks deleted in Label Studio: 1; imported again.",)
    assert len(fake.tasks) == 3
    assert {first, third} < set(fake.tasks)
    people.answer(BATCH, ticket, {3: 2})
    answers = annotator.collect(BATCH, ticket)
    assert labels_of(answers) == {7: 0, 3: 2, 5: 1}
    assert answers.complete
    assert not answers.problems


def test_a_deleted_task_is_not_bought_again_once_its_label_was_told(
    fake: FakeLabelStudio, people: People
) -> None:
    annotator, ticket, (first, second, _) = ordered(fake)
    people.answer(BATCH, ticket, {7: 0})
    annotator.collect(BATCH, ticket)
    del fake.tasks[first], fake.tasks[second]
    answers = annotator.collect(replace(BATCH, told=np.array([7])), ticket)
    assert answers.problems == ("tasks deleted in Label Studio: 1; imported again.",)
    assert sorted(task["data"]["mcal_index"] for task in fake.tasks.values()) == [3, 5]


def test_a_task_that_is_there_twice_is_removed_once(fake: FakeLabelStudio, people: People) -> None:
    annotator, ticket, tasks = ordered(fake)
    for number in tasks:  # as an import that was answered too late leaves them
        fake.tasks[number + 100] = fake.tasks[number] | {"id": number + 100, "annotations": []}
    first, second, third = tasks
    people.annotate(first + 100, choice("cat"))
    fake.tasks[third]["draft_exists"] = fake.tasks[third + 100]["draft_exists"] = True
    answers = annotator.collect(BATCH, ticket)
    assert set(fake.tasks) == {first + 100, second, third, third + 100}
    assert labels_of(answers) == {7: 0}


# -- the model's guesses ---------------------------------------------------------------------------

GUESSES = Guesses(np.array([1, NO_LABEL, 0]), np.array([0.25, 0.0, 1.0]), "net, round 2")
GUESSED = replace(BATCH, guesses=GUESSES)


def seen(fake: FakeLabelStudio) -> dict[int, tuple[str, float, str]]:
    """By index, what who opens a task is shown."""
    return {
        task["data"]["mcal_index"]: (
            one["model_version"],
            one["score"],
            one["result"][0]["value"]["choices"][0],
        )
        for task in fake.tasks.values()
        for one in fake.shown(task)
    }


def test_guesses_are_shown_and_are_no_answers(fake: FakeLabelStudio, people: People) -> None:
    annotator = annotator_of(fake, show_guesses=True)
    ticket = annotator.submit(GUESSED)
    shown = {7: ("net, round 2", 0.25, "dog"), 5: ("net, round 2", 1.0, "cat")}
    assert seen(fake) == shown
    assert annotator.submit(GUESSED) == ticket
    assert seen(fake) == shown
    answers = annotator.collect(GUESSED, ticket)
    assert (answers.indices.size, answers.problems) == (0, ())
    people.answer(BATCH, ticket, {7: 2, 3: 1, 5: 0})
    assert labels_of(annotator.collect(GUESSED, ticket)) == {7: 2, 3: 1, 5: 0}


def test_guesses_are_shown_only_where_that_is_asked_for(fake: FakeLabelStudio) -> None:
    annotator_of(fake).submit(GUESSED)
    assert len(fake.tasks) == 3
    assert not any(task["predictions"] for task in fake.tasks.values())


@pytest.mark.parametrize(
    "as_it_was",
    [
        {"show_collab_predictions": False, "model_version": ""},
        {"show_collab_predictions": True, "model_version": "of somebody else"},
        {"show_collab_predictions": True, "model_version": None},
    ],
)
def test_an_adopted_project_shows_this_model_s_guesses(
    fake: FakeLabelStudio, as_it_was: dict[str, object]
) -> None:
    project = {"id": 4, "title": "Birds", "label_config": write_form(CLASSES)}
    fake.projects[4] = project | as_it_was
    annotator_of(fake, show_guesses=True).submit(GUESSED)
    assert set(seen(fake)) == {7, 5}


def test_a_later_model_takes_the_place_of_the_first(fake: FakeLabelStudio) -> None:
    annotator = annotator_of(fake, show_guesses=True)
    annotator.submit(GUESSED)
    later = replace(GUESSES, labels=np.array([2]), confidence=np.array([0.5]), model="net, round 3")
    annotator.submit(Batch("b-9", Purpose.REST, 3, np.array([8]), ("8",), CLASSES, guesses=later))
    assert seen(fake) == {8: ("net, round 3", 0.5, "owl")}


def test_a_task_without_a_guess_leaves_the_others_shown(fake: FakeLabelStudio) -> None:
    annotator = annotator_of(fake, show_guesses=True)
    ticket = annotator.submit(GUESSED)
    for index in (3, 5):  # 3 has no guess
        del fake.tasks[next(n for n, t in fake.tasks.items() if t["data"]["mcal_index"] == index)]
        answers = annotator.collect(GUESSED, ticket)
        assert answers.problems == ("tasks deleted in Label Studio: 1; imported again.",)
        assert set(seen(fake)) == {7, 5}


@pytest.mark.parametrize("kind", ["GET", "PATCH", "import"])
def test_a_lost_answer_loses_no_guess(fake: FakeLabelStudio, kind: str) -> None:
    project = {"id": 4, "title": "Birds", "label_config": write_form(CLASSES)}
    fake.projects[4] = project | {"model_version": "x", "show_collab_predictions": False}
    lost: list[str] = []

    def lose(request: httpx.Request, answer: Answer) -> httpx.Response:
        found = answer(request)
        if not lost and kind in (request.method, request.url.path.rsplit("/", 1)[-1]):
            lost.append(request.url.path)
            raise httpx.ReadError("gone")
        return found

    fake.mishap = lose
    annotator_of(fake, show_guesses=True).submit(GUESSED)
    assert lost
    assert set(seen(fake)) == {7, 5}
    assert len(fake.tasks) == 3


def test_a_foreign_ticket_is_refused(fake: FakeLabelStudio) -> None:
    annotator, ticket, _ = ordered(fake)
    for wrong in ("b-1", f"x/{BATCH.batch_id}", ticket + "0"):
        with pytest.raises(AnnotatorError, match="knows no order"):
            annotator.collect(BATCH, wrong)


def test_a_project_that_is_gone_is_told(fake: FakeLabelStudio) -> None:
    annotator, ticket, _ = ordered(fake)
    fake.projects.clear()
    with pytest.raises(AnnotatorError, match="has no project 1, or hides it"):
        annotator.collect(BATCH, ticket)


# -- bad days --------------------------------------------------------------------------------------


class Once:
    """A mishap to the n-th request of a kind; everything else goes well."""

    def __init__(self, fake: FakeLabelStudio, kind: str, nth: int, what: Answer | str) -> None:
        fake.mishap = self
        self._kind, self._left, self._what = kind, nth, what

    def __call__(self, request: httpx.Request, answer: Answer) -> httpx.Response:
        if f"{request.method} {request.url.path}".endswith(self._kind):
            self._left -= 1
            if self._left == 0:
                if not isinstance(self._what, str):
                    return self._what(request)
                if self._what == "after":
                    answer(request)  # done, but nobody hears of it
                raise httpx.ReadTimeout("slow", request=request)
        return answer(request)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("kind", "nth"),
    [("POST /api/projects", 1), ("/import", 1), ("/import", 2), ("/import", 3), ("/api/tasks", 2)],
)
def test_a_lost_answer_orders_nothing_twice(
    fake: FakeLabelStudio, kind: str, nth: int, when: str, waits_s: list[float]
) -> None:
    Once(fake, kind, nth, when)
    annotator_of(fake).submit(LARGE)
    assert len(waits_s) == 1
    assert len(fake.projects) == 1
    assert sorted(task["data"]["mcal_index"] for task in fake.tasks.values()) == [*range(450)]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_killed_run_is_completed(fake: FakeLabelStudio, nth: int) -> None:
    class Killed(BaseException):
        pass

    def kill(request: httpx.Request) -> httpx.Response:
        raise Killed

    Once(fake, "/import", nth, kill)
    with pytest.raises(Killed):
        annotator_of(fake).submit(LARGE)
    assert len(fake.tasks) == (nth - 1) * 200
    annotator_of(fake).submit(LARGE)
    assert sorted(task["data"]["mcal_index"] for task in fake.tasks.values()) == [*range(450)]


def reply(status: int, text: str = "", kind: str = "text/html", **headers: str) -> Answer:
    return lambda request: httpx.Response(
        status, content=text.encode(), headers={"Content-Type": kind, **headers}
    )


@pytest.mark.parametrize(
    "mishap",
    [
        reply(500, "<h1>Server Error</h1>"),
        reply(502, "<h1>Bad Gateway</h1>"),
        reply(503, "{}", "application/json"),
        reply(429, "{}", "application/json"),
        reply(200, '{"total": 3, "tasks": [{"id": ', "application/json"),
    ],
)
def test_what_passes_is_tried_again(
    fake: FakeLabelStudio, people: People, mishap: Answer, waits_s: list[float]
) -> None:
    annotator, ticket, _ = ordered(fake)
    people.answer(BATCH, ticket, {7: 0})
    Once(fake, "GET /api/tasks", 1, mishap)
    assert labels_of(annotator.collect(BATCH, ticket)) == {7: 0}
    assert len(waits_s) == 1


def test_the_server_says_how_long_to_wait(fake: FakeLabelStudio, waits_s: list[float]) -> None:
    annotator, ticket, _ = ordered(fake)
    Once(fake, "GET /api/tasks", 1, reply(429, **{"Retry-After": "17"}))
    annotator.collect(BATCH, ticket)
    Once(fake, "GET /api/tasks", 1, reply(503, **{"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}))
    annotator.collect(BATCH, ticket)
    assert waits_s[0] == 17.0
    assert waits_s[1] < 1.0  # a date is another clock


@pytest.mark.parametrize(
    ("mishap", "words"),
    [
        (reply(200, "<html>Welcome to nginx!"), "expected a Label Studio at .*, found text/html"),
        (reply(404, "<html>404"), "404: Not Found; is this a Label Studio"),
        (reply(302, Location="https://studio.test/user/login"), "sends on to https://studio.test"),
        (reply(200, "[1, 2]", "application/json"), r"expected a project, found \[1, 2\]"),
        (reply(400, '{"detail": "Nope"}', "application/json"), "400: Nope"),
    ],
)
def test_what_is_no_label_studio_is_told_at_once(
    fake: FakeLabelStudio, mishap: Answer, words: str, waits_s: list[float]
) -> None:
    annotator = annotator_of(fake, project=1)
    Once(fake, "GET /api/projects/1", 1, mishap)
    with pytest.raises(AnnotatorError, match=words):
        annotator.submit(BATCH)
    assert not waits_s


def test_nobody_there_is_told_soon_and_a_restart_is_waited_for(
    fake: FakeLabelStudio, waits_s: list[float]
) -> None:
    def nobody(request: httpx.Request, answer: Answer) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    fake.mishap = nobody
    with pytest.raises(AnnotatorError, match=r"tried 3 times, .* Connection refused"):
        annotator_of(fake).submit(BATCH)
    fake.mishap = None
    annotator, ticket, _ = ordered(fake)
    fake.mishap = nobody
    with pytest.raises(AnnotatorError, match=r"tried 10 times"):
        annotator.collect(BATCH, ticket)


def test_a_list_that_changes_is_read_anew(
    fake: FakeLabelStudio, people: People, waits_s: list[float]
) -> None:
    """Somebody deletes a task of the first page before the second is read: none may be missed."""
    annotator = annotator_of(fake)
    ticket = annotator.submit(LARGE)

    def delete_one(request: httpx.Request) -> httpx.Response:
        del fake.tasks[min(fake.tasks)]
        return fake.answer(request)

    Once(fake, "GET /api/tasks", 2, delete_one)
    answers = annotator.collect(LARGE, ticket)
    assert answers.problems == ("tasks deleted in Label Studio: 1; imported again.",)
    assert sorted(task["data"]["mcal_index"] for task in fake.tasks.values()) == [*range(450)]
    assert len(waits_s) == 1


@pytest.mark.parametrize("found", [[], {}, {"total": "x"}, {"total": 1, "tasks": {}}, None])
def test_a_list_that_is_none_is_told(fake: FakeLabelStudio, found: object) -> None:
    annotator, ticket, _ = ordered(fake)
    Once(fake, "GET /api/tasks", 1, lambda request: httpx.Response(200, json=found))
    with pytest.raises(AnnotatorError, match="expected a list of tasks, found"):
        annotator.collect(BATCH, ticket)


@pytest.mark.parametrize("broken", [{"id": None}, {"data": {}}, {"data": "x"}, {"annotations": 5}])
def test_a_task_that_makes_no_sense_is_told(
    fake: FakeLabelStudio, broken: dict[str, object]
) -> None:
    annotator, ticket, _ = ordered(fake)

    def change(request: httpx.Request) -> httpx.Response:
        found = fake.answer(request).json()
        found["tasks"][0].update(broken)
        return httpx.Response(200, json=found)

    Once(fake, "GET /api/tasks", 1, change)
    with pytest.raises(AnnotatorError, match="a task cannot be read"):
        annotator.collect(BATCH, ticket)


@pytest.mark.parametrize("result", [5, [5], [{"from_name": "label", "type": "choices"}]])
def test_an_annotation_that_makes_no_sense_is_told(
    fake: FakeLabelStudio, people: People, result: object
) -> None:
    annotator, ticket, (first, *_) = ordered(fake)
    people.annotate(first, result)
    with pytest.raises(AnnotatorError, match="an annotation cannot be read"):
        annotator.collect(BATCH, ticket)


# -- tokens ----------------------------------------------------------------------------------------


def test_a_wrong_token_is_told_and_never_shown(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, waits_s: list[float]
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "deadbeef" * 5)
    fake.mishap = lambda request, answer: httpx.Response(
        401, json={"detail": f"no user has {request.headers['Authorization']}"}
    )
    with pytest.raises(AnnotatorError, match="refuses the token in LABEL_STUDIO_API_KEY") as told:
        annotator_of(fake).submit(BATCH)
    assert "deadbeef" not in str(told.value)
    assert "[secret]" in str(told.value)
    assert not waits_s


def test_a_personal_token_is_exchanged_and_renewed_once(
    fake: FakeLabelStudio, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", PERSONAL_TOKEN)
    annotator, ticket, _ = ordered(fake)
    people.answer(BATCH, ticket, {7: 0})
    assert fake.requests.count(("POST", "/api/token/refresh/")) == 1
    fake.access_tokens.clear()  # all have expired
    assert labels_of(annotator.collect(BATCH, ticket)) == {7: 0}
    assert fake.requests.count(("POST", "/api/token/refresh/")) == 2

    def never(request: httpx.Request, answer: Answer) -> httpx.Response:
        answered = answer(request)
        fake.access_tokens.clear()
        return answered

    fake.access_tokens.clear()
    fake.mishap = never
    with pytest.raises(AnnotatorError, match="refuses the token"):
        annotator.collect(BATCH, ticket)
    assert fake.requests.count(("POST", "/api/token/refresh/")) == 3


def test_a_revoked_personal_token_is_told(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", PERSONAL_TOKEN + "x")
    with pytest.raises(AnnotatorError, match="Token is invalid") as told:
        annotator_of(fake).submit(BATCH)
    assert PERSONAL_TOKEN not in str(told.value)


def test_no_clock_is_compared(fake: FakeLabelStudio, people: People) -> None:
    """Times of the server, of any century, change nothing."""
    annotator, ticket, (first, second, _) = ordered(fake)
    people.annotate(first, choice("cat"), created_at="1970-01-01T00:00:00Z")
    people.annotate(first, choice("dog"), created_at="1960-01-01T00:00:00Z")
    people.annotate(second, choice("dog"), created_at="2970-01-01T00:00:00Z", updated_at="soon")
    assert labels_of(annotator.collect(BATCH, ticket)) == {7: 0, 3: 1}


def test_requests_say_nothing_that_is_secret(fake: FakeLabelStudio) -> None:
    def check(request: httpx.Request, answer: Answer) -> httpx.Response:
        assert TOKEN not in str(request.url)
        assert TOKEN.encode() not in request.content
        return answer(request)

    fake.mishap = check
    annotator, ticket, _ = ordered(fake)
    annotator.collect(BATCH, ticket)
    assert json.dumps(list(fake.tasks.values())).count(TOKEN) == 0
