import asyncio
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import function
from mcal.annotators.function import FunctionAnnotator, Item, import_function
from mcal.annotators.inbox import Inbox
from mcal.annotators.retry import Transient
from mcal.errors import AnnotatorError
from mcal.testing import AnnotatorContract
from mcal.types import NO_LABEL, Annotator, Answers, Batch, Judgements, Picture, Purpose

CLASSES = ("cat", "dog", "snowy owl")


def batch(n: int, k: int = 1, before: Judgements | None = None, batch_id: str = "b") -> Batch:
    names = tuple(f"item {i}" for i in range(n))
    return Batch(batch_id, Purpose.TRAIN, 0, np.arange(n), names, CLASSES, k, before)


def whole(annotator: FunctionAnnotator, given: Batch) -> Answers:
    """Collect until nothing comes by itself."""
    ticket = annotator.submit(given)
    while (answers := annotator.collect(given, ticket)).wait_s is not None:
        time.sleep(answers.wait_s)
    return answers


class TestFunction(AnnotatorContract):
    answers_at_once = True
    knows_people = True

    def make_annotator(self, world: Path) -> Annotator:
        def label(item: Item) -> str:
            return self.classes[self.truth[item.index]]

        return FunctionAnnotator(label, world / "inbox")


class TestCoroutine(TestFunction):
    def make_annotator(self, world: Path) -> Annotator:
        async def label(item: Item) -> int:
            await asyncio.sleep(0)
            return int(self.truth[item.index])

        return FunctionAnnotator(label, world / "inbox")


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("dog", 1),
        ("Snowy  OWL", 2),
        (0, 0),
        (np.int64(2), 2),
        ("none of these", NO_LABEL),
        (-1, NO_LABEL),
        ("none", -1),
    ],
)
def test_a_name_a_number_or_nothing(tmp_path: Path, said: object, label: int) -> None:
    answers = whole(FunctionAnnotator(lambda item: said, tmp_path / "i"), batch(1))
    assert answers.labels.tolist() == [label]
    assert answers.complete


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("doc", r"'doc' is no class \(did you mean 'dog'\?\)"),
        (3, "expected -1 <= answer < 3, found 3"),
        (1.0, "expected a class name or a class number, found 1.0"),
        (None, "found None, which a function without 'return' gives"),
        (True, "found True"),
    ],
)
def test_an_answer_that_is_no_class_is_a_problem_of_its_item(
    tmp_path: Path, said: object, words: str
) -> None:
    def label(name: str) -> object:
        return said if name == "item 1" else "cat"

    annotator = FunctionAnnotator(label, tmp_path / "i", pass_as="name")
    answers = whole(annotator, batch(3))
    assert sorted(answers.indices.tolist()) == [0, 2]
    assert not answers.complete
    (problem,) = answers.problems
    assert problem.startswith("item 1: the function failed: ValueError: ")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(problem)
    assert "1 items" in annotator.to_do({"b": 1})[0]


def test_what_the_function_is_given(tmp_path: Path) -> None:
    seen: list[object] = []
    shown = Picture(b"png", "image/png")
    for pass_as in ("item", "picture", "name"):
        whole(
            FunctionAnnotator(
                lambda given: seen.append(given) or 0,  # type: ignore[func-returns-value]
                tmp_path / pass_as,
                pass_as=pass_as,
                picture={0: shown}.get,
            ),
            batch(1),
        )
    item, *others = seen
    assert isinstance(item, Item)
    assert (item.index, item.name, item.classes, item.judge) == (0, "item 0", CLASSES, 1)
    assert item.picture() == shown
    assert others == [shown, "item 0"]


def test_every_judgement_is_a_call_and_the_third_is_another(tmp_path: Path) -> None:
    annotator = FunctionAnnotator(lambda item: item.judge - 1, tmp_path / "i", concurrency=1)
    two = whole(annotator, batch(2, 2)).judgements
    assert two is not None
    assert two.people == ("call-1", "call-2") * 2
    third = whole(annotator, batch(2, 1, two, "b-third")).judgements
    assert third is not None
    assert (third.people, third.labels.tolist()) == (("call-3",) * 2, [2, 2])


