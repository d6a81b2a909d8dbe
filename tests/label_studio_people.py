"""People who annotate through Label Studio's API: on the fake and on the real server alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from mcal import LabelStudioSettings
from mcal.annotators.label_studio import LabelStudioAnnotator
from mcal.label_studio import read_form
from mcal.testing import AnnotatorContract
from mcal.types import Annotator, Batch, Picture

PIXEL = Picture(b"\x89PNG\r\n\x1a\n", "image/png")


class People:
    """All who annotate on one server; ``client`` carries the address and the token."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.n_requests = 0
        self._numbers: dict[str, int] = {}

    def ask(self, method: str, path: str, **more: Any) -> Any:
        response = self.client.request(method, path, **more)
        self.n_requests += 1  # only what was answered: the server's own log has no more
        assert response.is_success, (response.status_code, response.text)
        return response.json() if response.content else None

    def number(self, person: str) -> int:
        """The user that a person is, made when first needed."""
        if person not in self._numbers:
            email = f"{person}@example.com"
            body = {"email": email, "username": person, "password": "correct-Horse-9"}
            try:
                found = self.ask("POST", "/api/users/", json=body)
            except AssertionError:  # was there before
                found = next(u for u in self.ask("GET", "/api/users/") if u["email"] == email)
            self._numbers[person] = found["id"]
        return self._numbers[person]

    def tasks(self, ticket: str, page_size: int = 1000) -> list[dict[str, Any]]:
        project, batch_id = ticket.split("/")
        item = {
            "filter": "filter:tasks:data.mcal_batch",
            "operator": "equal",
            "type": "String",
            "value": batch_id,
        }
        query = {"filters": {"conjunction": "and", "items": [item]}}
        params = {"project": project, "fields": "all", "page": 1, "page_size": page_size}
        found = self.ask("GET", "/api/tasks/", params=params | {"query": json.dumps(query)})
        tasks: list[dict[str, Any]] = found["tasks"]
        return tasks

    def annotate(self, task: int, result: object, **more: Any) -> int:
        body = {"result": result, **more}
        number: int = self.ask("POST", f"/api/tasks/{task}/annotations/", json=body)["id"]
        return number

    def answer(
        self, batch: Batch, ticket: str, labels: Mapping[int, int], person: str | None = None
    ) -> None:
        project = self.ask("GET", f"/api/projects/{ticket.split('/')[0]}/")
        form = read_form(project["label_config"], batch.classes, "the project")
        more = {} if person is None else {"completed_by": self.number(person)}
        for task in self.tasks(ticket):
            index = task["data"]["mcal_index"]
            if index in labels:
                self.annotate(task["id"], form.result(labels[index]), **more)


class LabelStudioContract(AnnotatorContract):
    """The shipped contract on a server; ``people`` says which."""

    knows_people = True

    def people(self, world: Path) -> People:
        raise NotImplementedError

    def settings(self, world: Path) -> LabelStudioSettings:
        raise NotImplementedError

    def transport(self, world: Path) -> httpx.BaseTransport | None:
        return None

    def make_annotator(self, world: Path) -> Annotator:
        return LabelStudioAnnotator(
            self.settings(world), lambda _: PIXEL, transport=self.transport(world)
        )

    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        self.people(world).answer(batch, ticket, labels)

    def answer_as(
        self, world: Path, batch: Batch, ticket: str, person: str, labels: Mapping[int, int]
    ) -> None:
        self.people(world).answer(batch, ticket, labels, person)
