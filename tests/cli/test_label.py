"""``mcal label`` as one command: a real server, a real campaign, people who answer over HTTP."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from mcal.cli import app
from mcal.store import Store, add_budget

N_POOL, CLASSES = 200, ("ant", "bee", "cow")
COMMAND = [sys.executable, "-c", "from mcal.cli import main; main()", "label"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Well separated embeddings; an item's class is its index modulo 3."""
    truth = np.arange(N_POOL) % len(CLASSES)
    centers = 6.0 * np.eye(len(CLASSES), 8)
    noise = np.random.default_rng(0).normal(size=(N_POOL, 8))
    np.save(tmp_path / "x.npy", (centers[truth] + noise).astype(np.float32))
    path = tmp_path / "blobs.toml"
    path.write_text(
        f"classes = {json.dumps(CLASSES)}\n"
        '[pool]\nkind = "embeddings"\npath = "x.npy"\n'
        '[annotator]\nkind = "web"\nundo_s = 0.1\n'
        '[[classifier]]\narchitecture = "linear"\ndevice = "cpu"\n'
        "[plan]\ninitial_share = 0.1\ndelta_min_share = 0.1\nstable_share = 0.9\n"
    )
    return path


def started(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """The process, and the address that it printed."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.fullmatch(r"label here:  (http://127\.0\.0\.1:\d+/\?key=\S+)\n", line):
            return process, found[1]
    raise AssertionError(f"it ended with {process.wait()}")


class Person:
    def __init__(self, address: str, cookies: httpx.Cookies | None = None) -> None:
        self._client = httpx.Client(
            base_url=address.partition("/?")[0], timeout=60.0, cookies=cookies
        )
        assert self._client.get(address).status_code == 200
        self.n_said = 0

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @property
    def cookies(self) -> httpx.Cookies:
        """What tells the page who comes back; others wait for what this person has taken."""
        return self._client.cookies

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def label(self, until: str, most: int = N_POOL) -> dict[str, Any]:
        """Label what comes until the page is in a phase, or ``most`` are labelled."""
        for _ in range(2000):
            found = self.ask("/api/take", {"n": 8})
            if found["status"]["phase"] == until or self.n_said >= most:
                return dict(found["status"])
            for item in found["items"]:
                label = item["index"] % len(CLASSES)
                body = {"order": item["order"], "index": item["index"], "label": label}
                assert self.ask("/api/say", body)["taken"]
                self.n_said += 1
            if not found["items"]:
                time.sleep(0.05)
        raise AssertionError(f"never {until}: {found}")


def test_one_command_labels_a_pool_and_continues(config: Path) -> None:
    process, address = started(config, "--port", 0)
    with Person(address) as person:
        person.label(until="done", most=10)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    folder = config.with_name("blobs-campaign")
    process, again = started(folder, "--port", 0, "--exit-when-done")
    assert again.partition("?key=")[2] == address.partition("?key=")[2]
    with Person(again, person.cookies) as person:
        status = person.label(until="done")
    assert status["bill"][3]["n_items"] == N_POOL
    assert status["promise"].startswith("Certified error")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"mcal export {folder}" in out
    evaluated = CliRunner().invoke(app, ["status", str(folder), "--json"])
    assert json.loads(evaluated.stdout)["n_unlabelled"] == 0


def test_a_raised_budget_is_gone_on_with(config: Path) -> None:
    config.write_text("budget_usd = 100.0\n" + config.read_text())
    folder = config.with_name("blobs-campaign")
    assert CliRunner().invoke(app, ["run", str(config)]).exit_code == 3
    with Store.open(folder) as store:
        add_budget(store, 120.0)
    process, address = started(folder, "--port", 0, "--no-run")
    with Person(address) as person:
        assert person.ask("/api/take", {"n": 1})["items"]
    process.kill()
    process.communicate()


def test_it_only_serves_beside_another_process(config: Path) -> None:
    folder = config.with_name("blobs-campaign")
    result = CliRunner().invoke(app, ["run", str(config)])
    assert result.exit_code == 3
    assert f"mcal label {folder}" in " ".join(result.output.split())
    process, address = started(folder, "--port", 0, "--no-run")
    with Person(address) as person:
        n_first = sum(o["n_ordered"] for o in person.ask("/api/take", {"n": 1})["orders"])
        status = person.label(until="elsewhere", most=n_first)
    assert (person.n_said, status["phase"], status["n_human"]) == (n_first, "people", 0)
    process.kill()
    process.communicate()
    time.sleep(0.2)
    assert CliRunner().invoke(app, ["run", str(config)]).exit_code == 3
    told = json.loads(CliRunner().invoke(app, ["status", str(folder), "--json"]).stdout)
    assert told["n_human"] == n_first


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gone.toml"], "mcal: gone.toml: no such file\n"),
        (["."], "mcal: .: expected a campaign (campaign.sqlite), found none\n"),
    ],
)
def test_what_is_not_there_is_told(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["label", *arguments])
    assert (result.exit_code, result.stderr) == (1, told)


def test_another_kind_of_annotator_is_told(config: Path) -> None:
    text = config.read_text().replace('kind = "web"\nundo_s = 0.1', 'kind = "files"')
    config.write_text(text)
    result = CliRunner().invoke(app, ["label", str(config)])
    assert result.exit_code == 1
    assert 'annotator.kind: expected "web" to label on a page, found "files"' in result.stderr


def test_a_folder_has_its_place(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["label", str(tmp_path), "--out", "x"])
    assert result.exit_code == 2