@pytest.mark.parametrize("error", [Transient, TimeoutError, ConnectionResetError])
def test_what_may_pass_is_tried_again(tmp_path: Path, error: type[Exception]) -> None:
    tries: list[int] = []

    def label(item: Item) -> int:
        tries.append(item.index)
        if len(tries) == 1:
            raise error("busy")
        return 1

    answers = whole(FunctionAnnotator(label, tmp_path / "i", attempts=2), batch(1))
    assert answers.complete
    assert tries == [0, 0]


def test_the_last_attempt_is_told_and_another_process_tries_again(tmp_path: Path) -> None:
    def label(item: Item) -> int:
        raise ConnectionError("refused")

    answers = whole(FunctionAnnotator(label, tmp_path / "i", attempts=1), batch(1))
    assert answers.problems == (
        "item 0: the function: tried once, then gave up: ConnectionError: refused",
    )
    assert whole(FunctionAnnotator(lambda item: 2, tmp_path / "i"), batch(1)).complete


def test_a_broken_function_is_not_called_for_ever(tmp_path: Path) -> None:
    called: list[int] = []

    def label(item: Item) -> int:
        called.append(item.index)
        raise KeyError("no such model")

    annotator = FunctionAnnotator(label, tmp_path / "i", concurrency=2)
    with pytest.raises(AnnotatorError, match=r"failed for 10 items in a row.*KeyError") as caught:
        whole(annotator, batch(500))
    assert isinstance(caught.value.__cause__, KeyError)
    assert len(called) <= 12


@pytest.mark.parametrize("kind", ["plain", "coroutine", "partial"])
def test_a_call_that_hangs_is_given_up(tmp_path: Path, kind: str) -> None:
    release = threading.Event()

    def plain(item: Item) -> int:
        if item.index == 1:
            release.wait(30)
        return 0

    async def coroutine(item: Item) -> int:
        if item.index == 1:
            await asyncio.sleep(30)
        return 0

    functions = {"plain": plain, "coroutine": coroutine, "partial": partial(coroutine)}
    annotator = FunctionAnnotator(
        functions[kind], tmp_path / "i", concurrency=2, timeout_s=0.2, attempts=1
    )
    answers = whole(annotator, batch(3))
    release.set()
    assert sorted(answers.indices.tolist()) == [0, 2]
    assert "no answer within 0.2 s" in answers.problems[0]


def test_an_answer_that_cannot_be_written_is_kept_and_not_paid_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []

    def label(item: Item) -> int:
        called.append(item.index)
        return 1

    annotator = FunctionAnnotator(label, tmp_path / "i", concurrency=1)
    given = batch(3)
    annotator.submit(given)

    def full(*args: object) -> bool:
        raise AnnotatorError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(Inbox, "say", full)
        assert annotator.collect(given, "b").indices.size == 0
        assert called == [0]  # no more is bought that cannot be written
        with pytest.raises(AnnotatorError, match="disk full"):
            annotator.collect(given, "b")
    assert whole(annotator, given).complete
    assert called == [0, 1, 2]


def test_a_plain_function_that_outlasts_its_time_keeps_its_place_and_is_not_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function, "BACK_OFF_S", 0.0)
    release, lock = threading.Event(), threading.Lock()
    called: list[int] = []
    n_now, most = [0], [0]

    def label(item: Item) -> int:
        with lock:
            called.append(item.index)
            n_now[0] += 1
            most[0] = max(most[0], n_now[0])
        if item.index == 0:
            release.wait(30)
        time.sleep(0.01)
        with lock:
            n_now[0] -= 1
        return 2

    annotator = FunctionAnnotator(label, tmp_path / "i", concurrency=2, timeout_s=0.2, attempts=3)
    given = batch(20)
    answers = whole(annotator, given)
    assert answers.indices.size == 19
    assert "no answer within 0.2 s" in answers.problems[0]
    annotator.collect(given, "b")
    assert called.count(0) == 1
    assert most[0] <= 2
    release.set()
    answers = whole(annotator, given)  # what it said at last was paid for
    assert answers.complete
    assert not answers.problems
    assert called.count(0) == 1


