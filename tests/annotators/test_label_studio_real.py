"""Against the real Label Studio, on loopback: ``bash tests/services/label-studio`` runs this."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from label_studio_people import PIXEL, LabelStudioContract, People
from label_studio_server import TOKEN, RealServer
from mcal import LabelStudioSettings
from mcal.annotators.label_studio import LabelStudioAnnotator
from mcal.errors import AnnotatorError
from mcal.label_studio import read_form, write_form
from mcal.types import NO_LABEL, Batch, Guesses, Purpose

MCAL = (sys.executable, "-c", "from mcal.cli import main; main()")
PROGRAM = os.environ.get("MCAL_TEST_LABEL_STUDIO")

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Label Studio here: bash tests/services/label-studio"
)

CLASSES = ("cat", 'the "best" <b>&amp;</b>', "two\nlines", "$image", " 日本 ", "none of these")
BATCH = Batch("b-1", Purpose.TRAIN, 0, np.array([7, 3, 5]), ("7.png", "a/3 ü.png", "5"), CLASSES)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    found = RealServer(str(PROGRAM), tmp_path_factory.mktemp("label-studio"))
    try:
        print(f"\nLabel Studio answers after {found.start():.0f} s")
        yield found
    finally:
        found.stop()


@pytest.fixture
def people(server: RealServer) -> Iterator[People]:
    with server.client() as client:
        yield People(client)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)


def title_of(world: Path) -> str:
    return hashlib.sha256(str(world).encode()).hexdigest()[:40]


def opened(server: RealServer, project: object, **more: object) -> LabelStudioAnnotator:
    settings = {"url": server.url, "project": project} | more
    return LabelStudioAnnotator(LabelStudioSettings.model_validate(settings), lambda _: PIXEL)


class TestContract(LabelStudioContract):
    @pytest.fixture(autouse=True)
    def _server(self, server: RealServer) -> Iterator[None]:
        self.server = server
        with server.client() as client:
            self._people = People(client)
            yield

    def settings(self, world: Path) -> LabelStudioSettings:
        return LabelStudioSettings(url=self.server.url, project=title_of(world))

    def people(self, world: Path) -> People:
        return self._people

    def n_ordered(self, world: Path) -> int | None:
        found = self._people.ask("GET", "/api/projects/", params={"title": title_of(world)})
        return sum(int(project["task_number"]) for project in found["results"])


def test_any_class_can_be_shown_and_chosen(
    server: RealServer, people: People, tmp_path: Path
) -> None:
    annotator = opened(server, title_of(tmp_path))
    ticket = annotator.submit(BATCH)
    people.answer(BATCH, ticket, {7: 1, 3: 2, 5: 3})
    answers = annotator.collect(BATCH, ticket)
    assert dict(zip(answers.indices.tolist(), answers.labels.tolist(), strict=True)) == {
        7: 1,
        3: 2,
        5: 3,
    }
    assert not answers.problems


def test_skipped_revised_deleted_and_unknown(
    server: RealServer, people: People, tmp_path: Path
) -> None:
    annotator = opened(server, title_of(tmp_path))
    ticket = annotator.submit(BATCH)
    first, second, third = people.tasks(ticket)
    number = people.annotate(first["id"], _choice("cat"))
    people.annotate(second["id"], [], was_cancelled=True)
    people.annotate(third["id"], _choice("zebra"))
    answers = annotator.collect(BATCH, ticket)
    assert answers.labels.tolist() == [0]
    assert len(answers.problems) == 2
    people.ask("PATCH", f"/api/annotations/{number}/", json={"result": _choice("two\nlines")})
    people.ask("DELETE", f"/api/tasks/{third['id']}/")
    answers = annotator.collect(BATCH, ticket)
    assert answers.labels.tolist() == [2]
    assert answers.problems[0] == "tasks deleted in Label Studio: 1; imported again."
    people.answer(BATCH, ticket, {3: 0, 5: 4})
    answers = annotator.collect(BATCH, ticket)
    assert answers.labels.tolist() == [2, 0, 4]
    assert answers.complete
    assert not answers.problems


def test_the_guesses_of_each_batch_are_kept_and_shown(
    server: RealServer, people: People, tmp_path: Path
) -> None:
    annotator = opened(server, title_of(tmp_path), show_guesses=True)
    form = read_form(write_form(CLASSES), CLASSES, "the project")
    for round_, labels in ((1, [3, NO_LABEL, 2]), (2, [1, 4, 5])):
        guesses = Guesses(np.array(labels), np.array([0.25, 0.0, 1.0]), f"net, round {round_}")
        batch = replace(BATCH, batch_id=f"b-{round_}", round=round_, guesses=guesses)
        ticket = annotator.submit(batch)
        assert annotator.submit(batch) == ticket
        # "Label all tasks": what who annotates is given, one task after the other
        for _ in labels:
            project = ticket.split("/")[0]
            task = people.ask("GET", f"/api/projects/{project}/next/")
            kept = people.ask("GET", f"/api/tasks/{task['id']}/")["predictions"]
            position = batch.indices.tolist().index(task["data"]["mcal_index"])
            label = labels[position]
            for found in (task["predictions"], kept):
                assert [
                    (one["model_version"], one["score"], form.label(one["result"])) for one in found
                ] == [(guesses.model, guesses.confidence[position], label)][: label != NO_LABEL]
            assert task["data"]["mcal_batch"] == batch.batch_id
            assert not annotator.collect(batch, ticket).complete
            people.annotate(task["id"], form.result(0))  # a person disagrees
        answers = annotator.collect(batch, ticket)
        assert answers.complete
        assert answers.labels.tolist() == [0, 0, 0]
        hidden = {"show_collab_predictions": False}
        people.ask("PATCH", f"/api/projects/{project}/", json=hidden)


def _choice(word: str) -> list[dict[str, object]]:
    value = {"choices": [word]}
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": value}]


def test_pages_are_read_to_the_end(server: RealServer, people: People, tmp_path: Path) -> None:
    names = tuple(f"{i}.png" for i in range(450))
    batch = Batch("b-2", Purpose.REST, 0, np.arange(450), names, CLASSES)
    annotator = opened(server, title_of(tmp_path))
    began_s = time.monotonic()
    ticket = annotator.submit(batch)
    submitted_s = time.monotonic()
    answers = annotator.collect(batch, ticket)
    print(f"\n450 items: submit {submitted_s - began_s:.1f} s", end=", ")
    print(f"collect {time.monotonic() - submitted_s:.1f} s")
    assert not answers.problems
    assert annotator.submit(batch) == ticket
    assert sorted(task["data"]["mcal_index"] for task in people.tasks(ticket)) == [*range(450)]


def test_a_personal_token_works_and_a_wrong_one_is_told(
    server: RealServer, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", people.ask("POST", "/api/token/")["token"])
    assert opened(server, title_of(tmp_path)).submit(BATCH)
    for wrong in ("deadbeef" * 5, "eyJh.eyJi.c2ln"):
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", wrong)
        with pytest.raises(AnnotatorError, match="refuses the token in LABEL_STUDIO_API_KEY"):
            opened(server, title_of(tmp_path)).submit(BATCH)


def test_what_is_not_there_is_told(server: RealServer, people: People, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="has no project 987654"):
        opened(server, 987654).submit(BATCH)
    with pytest.raises(AnnotatorError, match="is this a Label Studio"):
        LabelStudioAnnotator(
            LabelStudioSettings(url=server.url + "/no/such/place", project="Birds"), lambda _: None
        ).submit(BATCH)
    body = {"title": title_of(tmp_path), "label_config": write_form(("cat", "cow"))}
    people.ask("POST", "/api/projects/", json=body)
    with pytest.raises(AnnotatorError, match=r"has no choice for 'the \"best\""):
        opened(server, title_of(tmp_path)).submit(BATCH)


def test_local_files_are_served_to_who_labels(
    server: RealServer, people: People, tmp_path: Path
) -> None:
    (server.images / "a").mkdir()
    (server.images / "a" / "3 ü.png").write_bytes(PIXEL.data)
    annotator = opened(server, title_of(tmp_path), images="local-files", image_url="images/{item}")
    ticket = annotator.submit(BATCH)
    body = {"project": int(ticket.split("/")[0]), "path": str(server.images), "title": "pool"}
    people.ask("POST", "/api/storages/localfiles/", json=body)
    address = next(t["data"]["image"] for t in people.tasks(ticket) if t["data"]["mcal_index"] == 3)
    assert people.client.get(address).content == PIXEL.data


def test_a_webhook_wakes_mcal(server: RealServer, people: People, tmp_path: Path) -> None:
    """Refused by the server as it comes; then with its protection of private addresses off."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    refused = opened(server, title_of(tmp_path), webhook_url=address)
    ticket = refused.submit(BATCH)
    assert not refused.wait(0.01)
    (problem,) = refused.collect(BATCH, ticket).problems
    assert "SSRF_PROTECTION_ENABLED=false" in problem
    assert "403" in problem
    server.stop()
    server.start(SSRF_PROTECTION_ENABLED="false")
    try:
        hooks = {"project": ticket.split("/")[0]}
        killed = opened(server, title_of(tmp_path), webhook_url=f"{address}/here")
        killed.collect(BATCH, ticket)
        assert killed.wait(60.0)
        (left,) = people.ask("GET", "/api/webhooks/", params=hooks)
        annotator = opened(
            server,
            title_of(tmp_path),
            webhook_url=f"{address}/here",
            webhook_bind=f"127.0.0.2:{address.rpartition(':')[2]}",
        )
        annotator.collect(BATCH, ticket)
        assert annotator.wait(60.0)  # at once: something may have come before
        (mine,) = people.ask("GET", "/api/webhooks/", params=hooks)
        assert mine["id"] != left["id"]
        annotator.close()
        killed.close()
        assert people.ask("GET", "/api/webhooks/", params=hooks) == []
        annotator = opened(server, title_of(tmp_path), webhook_url=address)
        annotator.collect(BATCH, ticket)
        assert annotator.wait(60.0)
        tasks, seconds = people.tasks(ticket), []
        for task in tasks:
            told_s: list[float] = []
            waiting = threading.Thread(
                target=lambda told_s=told_s: (
                    told_s.append(time.monotonic()) if annotator.wait(60.0) else None
                )
            )
            waiting.start()
            began_s = time.monotonic()
            people.annotate(task["id"], _choice("cat"))
            waiting.join()
            seconds.append(told_s[0] - began_s)
            time.sleep(1.0)
        print("\nwoken", ", ".join(f"{s:.2f} s" for s in seconds), "after an annotation was sent")
        assert annotator.collect(BATCH, ticket).complete
        annotator.close()
        assert people.ask("GET", "/api/webhooks/", params=hooks) == []
        assert max(seconds) < 2.0
    finally:
        server.stop()
        server.start()


