"""A Label Studio in memory: answers as release 1.23.2 was seen to answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import httpx

URL = "http://studio.test"
TOKEN = "0123456789abcdef0123456789abcdef01234567"
PERSONAL_TOKEN = "eyJhbGciOi.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl"

Answer = Callable[[httpx.Request], httpx.Response]


class FakeLabelStudio:
    """Take ``transport`` for the network; ``mishap`` may answer first, or raise as a network."""

    def __init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.webhooks: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.mishap: Callable[[httpx.Request, Answer], httpx.Response] | None = None
        self.access_tokens: set[str] = set()
        self._numbers = itertools.count(1)

    @property
    def transport(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        if self.mishap is not None:
            return self.mishap(request, self.answer)
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = [part for part in request.url.path.split("/") if part]
        body = json.loads(request.content) if request.content else None
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        if path == ["api", "token", "refresh"]:
            return self._refresh(body)
        if not self._knows(request.headers.get("Authorization", "")):
            return refusal(401, "Invalid token.")
        match [request.method, *path]:
            case ["GET", "api", "projects"]:
                return self._list_projects(query)
            case ["POST", "api", "projects"]:
                return self._create_project(body)
            case ["GET" | "PATCH", "api", "projects", number]:
                project = self.projects.get(int(number))
                if project is None:
                    return refusal(404, "No Project matches the given query.")
                if wrong := self._wrong_model(project, body):
                    return refusal(400, "Validation error", wrong)
                project.update(body or {})
                return httpx.Response(200, json=project)
            case ["POST", "api", "projects", number, "import"]:
                return self._import(self.projects[int(number)], body)
            case ["GET", "api", "tasks"]:
                return self._list_tasks(query)
            case ["DELETE", "api", "tasks", number]:
                if self.tasks.pop(int(number), None) is None:
                    return refusal(404, "No Task matches the given query.")
                return httpx.Response(204)
            case ["POST", "api", "tasks", number, "annotations"]:
                return self._annotate(self.tasks[int(number)], body)
            case ["PATCH", "api", "annotations", number]:
                return self._revise(int(number), body)
            case ["GET", "api", "webhooks"]:
                ours = [h for h in self.webhooks.values() if str(h["project"]) == query["project"]]
                return httpx.Response(200, json=ours)
            case ["POST", "api", "webhooks"]:
                number = next(self._numbers)
                self.webhooks[number] = hook = {"id": number} | body
                return httpx.Response(201, json=hook)
            case ["DELETE", "api", "webhooks", number]:
                if self.webhooks.pop(int(number), None) is None:
                    return refusal(404, "No Webhook matches the given query.")
                return httpx.Response(204)
            case ["POST", "api", "users"]:
                return self._create_user(body)
            case ["GET", "api", "users"]:
                return httpx.Response(200, json=list(self.users.values()))
        return httpx.Response(404, html="<!doctype html><title>404 | Label Studio</title>")

    def _knows(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        return (kind == "Token" and token == TOKEN) or (
            kind == "Bearer" and token in self.access_tokens
        )

    def _refresh(self, body: Any) -> httpx.Response:
        if body != {"refresh": PERSONAL_TOKEN}:
            return refusal(401, "Token is invalid")
        token = f"access-{next(self._numbers)}"
        self.access_tokens.add(token)
        return httpx.Response(200, json={"access": token})

    def _list_projects(self, query: dict[str, str]) -> httpx.Response:
        wanted = query.get("title", "").casefold()
        found = [one for one in self.projects.values() if wanted in one["title"].casefold()]
        first, size = (int(query["page"]) - 1) * int(query["page_size"]), int(query["page_size"])
        more = URL if len(found) > first + size else None
        return httpx.Response(
            200, json={"count": len(found), "next": more, "results": found[first : first + size]}
        )

    def _create_project(self, body: Any) -> httpx.Response:
        if not 3 <= len(body["title"]) <= 50:
            wrong = {"title": ["Ensure this field has at least 3 characters."]}
            return refusal(400, "Validation error", wrong)
        ElementTree.fromstring(body["label_config"])
        project = {
            "id": next(self._numbers),
            "maximum_annotations": 1,
            "show_collab_predictions": True,
            "model_version": "",
        } | body
        self.projects[project["id"]] = project
        return httpx.Response(201, json=project)

    def _wrong_model(self, project: dict[str, Any], body: Any) -> object:
        wanted = (body or {}).get("model_version", "")
        known = {
            prediction["model_version"]
            for task in self.tasks.values()
            if task["project"] == project["id"]
            for prediction in task["predictions"]
        }
        if wanted and wanted not in known | {project.get("model_version")}:
            return {"model_version": ["Model version doesn't exist"]}
        return None

    def shown(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        """The predictions that who annotates a task sees."""
        project = self.projects[task["project"]]
        if not project["show_collab_predictions"]:
            return []
        version = project["model_version"]
        return [one for one in task["predictions"] if one["model_version"] == version]

    def _import(self, project: dict[str, Any], body: Any) -> httpx.Response:
        form = ElementTree.fromstring(project["label_config"])
        image = form.find(".//Image")
        assert image is not None
        key = image.attrib["value"][1:]
        words = {one.get("alias", one.get("value")) for one in form.iter("Choice")}
        for prediction in (one for task in body for one in task.get("predictions", ())):
            chosen = prediction["result"][0]["value"]["choices"]
            if not (words.issuperset(chosen) and 0.0 <= prediction["score"] <= 1.0):
                wrong = {"predictions": ["Prediction validation failed"]}
                return refusal(400, "Validation error", wrong)
        for task in body:
            if key not in task["data"]:
                wrong = {"non_field_errors": [f'"{key}" key is expected in task data']}
                return refusal(400, "Validation error", wrong)
        for task in body:
            number = next(self._numbers)
            self.tasks[number] = {
                "id": number,
                "project": project["id"],
                "data": task["data"],
                "annotations": [],
                "predictions": task.get("predictions", []),
                "drafts": [],
                "draft_exists": False,
            }
        versions = [one["model_version"] for task in body for one in task.get("predictions", ())]
        if versions and not project.get("model_version"):
            project["model_version"] = versions[-1]
        return httpx.Response(201, json={"task_count": len(body)})

    def _create_user(self, body: Any) -> httpx.Response:
        if body["email"] in self.users:
            return refusal(400, "Validation error", {"email": ["This field must be unique."]})
        self.users[body["email"]] = user = {"id": next(self._numbers), "email": body["email"]}
        return httpx.Response(201, json=user)

    def _list_tasks(self, query: dict[str, str]) -> httpx.Response:
        if int(query["project"]) not in self.projects:
            return refusal(404, "No Project matches the given query.")
        (item,) = json.loads(query["query"])["filters"]["items"]
        key = item["filter"].removeprefix("filter:tasks:data.")
        found = [
            task
            for task in self.tasks.values()
            if task["project"] == int(query["project"]) and task["data"].get(key) == item["value"]
        ]
        first, size = (int(query["page"]) - 1) * int(query["page_size"]), int(query["page_size"])
        if first and first >= len(found):
            return refusal(404, "Invalid page.")
        return httpx.Response(200, json={"total": len(found), "tasks": found[first : first + size]})

    def _annotate(self, task: dict[str, Any], body: Any) -> httpx.Response:
        annotation = {"id": next(self._numbers), "completed_by": 1, "was_cancelled": False} | body
        task["annotations"].insert(0, annotation)  # the server promises no order
        return httpx.Response(201, json=annotation)

    def _revise(self, number: int, body: Any) -> httpx.Response:
        for task in self.tasks.values():
            for annotation in task["annotations"]:
                if annotation["id"] == number:
                    annotation.update(body)
                    return httpx.Response(200, json=annotation)
        return refusal(404, "No Annotation matches the given query.")


def refusal(status: int, detail: str, wrong: object = None) -> httpx.Response:
    body = {"status_code": status, "version": "1.23.2", "detail": detail, "exc_info": None}
    if wrong is not None:
        body["validation_errors"] = wrong
    return httpx.Response(status, json=body)
