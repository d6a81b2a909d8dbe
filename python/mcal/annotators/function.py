"""Labels from a Python function: a language model, a house tool, anything that can be called."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL, Answers, Batch, Picture

from .class_names import ClassNames
from .crew import Crew, Outlasted, Pace, call_within
from .inbox import Inbox
from .judged import answers_of
from .retry import ATTEMPTS, Transient, retried

__all__ = ["FunctionAnnotator", "Item", "import_function"]

LOOK_S = 1.0
"""How long ``collect`` lets the calls go on before it tells what has come."""

MOST_IN_A_ROW = 10
"""Items that may fail one after the other before it is taken to be the function's fault."""

BACK_OFF_S = 10.0
"""How long after a failure an item may be called again; twice as long after each further one."""

LONGEST_BACK_OFF_S = 3600.0


@dataclass(frozen=True)
class Item:
    """What the function is asked about."""

    index: int  # row of the pool
    name: str
    classes: tuple[str, ...]
    judge: int  # 1 for the first judgement of the item, 2 for the second, ...
    picture: Callable[[], Picture | None]  # the item as people would see it


@dataclass(frozen=True)
class _Failure:
    words: str
    n_times: int
    again_at: float  # of the monotonic clock


@dataclass(frozen=True)
class _Call:
    batch_id: str
    item: Item

    @property
    def person(self) -> str:
        return f"call-{self.item.judge}"


