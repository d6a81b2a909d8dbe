"""Imported by the real Label Studio, on loopback: ``bash tests/services/label-studio``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from label_studio_people import People
from label_studio_server import RealServer
from mcal.label_studio import read_form
from mcal.types import NO_LABEL

PROGRAM = os.environ.get("MCAL_TEST_LABEL_STUDIO")
NO_CLASS = 9
ROUNDS = {0: 0, 1: 0, 2: 1, 3: 1, 4: 1, 5: 2, NO_CLASS: 0}  # of people's labels

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Label Studio here: bash tests/services/label-studio"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    found = RealServer(str(PROGRAM), tmp_path_factory.mktemp("label-studio"))
    try:
        # Its default: files anywhere on the disk, by storages that name their folders.
        found.start(LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT="/")
        yield found
    finally:
        found.stop()


@pytest.fixture
def people(server: RealServer) -> Iterator[People]:
    with server.client() as client:
        yield People(client)


@pytest.mark.parametrize("kind", ["photos", "digits"])
def test_an_export_is_a_project(
    people: People, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    campaign = request.getfixturevalue(kind)
    campaign.export(tmp_path / "out", "label-studio")
    config = (tmp_path / "out" / "labeling-config.xml").read_text(encoding="utf-8")
    body = {"title": f"Exported {kind}", "label_config": config}
    project = people.ask("POST", "/api/projects/", json=body)["id"]
    (file,) = (tmp_path / "out").glob("tasks-*.json")
    with file.open("rb") as upload:  # as its page does
        files = {"file": (file.name, upload, "application/json")}
        told = people.ask("POST", f"/api/projects/{project}/import", files=files)
    assert (told["task_count"], told["annotation_count"]) == (11, 7)
    assert told["prediction_count"] == 3

    params = {"project": project, "fields": "all", "page_size": 100}
    tasks = people.ask("GET", "/api/tasks/", params=params)["tasks"]
    kept = people.ask("GET", f"/api/projects/{project}")["label_config"]
    form = read_form(kept, campaign.pool.classes, "")  # an annotator of mcal could go on with it
    number = campaign.pool.classes.index
    for task in sorted(tasks, key=lambda one: one["data"]["mcal_index"]):
        index, data = task["data"]["mcal_index"], task["data"]
        wanted = number(campaign.labels[index]) if index in campaign.labels else NO_LABEL
        assert data["mcal_item"] == campaign.pool.item_name(index)
        assert len(task["annotations"]) == (index < 6 or index == NO_CLASS)
        assert len(task["predictions"]) == (6 <= index < 9)
        for annotation in task["annotations"]:
            assert form.label(annotation["result"]) == wanted
            assert data["mcal_source"] == ("audit" if index == 5 else "human")
            assert (data["mcal_price_usd"], data["mcal_round"]) == (0.04, ROUNDS[index])
        for prediction in task["predictions"]:
            assert form.label(prediction["result"]) == wanted
            assert prediction["model_version"] == data["mcal_model"] == "small-cnn/fast"
            assert prediction["score"] == pytest.approx([0.25, 1 / 3, 1.0][index - 6])
            assert data["mcal_confidence"] == [0.25, 1 / 3, 1.0][index - 6]

    if kind == "photos":
        body = {"project": project, "path": str(tmp_path / "photos"), "title": "pool"}
        people.ask("POST", "/api/storages/localfiles/", json=body)
        shown = next(task for task in tasks if task["data"]["mcal_index"] == 4)["data"]["image"]
        assert people.client.get(shown).content == campaign.pool.item_path(4).read_bytes()