# -- a whole campaign ------------------------------------------------------------------------------


class Annotators(threading.Thread):
    """Answers every task of a project with the truth, through whatever the server goes through."""

    def __init__(self, server: RealServer, title: str, truth: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._server, self._title, self._truth = server, title, truth
        self.given: Counter[int] = Counter()  # annotations by task
        self.n_requests = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        with self._server.client() as client:
            people = People(client)
            while not self.stopped.wait(0.2):
                with suppress(httpx.TransportError, AssertionError):
                    self._work(people)
                self.n_requests = people.n_requests

    def _work(self, people: People) -> None:
        found = people.ask("GET", "/api/projects/", params={"title": self._title})["results"]
        if not found:
            return
        params = {"project": found[0]["id"], "fields": "all", "page_size": 50}
        item = {"filter": "filter:tasks:total_annotations", "operator": "equal", "type": "Number"}
        query = {"filters": {"conjunction": "and", "items": [item | {"value": 0}]}}
        tasks = people.ask("GET", "/api/tasks/", params=params | {"query": json.dumps(query)})
        for task in tasks["tasks"]:
            if self.stopped.is_set():
                return
            if task["annotations"]:  # a server killed in the act has kept it, but not counted it
                continue
            people.annotate(task["id"], _choice(self._truth[task["data"]["mcal_item"]]))
            self.given[task["id"]] += 1


def test_a_campaign_from_run_to_delivered_labels(
    server: RealServer, people: People, tmp_path: Path
) -> None:
    """Digits as a folder of PNGs; the server restarted and mcal killed in mid-batch."""
    from PIL import Image
    from sklearn.datasets import load_digits

    n_pool, digits = 600, load_digits()
    truth: dict[str, str] = {}
    (tmp_path / "photos").mkdir()
    for row in range(n_pool):
        name = f"{row:04d}.png"
        pixels = (digits.images[row] * 15.9).astype(np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
        truth[name] = str(digits.target[row])
    title = title_of(tmp_path)
    config = tmp_path / "digits.toml"
    config.write_text(
        f"target_error = 0.1\nclasses = {json.dumps([str(digit) for digit in range(10)])}\n"
        f'[pool]\nkind = "image-folder"\npath = "photos"\nimage_size = 32\n'
        f'[annotator]\nkind = "label-studio"\nurl = "{server.url}"\nproject = "{title}"\n'
        '[[classifier]]\narchitecture = "small-cnn"\ndevice = "cpu"\n'
        "[plan]\ninitial_share = 0.1\ndelta_min_share = 0.05\n"
    )
    folder = tmp_path / "campaign"
    command = [*MCAL, "run", str(config), "--out", str(folder), "--wait"]
    output = tmp_path / "output.txt"

    def start() -> subprocess.Popen[bytes]:
        with output.open("ab") as file:
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            return subprocess.Popen(command, stdout=file, stderr=file, env=environment)

    n_before, began_s = server.n_requests(), time.monotonic()
    annotators = Annotators(server, title, truth)
    annotators.start()
    running = start()
    restart_s = None
    n_killed = n_begun_again = 0
    try:
        while running.poll() is None or running.returncode != 0:
            assert time.monotonic() - began_s < 540, output.read_text()[-3000:]
            if running.poll() is not None and running.returncode != -signal.SIGKILL:
                assert "tried 10 times" in output.read_text(), output.read_text()[-3000:]
                n_begun_again, running = n_begun_again + 1, start()  # the server was away too long
            if restart_s is None and len(annotators.given) >= 20:
                server.stop()
                restart_s = server.start()
            if not n_killed and len(annotators.given) >= 45:
                running.kill()
                running.wait()
                n_killed, running = 1, start()
            time.sleep(0.2)
    finally:
        running.kill()
        running.wait()
        annotators.stopped.set()
        annotators.join()
    wall_s = time.monotonic() - began_s

    subprocess.run([*MCAL, "export", str(folder), "--format", "csv"], check=True)
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    project = people.ask("GET", "/api/projects/", params={"title": title})["results"][0]["id"]
    params = {"project": project, "fields": "all", "page_size": 2000}
    tasks = people.ask("GET", "/api/tasks/", params=params)["tasks"]
    bought = {task["data"]["mcal_item"]: task for task in tasks}
    assert len(bought) == len(tasks), "an item was ordered twice"
    assert all(len(task["annotations"]) == 1 for task in tasks), "an item was labelled twice"
    delivered = {row["item"]: row["label"] for row in rows if row["source"] != "machine"}
    assert delivered == {name: truth[name] for name in bought}
    assert len(rows) == n_pool
    assert restart_s is not None
    assert n_killed == 1
    n_machine = n_pool - len(delivered)
    n_wrong = sum(row["label"] != truth[row["item"]] for row in rows)
    n_requests = server.n_requests() - n_before - annotators.n_requests
    print(
        f"\n{n_pool} digits, target 10 %: {len(delivered)} labels by people, {n_machine} by the "
        f"machine, {n_wrong / n_pool:.1%} wrong in all; {wall_s:.0f} s with a restart of the "
        f"server ({restart_s:.0f} s, mcal begun again {n_begun_again} times for it) and one "
        f"SIGKILL of mcal; {n_requests} requests by mcal, {annotators.n_requests} by the people"
    )
