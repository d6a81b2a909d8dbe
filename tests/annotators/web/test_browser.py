"""The page in a real browser: ``pytest tests/annotators/web/test_browser.py -rs -s``.

Needs playwright's Python package and a Chromium (``MCAL_CHROMIUM``, default /usr/bin/chromium).
"""

import importlib.util
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from labelling_page import HOSTILE, SECRET
from mcal.annotators.inbox import Inbox
from mcal.annotators.web import WebAnnotator

CHROMIUM = os.environ.get("MCAL_CHROMIUM", "/usr/bin/chromium")
HAS_BROWSER = importlib.util.find_spec("playwright") is not None and Path(CHROMIUM).exists()
pytestmark = pytest.mark.skipif(
    not HAS_BROWSER,
    reason="no playwright or no Chromium: apt-get install chromium; pip install playwright",
)

SERVER = Path(__file__).parents[2] / "labelling_page.py"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Server:
    """A server process that can be killed and started again at the same address."""

    def __init__(self, folder: Path, kind: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.kind = folder, kind
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(SERVER), str(self.folder), str(self.port), self.kind]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def inbox(self) -> Inbox:
        return WebAnnotator(self.folder).inbox

    def said(self) -> list[tuple[int, str]]:
        """Item and person of every judgement."""
        found = self.inbox.collect("b-1")
        return list(zip(found.indices.tolist(), found.people, strict=True))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    servers: list[Server] = []

    def start(kind: str) -> Server:
        servers.append(Server(tmp_path, kind))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Person:
    """A browser of its own, which remembers every complaint and every place it asked."""

    def __init__(self, chromium: Any, server: Server) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page = chromium.new_context().new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(server.address)
        self.wait_for_item()

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def wait_for_item(self, but: str | None = None) -> str:
        """The item on the stage, once it is another one than ``but``."""
        other = f":not([data-item='{but}'])" if but else ""
        self.page.wait_for_selector(f"#stage[data-item]{other}")
        item = self.page.get_attribute("#stage", "data-item")
        assert isinstance(item, str)
        return item

    def label(self, n: int, key: str = "3") -> list[str]:
        """Press a key for each of ``n`` items."""
        labelled = []
        for _ in range(n):
            labelled.append(self.page.get_attribute("#stage", "data-item"))
            self.page.keyboard.press(key)
            self.wait_for_item(but=labelled[-1])
        return labelled

    def settle(self) -> None:
        """Until the server has all that was said."""
        self.page.evaluate("async () => { await line; }")

    def close(self) -> None:
        self.page.context.close()


def test_fifty_items_by_keyboard(chromium: Any, serve: Callable[[str], Server]) -> None:
    server = serve("digits")
    ann = Person(chromium, server)
    assert SECRET not in ann.page.url
    first = ann.label(25)
    ann.page.reload()
    ann.wait_for_item()
    second = ann.label(24)
    ann.page.keyboard.press("Backspace")
    assert ann.wait_for_item(but=ann.page.get_attribute("#stage", "data-item")) == second[-1]
    second[-1:] = ann.label(1, "0")
    second += ann.label(1)
    ann.settle()
    assert len(set(first + second)) == 50
    found = server.inbox.collect("b-1")
    assert [f"1:{index}" for index in found.indices.tolist()] == first + second
    assert found.labels.tolist() == [2] * 48 + [-1, 2]
    assert ann.page.text_content("#you").startswith("50 ")
    assert ann.complaints == []
    home = server.address.partition("/?")[0]
    assert {url for url in ann.asked if not url.startswith(home)} == set()
    ann.close()


_MEASURE = """async (n) => {
  const waits = [], stage = document.getElementById("stage");
  for (let i = 0; i < n; i++) {
    const before = stage.dataset.item, began = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", {key: "3", bubbles: true}));
    while (stage.dataset.item === before || !stage.querySelector("img").complete)
      await new Promise((r) => setTimeout(r, 0));
    await new Promise((r) => requestAnimationFrame(r));
    waits.push(performance.now() - began);
    await new Promise((r) => setTimeout(r, 150));
  }
  return waits;
}"""


def test_the_next_picture_is_there_at_once(chromium: Any, serve: Callable[[str], Server]) -> None:
    """Reports how long, from the key to the picture, and asserts only that all came."""
    ann = Person(chromium, serve("digits"))
    waits_ms = ann.page.evaluate(_MEASURE, 50)
    assert len(waits_ms) == 50
    print(
        f"\nfrom key to next picture, 50 items: median {statistics.median(waits_ms):.0f} ms, "
        f"longest {max(waits_ms):.0f} ms"
    )
    assert ann.complaints == []
    ann.close()


def test_two_people_at_once(chromium: Any, serve: Callable[[str], Server]) -> None:
    server = serve("digits")
    ann, bob = Person(chromium, server), Person(chromium, server)
    labelled: list[str] = []
    for _ in range(10):
        labelled += ann.label(1) + bob.label(1)
    ann.settle()
    bob.settle()
    said = server.said()
    assert sorted(f"1:{index}" for index, _ in said) == sorted(labelled)
    assert len({index for index, _ in said}) == 20
    assert len({person for _, person in said}) == 2
    assert ann.complaints == bob.complaints == []
    ann.close()
    bob.close()