def test_calls_that_never_end_stop_it(tmp_path: Path) -> None:
    release = threading.Event()
    annotator = FunctionAnnotator(
        lambda item: release.wait(30), tmp_path / "i", concurrency=2, timeout_s=0.1
    )
    with pytest.raises(AnnotatorError, match="all 2 calls at once have taken more than twice"):
        whole(annotator, batch(20))
    release.set()


@pytest.mark.parametrize("n", [3, 40])
def test_what_failed_is_called_again_after_a_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    monkeypatch.setattr(function, "BACK_OFF_S", 0.5)
    is_mended = [False]
    called: list[int] = []

    def label(item: Item) -> int:
        called.append(item.index)
        if is_mended[0]:
            return 1
        raise KeyError("no such model")

    annotator, given = FunctionAnnotator(label, tmp_path / "i", concurrency=1), batch(n)
    annotator.submit(given)
    for _ in range(2):
        if n > 10:
            with pytest.raises(AnnotatorError, match="failed for 10 items in a row"):
                annotator.collect(given, "b")
        else:
            assert len(annotator.collect(given, "b").problems) == n
    assert len(called) == min(n, 10)  # not at once
    is_mended[0] = True
    time.sleep(0.6)
    answers = whole(annotator, given)
    assert answers.complete
    assert not answers.problems


def test_calls_keep_to_the_rate_and_to_so_many_at_once(tmp_path: Path) -> None:
    began: list[float] = []
    busy: list[int] = []
    n_now = [0]
    lock = threading.Lock()

    def label(item: Item) -> int:
        with lock:
            began.append(time.monotonic())
            n_now[0] += 1
            busy.append(n_now[0])
        time.sleep(0.05)
        with lock:
            n_now[0] -= 1
        return 0

    annotator = FunctionAnnotator(label, tmp_path / "i", calls_per_s=50.0, concurrency=3)
    assert whole(annotator, batch(30)).complete
    assert max(busy) <= 3
    assert max(began) - min(began) > 29 / 50.0 - 0.03


def test_nothing_is_called_for_a_process_that_stopped_waiting(tmp_path: Path) -> None:
    called: list[int] = []

    def label(item: Item) -> int:
        called.append(item.index)
        time.sleep(0.02)
        return 0

    annotator = FunctionAnnotator(label, tmp_path / "i", concurrency=1)
    given = batch(2_000)
    answers = annotator.collect(given, annotator.submit(given))
    assert answers.wait_s == 0.0
    time.sleep(3.0)
    n_called = len(called)
    time.sleep(0.3)
    assert n_called == len(called) < 2_000


def test_an_answered_item_is_not_called_again(tmp_path: Path) -> None:
    whole(FunctionAnnotator(lambda item: 1, tmp_path / "i"), batch(5, 2))
    called: list[int] = []

    def label(item: Item) -> int:
        called.append(item.index)
        return 0

    again = whole(FunctionAnnotator(label, tmp_path / "i"), batch(5, 2))
    assert again.labels.tolist() == [1] * 5
    assert called == []


def test_a_function_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a_labeller_of_ours.py").write_text("class A:\n    label = len\nb = 3\n")
    assert import_function("a_labeller_of_ours:A.label", tmp_path) is len
    for where, words in [
        ("a_labeller_of_ours:b", "expected a function, found .*int"),
        ("a_labeller_of_ours:c", "has no attribute 'c'"),
        ("no_such_module_of_ours:c", "No module named"),
    ]:
        with pytest.raises(AnnotatorError, match=r"^annotator.function: .*" + words):
            import_function(where, tmp_path)
