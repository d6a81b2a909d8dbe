"""Orders labels as tasks of a project, and reads what people annotated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcal.errors import AnnotatorError
from mcal.label_studio import Form, read_form, write_form
from mcal.settings import LabelStudioSettings
from mcal.types import NO_LABEL, Answers, Batch, Picture

from ..retry import Transient
from ..secrets import read_secret
from .hook import Hook
from .images import image_source
from .reading import Task, read_answers
from .server import NotThereError, Server

if TYPE_CHECKING:
    import httpx

_PAGE = 100  # tasks in an answer
_MOST_TASKS, _MOST_BYTES = 200, 8_000_000  # in a request


class LabelStudioAnnotator:
    """People label in Label Studio; mcal imports the tasks and reads the annotations.

    Each task carries its batch, index and item (``mcal_batch``, ``mcal_index``, ``mcal_item``), so
    that the server itself is the record of what was ordered: nothing is kept here, and a batch
    that was imported in part is completed, never imported twice.

    Parameters
    ----------
    settings : LabelStudioSettings
    picture : callable
        Gives an item, by index, as people should see it; None where it cannot be shown.
    transport : httpx.BaseTransport, optional
        What carries the requests, if not the network.

    Raises
    ------
    AnnotatorError
        The token is not in its environment variable.
    """

    name = "label-studio"

    def __init__(
        self,
        settings: LabelStudioSettings,
        picture: Callable[[int], Picture | None],
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._source = image_source(settings, picture)
        self._server = Server(
            settings.url.rstrip("/"),
            read_secret(settings.token_env, "the token of Label Studio"),
            token_env=settings.token_env,
            timeout_s=settings.timeout_s,
            transport=transport,
        )
        self._project: int | None = None
        self._hook: Hook | None = None
        if settings.webhook_url is not None:
            port = settings.webhook_url.rpartition(":")[2].partition("/")[0]
            bind = settings.webhook_bind or f"127.0.0.1:{port}"
            self._hook = Hook(self._server, settings.webhook_url, bind)

    def to_do(self, missing: Mapping[str, int]) -> list[str]:
        """Where people label."""
        where = f"projects/{self._project}/data" if self._project else "projects"
        n_missing = sum(missing.values())
        return [f"label at {self._server.url}/{where}  (still without a label: {n_missing:,})"]

    def wait(self, poll_s: float) -> bool:
        """Until a webhook says that somebody annotated, or it is time to look."""
        if self._hook is not None and self._project is not None:
            return self._hook.wait(self._project, poll_s)
        time.sleep(poll_s)
        return False

    def close(self) -> None:
        """Take the webhook back and stop listening."""
        if self._hook is not None:
            self._hook.close()

    def submit(self, batch: Batch) -> str:
        """Import what the project lacks of the batch; the ticket is ``project/batch_id``.

        Raises
        ------
        AnnotatorError
            The server cannot be reached or refuses, or the project does not fit.
        """
        with self._server:
            project = self._find_or_create(batch)
            if int(project.get("maximum_annotations") or 1) < batch.n_judgements:
                self._server.patch(
                    f"/api/projects/{project['id']}", {"maximum_annotations": batch.n_judgements}
                )
            self._import_missing(project["id"], self._form(project, batch), batch)
            return f"{project['id']}/{batch.batch_id}"

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """What people annotated so far; tasks that somebody deleted are imported again.

        Raises
        ------
        AnnotatorError
            The server cannot be reached or refuses, or the project is gone.
        """
        number, _, batch_id = ticket.partition("/")
        if batch_id != batch.batch_id or not number.isdigit():
            raise AnnotatorError(f"batch {batch.batch_id}: knows no order {ticket}")
        with self._server:
            project = self._project_by_number(int(number))
            form = self._form(project, batch)
            tasks = self._without_doubles(self._tasks(project["id"], batch))
            lost = _needed(batch) - {task.index for task in tasks}
            if lost:
                tasks = self._import_missing(project["id"], form, batch)
        try:
            answers = read_answers(batch, tasks, form)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AnnotatorError(
                f"Label Studio at {self._server.url}: an annotation cannot be read: {error!r}"
            ) from error
        if lost:
            told = f"tasks deleted in Label Studio: {len(lost):,}; imported again."
            answers = replace(answers, problems=(told, *answers.problems))
        if self._hook is not None and self._hook.problem is not None:
            answers = replace(answers, problems=(*answers.problems, self._hook.problem))
        return answers

    # -- projects ------------------------------------------------------------------------------

    def _find_or_create(self, batch: Batch) -> dict[str, Any]:
        wanted = self._settings.project
        if isinstance(wanted, int):
            return self._project_by_number(wanted)

        def found_or_made() -> dict[str, Any]:  # a request that was lost may have made it
            return self._project_by_title(wanted) or self._server.once(
                "POST",
                "/api/projects",
                body={
                    "title": wanted,
                    "label_config": write_form(batch.classes),
                    "maximum_annotations": batch.n_judgements,
                },
            )

        return self._as_project(self._server.retried("create the project", found_or_made))

    def _project_by_title(self, title: str) -> dict[str, Any] | None:
        found = []
        page = 1
        while True:
            listed = self._server.get("/api/projects", title=title, page=page, page_size=_PAGE)
            results = self._server.expect(dict, "a list of projects", listed).get("results")
            for project in self._server.expect(list, "a list of projects", results):
                if self._as_project(project).get("title") == title:
                    found.append(project)
            if not listed.get("next"):
                break
            page += 1
        if len(found) > 1:
            numbers = ", ".join(str(project["id"]) for project in found)
            raise AnnotatorError(
                f"project: {len(found)} are called '{title}' (numbers {numbers}); "
                "name one by its number"
            )
        return found[0] if found else None

    def _project_by_number(self, number: int) -> dict[str, Any]:
        try:
            return self._as_project(self._server.get(f"/api/projects/{number}"))
        except NotThereError as error:
            raise AnnotatorError(
                f"Label Studio at {self._server.url} has no project {number}, or hides it from "
                "the owner of the token"
            ) from error

    def _as_project(self, found: Any) -> dict[str, Any]:
        project: dict[str, Any] = self._server.expect(dict, "a project", found)
        self._server.expect(int, "a project's number", project.get("id"))
        return project

    def _form(self, project: Mapping[str, Any], batch: Batch) -> Form:
        self._project = project["id"]
        place = f"project {project['id']} '{project.get('title')}'"
        return read_form(str(project.get("label_config")), batch.classes, place)

    # -- tasks ---------------------------------------------------------------------------------

    def _tasks(self, project: int, batch: Batch) -> list[Task]:
        """The batch's tasks with their annotations, read whole."""
        tasks: list[Task] = self._server.retried(
            f"read batch {batch.batch_id}", lambda: list(self._pages(project, batch.batch_id))
        )
        items = dict(zip(batch.indices.tolist(), map(_sendable, batch.item_names), strict=True))
        for task in tasks:
            if items.get(task.index) != task.item:
                raise AnnotatorError(
                    f"project {project}, task {task.id}: item {task.index} '{task.item}' is not "
                    f"of batch {batch.batch_id}; give each campaign a project of its own"
                )
        return tasks

    def _pages(self, project: int, batch_id: str) -> Iterator[Task]:
        query = {
            "filters": {
                "conjunction": "and",
                "items": [
                    {
                        "filter": "filter:tasks:data.mcal_batch",
                        "operator": "equal",
                        "type": "String",
                        "value": batch_id,
                    }
                ],
            }
        }
        n_total, n_read, page = None, 0, 1
        while n_total is None or n_read < n_total:
            try:
                found = self._server.get(
                    "/api/tasks",
                    project=project,
                    fields="all",
                    page=page,
                    page_size=_PAGE,
                    query=json.dumps(query),
                )
            except NotThereError as error:
                if page == 1:
                    raise
                raise Transient("the list became shorter while it was read") from error
            expect = self._server.expect
            now = expect(
                int, "a list of tasks", expect(dict, "a list of tasks", found).get("total")
            )
            tasks = expect(list, "a list of tasks", found.get("tasks"))
            if n_total not in (None, now) or (now > n_read and not tasks):
                raise Transient("the list changed while it was read")
            n_total, n_read, page = now, n_read + len(tasks), page + 1
            try:
                yield from map(Task.from_json, tasks)
            except (KeyError, TypeError, ValueError) as error:
                raise AnnotatorError(
                    f"project {project}: a task cannot be read: {error!r}"
                ) from error

    def _without_doubles(self, tasks: list[Task]) -> list[Task]:
        """Remove what an import that was answered too late has doubled and nobody worked on."""
        kept: dict[int, Task] = {}
        doubled: list[Task] = []
        for task in sorted(tasks, key=lambda one: (not one.annotations, not one.has_draft, one.id)):
            if task.index not in kept:
                kept[task.index] = task
            elif task.annotations or task.has_draft:
                doubled.append(task)
            else:
                self._server.delete(f"/api/tasks/{task.id}")
        return [*kept.values(), *doubled]

    def _import_missing(self, project: int, form: Form, batch: Batch) -> list[Task]:
        """All tasks of the batch, after those that are not there were imported."""

        def completed() -> list[Task]:  # looks anew each time: a lost request may have done it
            tasks = self._tasks(project, batch)
            missing = _needed(batch) - {task.index for task in tasks}
            if not missing:
                return tasks
            predictions = self._predictions(form, batch, missing)
            if predictions and batch.guesses is not None:
                self._show_guesses_of(batch.guesses.model, project)
            for part in _parts(self._new_tasks(form, batch, missing, predictions)):
                self._server.once("POST", f"/api/projects/{project}/import", body=part)
            return self._tasks(project, batch)

        tasks: list[Task] = self._server.retried(f"import batch {batch.batch_id}", completed)
        return tasks

    def _show_guesses_of(self, model: str, project: int) -> None:
        """Let people see this model's guesses: a project shows those of one model at a time."""
        found = self._server.once("GET", f"/api/projects/{project}")
        if found.get("show_collab_predictions") and found.get("model_version") == model:
            return
        # A model without guesses is refused; where none is set, that of the next import is taken.
        body = {"show_collab_predictions": True, "model_version": ""}
        self._server.once("PATCH", f"/api/projects/{project}", body=body)

    def _new_tasks(
        self,
        form: Form,
        batch: Batch,
        missing: set[int],
        predictions: Mapping[int, dict[str, Any]],
    ) -> Iterator[dict[str, Any]]:
        for index, name in zip(
            batch.indices.tolist(), map(_sendable, batch.item_names), strict=True
        ):
            if index not in missing:
                continue
            guess = {"predictions": [predictions[index]]} if index in predictions else {}
            yield guess | {
                "data": {
                    form.image_key: self._source(index, name),
                    "mcal_batch": batch.batch_id,
                    "mcal_index": index,
                    "mcal_item": name,
                }
            }

    def _predictions(
        self, form: Form, batch: Batch, missing: set[int]
    ) -> dict[int, dict[str, Any]]:
        """The model's guesses about missing items, by index, if people are to see them."""
        guesses = batch.guesses
        if guesses is None or not self._settings.show_guesses:
            return {}
        said = zip(guesses.labels.tolist(), guesses.confidence.tolist(), strict=True)
        return {
            index: form.prediction(label, score, guesses.model)
            for index, (label, score) in zip(batch.indices.tolist(), said, strict=True)
            if index in missing and label != NO_LABEL
        }


def _needed(batch: Batch) -> set[int]:
    """Items that must be in the project: a label that the campaign has is not paid again."""
    told = () if batch.told is None else batch.told.tolist()
    return set(batch.indices.tolist()).difference(told)


def _sendable(name: str) -> str:
    """A file's name as text that JSON in UTF-8 can hold."""
    return name.encode("utf-8", "backslashreplace").decode()


def _parts(tasks: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Tasks in pieces that one request may carry."""
    part: list[dict[str, Any]] = []
    n_bytes = 0
    for task in tasks:
        size = len(json.dumps(task))
        if part and (len(part) == _MOST_TASKS or n_bytes + size > _MOST_BYTES):
            yield part
            part, n_bytes = [], 0
        part.append(task)
        n_bytes += size
    if part:
        yield part