def test_a_killed_server_loses_nothing(chromium: Any, serve: Callable[[str], Server]) -> None:
    server = serve("digits")
    ann = Person(chromium, server)
    labelled = ann.label(5)
    server.kill()
    labelled += ann.label(3)  # those that wait on the page
    ann.page.wait_for_selector("#trouble:has-text('No connection')")
    server.start()
    ann.settle()
    assert ann.page.text_content("#trouble") == ""
    labelled += ann.label(5)
    ann.settle()
    assert [f"1:{index}" for index, _ in server.said()] == labelled
    assert len({person for _, person in server.said()}) == 1
    ann.close()


def test_an_answer_that_is_refused_brings_its_item_back(
    chromium: Any, serve: Callable[[str], Server]
) -> None:
    server = serve("digits")
    ann = Person(chromium, server)
    refused = []

    def refuse_once(route: Any) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.post_data_json["index"])
            route.fulfill(status=400, json={"problem": "label: expected a class"})

    ann.page.route("**/api/say", refuse_once)
    first = ann.label(1)
    ann.page.wait_for_selector("#toast:has-text('Not taken: label: expected')")
    ann.settle()
    assert ann.page.text_content("#you").startswith("0 ")
    labelled = ann.label(20)
    ann.settle()
    assert first == [f"1:{index}" for index in refused]
    assert set(first) < set(labelled)
    assert {f"1:{index}" for index, _ in server.said()} == set(labelled)
    ann.close()


def test_too_late_is_told(chromium: Any, serve: Callable[[str], Server]) -> None:
    server = serve("digits")
    ann = Person(chromium, server)
    ann.label(2)
    ann.settle()
    assert len(server.said()) == 2  # collected
    ann.page.keyboard.press("z")
    ann.page.wait_for_selector("#toast:has-text('Too late')")
    ann.close()


def test_many_classes_are_found_by_typing(chromium: Any, serve: Callable[[str], Server]) -> None:
    server = serve("many")
    ann = Person(chromium, server)
    item = ann.wait_for_item()
    ann.page.keyboard.type("birch")
    shown = ann.page.locator("#classes button bdi").all_text_contents()
    assert shown == ["downy birch", "silver birch"]
    ann.page.keyboard.press("2")
    item = ann.wait_for_item(but=item)
    ann.page.keyboard.type("oa")
    ann.page.keyboard.press("Enter")
    ann.wait_for_item(but=item)
    ann.settle()
    found = server.inbox.collect("b-1")
    from labelling_page import MANY

    assert [MANY[label] for label in found.labels.tolist()] == ["silver birch", "oak"]
    assert ann.complaints == []
    ann.close()


def test_hostile_names_are_text(chromium: Any, serve: Callable[[str], Server]) -> None:
    ann = Person(chromium, serve("hostile"))
    for name in HOSTILE:
        assert ann.page.text_content("#stage bdi") == name
        ann.label(1)
    assert ann.page.query_selector("main script") is None
    assert [c for c in ann.complaints if "404" not in c] == []
    ann.close()


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of a server of pages that are not ours."""

    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>foreign</title>")

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("host", "has_cookie"), [("localhost", False), ("127.0.0.1", True)])
def test_a_foreign_page_gets_nothing(
    chromium: Any, serve: Callable[[str], Server], elsewhere: int, host: str, has_cookie: bool
) -> None:
    """In the browser that holds the cookie. Another host is another site, and gets no cookie;
    another port is the same site, so that the cookie travels and we must refuse ourselves.
    """
    server = serve("digits")
    ann = Person(chromium, server)
    mark = ann.page.evaluate("state.mark")
    foreign = ann.page.context.new_page()
    home = server.address.partition("/?")[0]
    foreign.goto(f"http://{host}:{elsewhere}/")
    found = foreign.evaluate(
        """async ([home, mark]) => {
          const tried = [
            fetch(home + "/api/campaign", {credentials: "include"}),
            fetch(home + "/api/say", {method: "POST", credentials: "include",
              headers: {"Content-Type": "application/json"},
              body: '{"order": 1, "index": 0, "label": 1}'}),
            fetch(home + "/api/say", {method: "POST", credentials: "include", mode: "no-cors",
              body: '{"order": 1, "index": 0, "label": 1}'}).then(() => { throw 0; }),
            new Promise((yes, no) => {
              const image = new Image();
              image.onload = yes;
              image.onerror = no;
              image.src = home + `/picture/${mark}/1/0`;
            }),
          ];
          return (await Promise.allSettled(tried)).map((each) => each.status);
        }""",
        [home, mark],
    )
    assert found == ["rejected"] * 4
    status = 403 if has_cookie else 401
    lines = (tuple(line.split()) for line in (server.folder / "asked").read_text().splitlines())
    answered = {line for line in lines if line[2] in ("same-site", "cross-site")}
    assert {line[0] for line in answered if line[3] != "OPTIONS"} == {str(status)}
    assert {line[1] for line in answered if line[3] != "OPTIONS"} == {str(has_cookie)}
    assert {line[3] for line in answered} >= {"GET", "POST"}
    assert server.said() == []
    ann.close()


def test_a_link_from_another_site_works(chromium: Any, serve: Callable[[str], Server]) -> None:
    """The address may come by mail or chat: the cookie must hold on that way too."""
    server = serve("digits")
    page = chromium.new_context().new_page()
    page.goto(f"http://localhost:{server.port}/")
    page.evaluate("(address) => { location.href = address; }", server.address)
    page.wait_for_selector("#stage[data-item]")
    page.context.close()