class FunctionAnnotator:
    """Calls a function for each item, and again for each further judgement of it.

    Every answer is on disk before the next call begins in its place: a process that is killed loses
    the calls in flight, and an item that was answered is never asked again: an answer that cannot
    be written is kept, and written at the next ``collect``. Calls begin only while a campaign
    collects.

    Parameters
    ----------
    function : callable
        Also a coroutine function. Takes what ``pass_as`` says; returns the name of a class, its
        number, or ``mcal.NO_LABEL`` or "none of these" where none fits. ``Transient``,
        ``TimeoutError`` and ``ConnectionError`` are tried again, anything else it raises is a
        problem of that item.
    inbox : Path
        File that keeps the answers.
    picture : callable, optional
        Gives an item, by index, as people should see it.
    pass_as : {"item", "picture", "name"}
        The ``Item``, its ``Picture``, or its name.
    calls_per_s : float, optional
        Limit over all threads, repeated tries included.
    concurrency : int
        Calls at once, >= 1; a plain function's that outlast ``timeout_s`` are among them until
        they end.
    timeout_s : float
        For each try.
    attempts : int
        Tries for each call, >= 1.

    Notes
    -----
    An item that failed is told as a problem and called again by the next process, or by a
    ``collect`` later than ``BACK_OFF_S``. Ten different ones in a row are an ``AnnotatorError``.
    The bill has the price of each answer; tries that gave none are not on it, whatever they cost.
    """

    name = "callable"

    def __init__(
        self,
        function: Callable[[Any], Any],
        inbox: Path,
        *,
        picture: Callable[[int], Picture | None] = lambda index: None,
        pass_as: Literal["item", "picture", "name"] = "item",
        calls_per_s: float | None = None,
        concurrency: int = 4,
        timeout_s: float = 60.0,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._function, self._picture, self._pass_as = function, picture, pass_as
        self._timeout_s, self._attempts = timeout_s, attempts
        self._inbox = Inbox(inbox)
        self._pace, self._crew = Pace(calls_per_s), Crew(self._do, concurrency)
        self._lock = threading.Lock()
        self._given: set[tuple[str, int, str]] = set()
        self._failed: dict[tuple[str, int, str], _Failure] = {}
        self._unwritten: dict[tuple[str, int, str], tuple[_Call, int]] = {}
        self._late: dict[tuple[str, int, str], float] = {}  # since when
        self._in_a_row: set[tuple[str, int, str]] = set()
        self._broken: tuple[AnnotatorError, float] | None = None  # and until when

    def submit(self, batch: Batch) -> str:
        """Write the order down; the ticket is the batch's id."""
        self._inbox.order(batch)
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """Let calls go on for a moment, and tell what has been answered.

        Raises ``AnnotatorError`` after too many failures in a row, when every call at once has
        taken twice its time, or while an answer cannot be written.
        """
        self._write_what_is_in_hand()
        self._refuse_while_broken()
        said = self._inbox.collect(batch.batch_id)
        heard = {*zip(said.indices.tolist(), said.people, strict=True)}
        wanted = [
            call for call in self._calls(batch) if (call.item.index, call.person) not in heard
        ]
        self._crew.give([call for call in wanted if self._is_due(call)])
        self._crew.wait(LOOK_S)
        self._refuse_while_broken()
        said = self._inbox.collect(batch.batch_id)
        heard = {*zip(said.indices.tolist(), said.people, strict=True)}
        with self._lock:
            failed = [
                self._failed[key].words
                for call in wanted
                if (key := _key(call)) in self._failed
                and (call.item.index, call.person) not in heard
            ]
        n_left = batch.indices.size * batch.n_judgements - said.indices.size - len(failed)
        return answers_of(batch, said, problems=failed, wait_s=0.0 if n_left else None)

    def to_do(self, missing: Mapping[str, int]) -> Sequence[str]:
        """What to do when some items failed."""
        return [f"the function gave no answer for {sum(missing.values()):,} items; mend it"]

    def _calls(self, batch: Batch) -> list[_Call]:
        """One for each judgement that the batch orders."""
        heard: set[tuple[int, str]] = set()
        if batch.before is not None:
            heard = {*zip(batch.before.indices.tolist(), batch.before.people, strict=True)}
        calls: list[_Call] = []
        for index, name in zip(batch.indices.tolist(), batch.item_names, strict=True):

            def picture(index: int = index) -> Picture | None:
                return self._picture(index)

            every = (
                _Call(batch.batch_id, Item(index, name, batch.classes, judge, picture))
                for judge in count(1)
            )
            fresh = (call for call in every if (call.item.index, call.person) not in heard)
            calls += islice(fresh, batch.n_judgements)
        return calls

    def _is_due(self, call: _Call) -> bool:
        """Whether it is to be called now: neither under way nor failed a short while ago."""
        key = _key(call)
        with self._lock:
            failure = self._failed.get(key)
            if key in self._given:
                return False
            if failure is not None and time.monotonic() < failure.again_at:
                return False
            self._given.add(key)
            return True

    def _do(self, call: _Call) -> None:
        """Call, and write down the answer or why there is none."""
        item = call.item
        try:
            try:
                what = f"{item.name}: the function"
                said = retried(what, lambda: self._try(item), attempts=self._attempts)
            except Outlasted as late:
                said = self._wait_for(call, late)
            self._take(call, _label(said, item.classes))
        except BaseException as error:  # in a thread: whatever it is, it is told where it is read
            self._fail(call, error)
            with self._lock:
                self._given.discard(_key(call))  # what was answered stays: it is never called again

    def _wait_for(self, call: _Call, late: Outlasted) -> Any:
        """The answer of a call that nothing can stop: its place is taken until it ends."""
        key = _key(call)
        with self._lock:
            self._late[key] = time.monotonic()
        self._fail(call, late)
        try:
            return late.future.result()
        finally:
            with self._lock:
                del self._late[key]

    def _take(self, call: _Call, label: int) -> None:
        key = _key(call)
        with self._lock:
            self._failed.pop(key, None)
            self._in_a_row.clear()
        try:
            self._write(call, label)
        except AnnotatorError:  # if that lasts, ``collect`` tells it
            with self._lock:
                self._unwritten[key] = call, label
            self._drop_the_rest()

    def _write(self, call: _Call, label: int) -> None:
        self._inbox.say(call.batch_id, call.item.index, label, call.person)
        with self._lock:
            self._unwritten.pop(_key(call), None)

    def _write_what_is_in_hand(self) -> None:
        with self._lock:
            in_hand = list(self._unwritten.values())
        for call, label in in_hand:
            self._write(call, label)

    def _drop_the_rest(self) -> None:
        dropped = self._crew.drop()
        with self._lock:
            self._given.difference_update(_key(call) for call in dropped)

    def _refuse_while_broken(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._broken is not None and now >= self._broken[1]:
                self._broken = None
                self._in_a_row.clear()
            if self._broken is not None:
                raise self._broken[0]
            n_stuck = sum(now - since >= self._timeout_s for since in self._late.values())
        if n_stuck >= self._crew.n_threads:
            raise AnnotatorError(
                f"the function: all {n_stuck} calls at once have taken more than twice "
                f"timeout_s = {self._timeout_s:g} s and cannot be stopped; mend it"
            )

    def _try(self, item: Item) -> Any:
        self._pace.wait()
        try:
            return call_within(self._function, self._argument(item), self._timeout_s)
        except Outlasted:
            raise
        except (TimeoutError, ConnectionError) as error:
            raise Transient(f"{type(error).__name__}: {error}") from error

    def _argument(self, item: Item) -> Item | Picture | str | None:
        if self._pass_as == "picture":
            return item.picture()
        return item if self._pass_as == "item" else item.name

    def _fail(self, call: _Call, error: BaseException) -> None:
        key, words = _key(call), str(error)
        if not isinstance(error, AnnotatorError):
            words = f"{call.item.name}: the function failed: {type(error).__name__}: {error}"
        with self._lock:
            before = self._failed.get(key)
            n_times = 1 if before is None else before.n_times + 1
            rest_s = min(BACK_OFF_S * 2.0 ** min(n_times - 1, 30), LONGEST_BACK_OFF_S)
            now = time.monotonic()
            self._failed[key] = _Failure(words, n_times, now + rest_s)
            self._in_a_row.add(key)
            if len(self._in_a_row) < MOST_IN_A_ROW or self._broken is not None:
                return
            broken = AnnotatorError(
                f"the function failed for {len(self._in_a_row)} items in a row; the last: {words}"
            )
            broken.__cause__ = error
            self._broken = broken, now + BACK_OFF_S
        self._drop_the_rest()


def import_function(where: str, folder: Path | None) -> Callable[[Any], Any]:
    """The function named "package.module:name".

    Parameters
    ----------
    where : str
    folder : Path, optional
        Searched after the places that Python searches.

    Raises
    ------
    AnnotatorError
        There is no such module or function, or importing it fails.
    """
    module_name, _, path = where.partition(":")
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        found: Any = importlib.import_module(module_name)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise AnnotatorError(
            f"annotator.function: {where} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise AnnotatorError(
            f"annotator.function: expected a function, found {where}, {type(found).__name__}"
        )
    function: Callable[[Any], Any] = found
    return function


def _key(call: _Call) -> tuple[str, int, str]:
    return call.batch_id, call.item.index, call.person


def _label(said: Any, classes: tuple[str, ...]) -> int:
    """The class number of what a function returned."""
    if isinstance(said, str):
        names = ClassNames(classes)
        if (label := names.find(said)) is None:
            raise ValueError(f"its answer {names.why_not(said)}")
        return label
    if isinstance(said, int | np.integer) and not isinstance(said, bool):
        if NO_LABEL <= said < len(classes):
            return int(said)
        raise ValueError(f"expected {NO_LABEL} <= answer < {len(classes)}, found {said}")
    if said is None:
        raise ValueError(
            "expected an answer, found None, which a function without 'return' gives; where no "
            "class fits return mcal.NO_LABEL or 'none of these'"
        )
    raise ValueError(f"expected a class name or a class number, found {said!r}")
