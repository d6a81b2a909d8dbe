"""The page's routes, and what strangers, foreign sites and hostile names can do to it: nothing."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from mcal.annotators.inbox import Inbox
from mcal.annotators.secrets import Secret
from mcal.annotators.web.app import Page, build_app
from mcal.annotators.web.desk import Desk
from mcal.annotators.web.guard import Buckets, mark_of
from mcal.annotators.web.status import Status
from mcal.errors import PoolError
from mcal.types import Batch, Picture, Purpose

SECRET = "s3cret-" * 8
MARK = mark_of(Secret(SECRET))
HERE = "http://127.0.0.1:8642"
HOSTILE = (
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "line\nbreak",
    "\u202egnp.exe",
    "a b?#%2e",
)
PICTURES = {
    0: Picture(b"png", "image/png"),
    1: Picture(b"<svg onload=alert(1)>", "image/svg+xml"),
    2: Picture(b"<script>alert(1)</script>", "text/html"),
    3: None,
}


def picture(index: int) -> Picture | None:
    if index == 4:
        raise PoolError("/secret/place/a.png: gone")
    return PICTURES[index]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    found = Inbox(tmp_path / "inbox")
    indices = np.arange(5)
    found.order(Batch("b/../1", Purpose.TEST, 0, indices, HOSTILE, ("<b>", "dog")))
    return found


def app_of(inbox: Inbox, secret: str = SECRET, **limits: Buckets) -> ASGIApp:
    page = Page(Desk(inbox), "flowers", ("<b>", "dog"), picture, lambda: Status("people"))
    return build_app(page, Secret(secret), hosts=["labels.example"], **limits)


@pytest.fixture
def app(inbox: Inbox) -> ASGIApp:
    plenty = Buckets(1e6, 1e6)
    return app_of(inbox, known=plenty, strangers=plenty)


@pytest.fixture
def stranger(app: ASGIApp) -> TestClient:
    return TestClient(app, base_url=HERE, follow_redirects=False)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    return entered(stranger)


def entered(client: TestClient) -> TestClient:
    assert client.get("/", params={"key": SECRET}).status_code == 200
    return client


READ = (
    "/",
    "/page.css",
    "/page.js",
    "/api/campaign",
    f"/picture/{MARK}/1/0",
    "/favicon.ico",
    "/nothing",
)
WRITTEN = ("/api/take", "/api/say", "/api/skip", "/api/undo", "/api/name")


def test_somebody_labels(client: TestClient, inbox: Inbox) -> None:
    about = client.get("/api/campaign").json()
    assert (about["title"], about["classes"]) == ("flowers", ["<b>", "dog"])
    assert about["status"]["phase"] == "people"
    found = client.post("/api/take", json={"n": 2}).json()
    assert [item["index"] for item in found["items"]] == [0, 1]
    assert found["orders"] == [
        {"order": 1, "purpose": "test", "round": 0, "n_judged": 0, "n_ordered": 5}
    ]
    assert client.post("/api/say", json={"order": 1, "index": 0, "label": 1}).json()["taken"]
    assert client.post("/api/say", json={"order": 1, "index": 1, "label": -1}).json()["taken"]
    back = client.post("/api/undo", json={}).json()
    assert (back["item"]["index"], back["label"]) == (1, -1)
    assert client.post("/api/skip", json={"order": 1, "index": 1}).json() == {}
    assert inbox.collect("b/../1").labels.tolist() == [1]
    assert client.post("/api/undo", json={}).json() == {"item": None, "said_any": True}


def test_two_browsers_are_two_people_until_they_give_one_name(app: ASGIApp) -> None:
    ann, bob = (entered(TestClient(app, base_url=HERE)) for _ in range(2))
    items = [c.post("/api/take", json={"n": 2}).json()["items"] for c in (ann, bob)]
    assert [[item["index"] for item in given] for given in items] == [[0, 1], [2, 3]]
    for client in (ann, bob):
        assert client.post("/api/name", json={"name": " Zoë  M. "}).json()["name"] == "Zoë M."
        assert client.get("/api/campaign").json()["name"] == "Zoë M."
    for client in (ann, bob):
        items = client.post("/api/take", json={"n": 3}).json()["items"]
        assert [item["index"] for item in items] == [0, 1, 2]  # what was bob's is free again


@pytest.mark.parametrize("name", ["", "  ", "~ann", "a" * 41, "a\nb\x00", None, 7])
def test_a_name_is_a_few_letters(client: TestClient, name: object) -> None:
    answer = client.post("/api/name", json={"name": name})
    assert answer.status_code == 400
    assert answer.json()["problem"].startswith("name: expected")


def test_pictures_are_shown_by_item(client: TestClient) -> None:
    answer = client.get(f"/picture/{MARK}/1/0")
    assert (answer.content, answer.headers["content-type"]) == (b"png", "image/png")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_campaigns_at_one_address_never_share_a_picture(inbox: Inbox) -> None:
    """A browser that keeps the pictures of one must find none of them for the other."""
    secrets = (SECRET, SECRET[::-1])
    paths, marks = [], []
    for secret in secrets:
        client = TestClient(app_of(inbox, secret), base_url=HERE)
        assert client.get("/", params={"key": secret}).status_code == 200
        marks.append(client.get("/api/campaign").json()["mark"])
        paths.append(f"/picture/{marks[-1]}/1/0")
        assert client.get(paths[-1]).content == b"png"
        for other in paths[:-1]:
            assert client.get(other).status_code == 404
    assert len(set(paths)) == len(secrets)
    assert not [mark for mark in marks if mark in SECRET]


def test_a_page_left_open_labels_nothing_in_another_campaign(
    client: TestClient, inbox: Inbox
) -> None:
    said = {"order": 1, "index": 0, "label": 1}
    for headers, status in (({"MCal-Campaign": "0123456789ab"}, 409), ({"MCal-Campaign": ""}, 409)):
        for path in WRITTEN:
            assert client.post(path, json=said, headers=headers).status_code == status
    assert not inbox.collect("b/../1").indices.size
    headers = {"MCal-Campaign": MARK}
    assert client.post("/api/say", json=said, headers=headers).json() == {"taken": True}


def test_a_name_makes_nobody_a_second_person(tmp_path: Path) -> None:
    """Two judgements of an item are those of two people, whatever one of them is called."""
    inbox = Inbox(tmp_path / "two")
    inbox.order(Batch("b", Purpose.TEST, 0, np.arange(2), ("a", "b"), ("x", "y"), 2))
    plenty = Buckets(1e6, 1e6)
    app = app_of(inbox, known=plenty, strangers=plenty)
    ann, bob = (entered(TestClient(app, base_url=HERE)) for _ in range(2))

    def offered(client: TestClient) -> list[int]:
        items = client.post("/api/take", json={"n": 2}).json()["items"]
        return [item["index"] for item in items]

    def say(client: TestClient, index: int) -> bool:
        said = {"order": 1, "index": index, "label": 0}
        return bool(client.post("/api/say", json=said).json()["taken"])

    assert say(ann, 0)
    for name in ("Zoë", "Ann"):
        answer = ann.post("/api/name", json={"name": name}).json()
        assert answer == {"name": name, "n_said": 1}
        assert entered(ann).get("/api/campaign").json()["name"] == name
        assert offered(ann) == [1]
    assert say(ann, 1)
    assert bob.post("/api/name", json={"name": "Zoë"}).json()["n_said"] == 0  # free again
    assert offered(bob) == [0, 1]
    assert say(bob, 0)
    answer = bob.post("/api/name", json={"name": "Ann"})
    assert (answer.status_code, answer.json()["problem"][:24]) == (400, "name: Ann is somebody wh")
    again = entered(TestClient(app, base_url=HERE))
    assert again.post("/api/name", json={"name": "Ann"}).json()["n_said"] == 2
    assert offered(again) == []
    assert say(bob, 1)
    people = inbox.collect("b").people
    assert people[0] == people[2] != people[1] == people[3]


# -- strangers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cookies", [{}, {"mcal-person": "~x"}])
def test_nothing_is_readable_without_the_secret(
    stranger: TestClient, cookies: dict[str, str]
) -> None:
    stranger.cookies.update(cookies)
    answers = [stranger.get(path) for path in READ]
    answers += [stranger.post(path, json={}) for path in WRITTEN]
    answers += [stranger.get("/", params={"key": key}) for key in ("", "x", SECRET[:-1], "é")]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.text == "Open the address that mcal label has printed.\n"
        assert "set-cookie" not in answer.headers


def test_the_secret_becomes_a_cookie_that_no_script_reads(stranger: TestClient) -> None:
    answer = stranger.get("/", params={"key": SECRET})
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "httponly" in cookie.lower()
        assert "samesite=strict" in cookie.lower()
    assert answer.headers["refresh"] == "0; url=/"
    assert SECRET not in answer.text
    assert stranger.get("/").status_code == 200


def test_coming_again_is_the_same_person(client: TestClient) -> None:
    client.post("/api/name", json={"name": "Zoë"})
    assert entered(client).get("/api/campaign").json()["name"] == "Zoë"


def test_a_forged_cookie_is_refused(client: TestClient) -> None:
    (name,) = [name for name in client.cookies if name != "mcal-person"]
    for forged in ("x", SECRET[:-1] + "x", SECRET + "x", ""):
        cookies = {name: forged, "mcal-person": "~a"}
        assert TestClient(client.app, base_url=HERE, cookies=cookies).get("/").status_code == 401


@pytest.mark.parametrize("path", READ)
def test_every_answer_is_locked_down(client: TestClient, path: str) -> None:
    for answer in (client.get(path), TestClient(client.app, base_url=HERE).get(path)):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "*" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/page.css", "/page.js"):
        text = client.get(path).text
        assert not re.findall(r"""(?:src|href|url|import)\s*[=(]?\s*["'(]?(?:https?:)?//""", text)
    html = client.get("/").text
    assert not re.findall(r"\son\w+=|\sstyle=|<style|<script>", html)


# -- foreign sites -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8642", "", "[::1", "a"],
)
def test_a_foreign_name_that_points_here_is_refused(client: TestClient, host: str) -> None:
    for path in (*READ, f"/?key={SECRET}"):
        assert client.get(path, headers={"Host": host}).status_code == 421
    assert client.post("/api/take", json={}, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8642", "localhost:9", "LOCALHOST", "[::1]:8642", "10.0.0.7", "labels.example"],
)
def test_our_own_names_are_answered(stranger: TestClient, host: str) -> None:
    assert stranger.get("/", headers={"Host": host}).status_code == 401
    assert stranger.get(f"/?key={SECRET}", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8642.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_s_page_is_refused(
    client: TestClient, inbox: Inbox, headers: dict[str, str]
) -> None:
    said = {"order": 1, "index": 0, "label": 1}
    assert client.post("/api/say", json=said, headers=headers).status_code == 403
    for path in READ:
        assert client.get(path, headers=headers).status_code == 403
    assert not inbox.collect("b/../1").indices.size


def test_our_own_page_is_answered(client: TestClient) -> None:
    headers = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/take", json={}, headers=headers).status_code == 400
    assert client.post("/api/take", json={"n": 1}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"]
)
def test_what_a_form_can_send_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/api/undo", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415


def test_other_methods_do_nothing(client: TestClient) -> None:
    for path in WRITTEN:
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            assert client.request(method, path).status_code == 405
    assert client.post("/", json={}).status_code == 405


# -- hostile names and numbers -------------------------------------------------------------------


def test_hostile_names_are_data(client: TestClient) -> None:
    answer = client.post("/api/take", json={"n": 5})
    assert answer.headers["content-type"] == "application/json"
    assert [item["name"] for item in answer.json()["items"]] == list(HOSTILE)


@pytest.mark.parametrize("index", [1, 2])
def test_what_could_run_is_never_served(client: TestClient, index: int) -> None:
    answer = client.get(f"/picture/{MARK}/1/{index}")
    assert answer.status_code == 415
    assert b"alert" not in answer.content


@pytest.mark.parametrize("index", [3, 4])
def test_what_cannot_be_shown_is_told_without_its_path(client: TestClient, index: int) -> None:
    answer = client.get(f"/picture/{MARK}/1/{index}")
    assert (answer.status_code, answer.text) == (404, "cannot be shown\n")


@pytest.mark.parametrize(
    "path",
    [
        f"/picture/{MARK}/1/5",
        f"/picture/{MARK}/2/0",
        f"/picture/{MARK}/1/-1",
        f"/picture/{MARK}/1/../../etc/passwd",
        f"/picture/{MARK}/1/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        f"/picture/{MARK}/1/..%5c..%5cetc%5cpasswd",
        "/picture/1/0",
        "/picture/0123456789ab/1/0",
        "/page.html",
        "/assets/page.html",
        "//etc/passwd",
        f"/picture/{MARK}/1/{2**63}",
        f"/picture/{MARK}/{10**100}/0",
        f"/picture/{MARK}/b/0",
    ],
)
def test_only_ordered_items_are_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 4000,
        b'{"order": 1, "index": 0}',
        b'{"order": 1, "index": 0, "label": "1"}',
        b'{"order": 1, "index": 0, "label": true}',
        b'{"order": 1, "index": 0, "label": 2}',
        b'{"order": 1, "index": 0, "label": -2}',
        b'{"order": 1, "index": 9, "label": 0}',
        b'{"order": 9, "index": 0, "label": 0}',
        b'{"order": 1, "index": 1e400, "label": 0}',
        b'{"order": 1, "index": 9223372036854775808, "label": 0}',
        b'{"order": "1 OR 1=1", "index": 0, "label": 0}',
    ],
)
def test_what_makes_no_sense_is_refused(client: TestClient, inbox: Inbox, body: bytes) -> None:
    answer = client.post("/api/say", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["problem"]
    assert not inbox.collect("b/../1").indices.size


# -- how much and how often ----------------------------------------------------------------------


def test_a_large_body_is_refused_unread(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    whole = b'{"n": 1}'.ljust(4096)
    assert client.post("/api/take", content=whole, headers=headers).status_code == 200
    assert client.post("/api/take", content=whole + b" ", headers=headers).status_code == 413
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while read < 100:
            read += 1
            yield b" " * 1024

    answer = client.post("/api/take", content=endless(), headers=headers)
    assert answer.status_code == 413


def test_requests_are_limited_and_strangers_do_not_use_up_ours(inbox: Inbox) -> None:
    now_s = [0.0]
    app = app_of(
        inbox,
        known=Buckets(2.0, 3.0, clock=lambda: now_s[0]),
        strangers=Buckets(0.5, 3.0, clock=lambda: now_s[0]),
    )
    client = entered(TestClient(app, base_url=HERE))
    stranger = TestClient(app, base_url=HERE)
    assert [stranger.get("/").status_code for _ in range(4)] == [401, 401, 401, 429]
    codes = [client.get("/api/campaign").status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    assert client.get("/page.js").headers["retry-after"] == "1"
    now_s[0] += 1.0
    assert [client.get("/page.js").status_code for _ in range(3)] == [200, 200, 429]
    assert stranger.get("/").headers["retry-after"] == "2"
    assert stranger.get(f"/?key={SECRET}").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_foreign_pages_cannot_lock_the_owner_out(inbox: Inbox, site: str) -> None:
    """Whatever they send from the owner's own browser, with the cookie or without."""
    app = app_of(
        inbox,
        known=Buckets(1e-9, 3.0, clock=lambda: 0.0),
        strangers=Buckets(1e-9, 3.0, clock=lambda: 0.0),
    )
    owner, stranger = entered(TestClient(app, base_url=HERE)), TestClient(app, base_url=HERE)
    for client in (owner, stranger):
        for path in (*READ, "/?key=wrong"):
            client.get(path, headers={"Sec-Fetch-Site": site})
    assert stranger.get("/").status_code == 429
    assert owner.get("/", headers={"Sec-Fetch-Site": site}).status_code == 429
    assert [owner.get("/").status_code for _ in range(3)] == [200] * 3
    assert owner.get("/").status_code == 429
    for client in (owner, stranger):
        assert client.get("/", params={"key": SECRET}).status_code == 200


def test_buckets_forget_the_oldest_key() -> None:
    buckets = Buckets(1.0, 1.0, clock=lambda: 0.0, most_keys=2)
    assert [buckets.wait_s(key) for key in "abab"] == [0.0, 0.0, 1.0, 1.0]
    assert [buckets.wait_s(key) for key in "cab"] == [0.0, 0.0, 0.0]


def test_the_secret_is_in_no_log(app: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with TestClient(app, base_url=HERE) as client:
        entered(client).get("/api/campaign")
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]
    assert not [record for record in ours if SECRET in record.getMessage()]


def test_websockets_are_refused(app: ASGIApp) -> None:
    from starlette.websockets import WebSocketDisconnect

    with (
        pytest.raises(WebSocketDisconnect),
        TestClient(app, base_url=HERE).websocket_connect("/"),
    ):
        pass
