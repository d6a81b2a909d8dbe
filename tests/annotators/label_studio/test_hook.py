"""The webhook's door: what opens it, and what strangers can do to it, which is nothing."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest

from label_studio_fake import TOKEN, URL, Answer, FakeLabelStudio, refusal
from label_studio_people import PIXEL
from mcal import LabelStudioSettings
from mcal.annotators import retry
from mcal.annotators.consensus import ConsensusAnnotator
from mcal.annotators.label_studio import LabelStudioAnnotator, hook
from mcal.annotators.label_studio.hook import Listener
from mcal.types import Batch, Purpose, Wakes

BATCH = Batch("b-1", Purpose.TRAIN, 0, np.array([7, 3]), ("7.png", "3.png"), ("cat", "dog"))
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener("127.0.0.1:0")
    yield found
    found.close()


def sent(listener: Listener, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """All that comes back."""
    with socket.create_connection(listener.server_address[:2], timeout=10.0) as caller:
        try:
            for part in parts:
                caller.sendall(part)
                time.sleep(pause_s)
            answer = b""
            while part := caller.recv(4096):
                answer += part
        except ConnectionError:
            return b""
    return answer


def word_of(listener: Listener) -> bytes:
    return listener.word.reveal().encode()


def posted(path: bytes, method: bytes = b"POST", headers: bytes = b"") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: mcal.test\r\n" + headers + b"\r\n"


@pytest.mark.parametrize("prefix", [b"/", b"/behind/a/proxy/"])
def test_the_secret_wakes(listener: Listener, prefix: bytes) -> None:
    answer = sent(listener, posted(prefix + word_of(listener)), b'{"action": "ANNOTATION_CREATED"}')
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert listener.was_called
    assert listener.wait(5.0)
    assert not listener.wait(0.01)


def test_each_listener_has_a_secret_of_its_own(listener: Listener) -> None:
    other = Listener("127.0.0.1:0")
    other.close()
    assert other.word.reveal() != listener.word.reveal()
    assert len(listener.word.reveal()) >= 5 + 43  # 256 bits
    assert listener.word.reveal() not in repr(listener.word)


STRANGERS: dict[str, Callable[[bytes], bytes]] = {
    "no path": lambda _: posted(b"/"),
    "wrong word": lambda _: posted(b"/mcal-" + b"A" * 43),
    "half the word": lambda word: posted(b"/" + word[:-1]),
    "word and more": lambda word: posted(b"/" + word + b"/"),
    "as a query": lambda word: posted(b"/?" + word),
    "other letters": lambda word: posted(b"/" + word.swapcase()),
    "word not ascii": lambda _: posted("/mcal-é".encode()),
    "word in a header": lambda word: posted(b"/", headers=b"X-Word: " + word + b"\r\n"),
    "GET": lambda word: posted(b"/" + word, b"GET"),
    "HEAD": lambda word: posted(b"/" + word, b"HEAD"),
    "OPTIONS, as a browser asks first": lambda word: posted(
        b"/" + word, b"OPTIONS", b"Origin: https://evil.test\r\n"
    ),
    "lower case": lambda word: posted(b"/" + word, b"post"),
    "a form on a foreign page": lambda _: posted(
        b"/hook", headers=b"Origin: https://evil.test\r\nContent-Type: text/plain\r\n"
    ),
    "a rebound name": lambda _: posted(b"/hook").replace(b"mcal.test", b"evil.test:8700"),
    "traversal": lambda _: posted(b"/../../etc/passwd"),
    "markup": lambda _: posted(b"/<script>alert(1)</script>"),
    "no HTTP": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "nothing": lambda _: b"\r\n\r\n",
    "endless headers": lambda _: b"POST / HTTP/1.1\r\nX: " + b"x" * 1_000_000,
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_gets_nothing(
    listener: Listener, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = sent(listener, STRANGERS[name](word_of(listener)))
    assert answer == NOTHING or (name == "endless headers" and answer == b"")
    assert not listener.wait(0.05)
    assert not listener.was_called
    assert capfd.readouterr() == ("", "")


def test_a_body_is_not_waited_for_and_not_read_to_its_end(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "_CALL_S", 0.3)
    headers = b"Content-Length: 1000000000\r\n"
    known = posted(b"/" + word_of(listener), headers=headers)
    assert sent(listener, known, b"{").startswith(b"HTTP/1.1 204 ")
    assert sent(listener, posted(b"/", headers=headers), b"{") == NOTHING
    body = [b"x" * 65_536] * 200
    assert sent(listener, posted(b"/", headers=headers), *body) in (NOTHING, b"")
    assert sent(listener, posted(b"/"), b"") == NOTHING


def test_who_dawdles_is_cut_off(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "_CALL_S", 0.3)
    assert sent(listener, b"POST /") == b""
    assert sent(listener, *[b"P"] * 12, pause_s=0.1) == b""  # each byte is in time, all are not


def test_a_crowd_that_holds_the_door_is_limited_and_goes(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "_CALL_S", 0.5)
    before = threading.active_count()
    crowd = [socket.create_connection(listener.server_address[:2]) for _ in range(60)]
    try:
        time.sleep(0.3)
        assert threading.active_count() - before <= 16
        deadline_s = time.monotonic() + 10.0
        call = posted(b"/" + word_of(listener))
        while not sent(listener, call).startswith(b"HTTP/1.1 204 "):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    finally:
        for one in crowd:
            one.close()


def test_a_flood_is_one_wake_a_second(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    for _ in range(200):
        assert listener.knows(posted(b"/" + word_of(listener)))
    assert listener.wait(1.0)
    assert not listener.wait(0.0)
    monkeypatch.setattr(hook.time, "sleep", slept.append)
    assert listener.knows(posted(b"/" + word_of(listener)))
    assert listener.wait(1.0)
    assert 0.5 < slept[0] <= 1.0


# -- with Label Studio -----------------------------------------------------------------------------


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeLabelStudio:
    monkeypatch.setattr(retry.tenacity.nap.time, "sleep", lambda _: None)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    return FakeLabelStudio()


@pytest.fixture
def address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def opened(fake: FakeLabelStudio, address: str, **more: object) -> LabelStudioAnnotator:
    settings = {"url": URL, "project": "Birds", "webhook_url": address} | more
    return LabelStudioAnnotator(
        LabelStudioSettings.model_validate(settings), lambda _: PIXEL, transport=fake.transport
    )


def test_an_annotation_wakes_and_closing_removes_the_webhook(
    fake: FakeLabelStudio, address: str
) -> None:
    annotator = opened(fake, address)
    ticket = annotator.submit(BATCH)
    assert not fake.webhooks  # only who waits listens
    assert annotator.wait(5.0)  # something may have come before
    (made,) = fake.webhooks.values()
    assert made["project"] == int(ticket.split("/")[0])
    assert made["send_payload"] is False
    assert made["send_for_all_actions"] is False
    assert not annotator.wait(0.01)  # looks as often as before: no call has come through yet
    assert httpx.post(made["url"], json={"action": "ANNOTATION_CREATED"}).status_code == 204
    assert annotator.wait(60.0)
    assert annotator.collect(BATCH, ticket).problems == ()
    annotator.close()
    assert not fake.webhooks
    with pytest.raises(httpx.ConnectError):
        httpx.post(made["url"])
    annotator.close()
    assert annotator.wait(5.0)
    assert len(fake.webhooks) == 1
    annotator.close()


def test_once_called_it_looks_rarely(
    fake: FakeLabelStudio, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotator = opened(fake, address)
    annotator.submit(BATCH)
    annotator.wait(5.0)
    (made,) = fake.webhooks.values()
    httpx.post(made["url"])
    asked: list[float] = []
    monkeypatch.setattr(Listener, "wait", lambda _, timeout_s: asked.append(timeout_s))
    annotator.wait(5.0)
    assert asked == [60.0]
    annotator.close()


def test_what_a_kill_left_behind_is_replaced(fake: FakeLabelStudio, address: str) -> None:
    annotator = opened(fake, address)
    project = int(annotator.submit(BATCH).split("/")[0])
    others = {
        1001: {"id": 1001, "project": project, "url": "https://else.test/mcal-x"},
        1002: {"id": 1002, "project": project + 1, "url": f"{address}/mcal-x"},
    }
    left = {n: {"id": n, "project": project, "url": f"{address}/mcal-{n}"} for n in (1003, 1004)}
    fake.webhooks |= others | left
    assert annotator.wait(5.0)
    assert fake.webhooks.keys() & {1001, 1002, 1003, 1004} == others.keys()
    assert len(fake.webhooks) == 3
    annotator.close()
    assert fake.webhooks == others


def test_a_lost_answer_leaves_one_webhook(fake: FakeLabelStudio, address: str) -> None:
    lost: list[str] = []

    def mishap(request: httpx.Request, answer: Answer) -> httpx.Response:
        response = answer(request)
        if request.url.path == "/api/webhooks/" and request.method == "POST" and not lost:
            lost.append("once")
            raise httpx.ReadTimeout("lost")
        return response

    fake.mishap = mishap
    annotator = opened(fake, address)
    annotator.submit(BATCH)
    assert annotator.wait(5.0)
    assert lost
    assert len(fake.webhooks) == 1
    annotator.close()


def test_a_server_that_refuses_the_address_is_polled(fake: FakeLabelStudio, address: str) -> None:
    def mishap(request: httpx.Request, answer: Answer) -> httpx.Response:
        if request.url.path == "/api/webhooks/" and request.method == "POST":
            sent_to = request.content.decode()
            return refusal(403, f"URL resolves to a reserved network address: {sent_to}")
        return answer(request)

    fake.mishap = mishap
    annotator = opened(fake, address)
    ticket = annotator.submit(BATCH)
    assert not annotator.wait(0.0)
    n_asked = len(fake.requests)
    assert not annotator.wait(0.0)
    assert len(fake.requests) == n_asked  # told once, not asked for ever
    (problem,) = annotator.collect(BATCH, ticket).problems
    assert problem.startswith(f"webhook_url: polling instead of {address}: ")
    assert "reserved network address" in problem
    assert "SSRF_PROTECTION_ENABLED=false" in problem
    assert "mcal-" not in problem  # the secret
    with pytest.raises(httpx.ConnectError):
        httpx.post(address)


def test_a_taken_port_is_polled(fake: FakeLabelStudio, address: str) -> None:
    with Listener("127.0.0.1:0") as taken:
        bind = f"127.0.0.1:{taken.server_address[1]}"
        annotator = opened(fake, address, webhook_bind=bind)
        ticket = annotator.submit(BATCH)
        assert not annotator.wait(0.0)
        (problem,) = annotator.collect(BATCH, ticket).problems
        assert problem.startswith(f"webhook_bind: cannot listen at {bind}: ")
        assert not fake.webhooks
        taken.shutdown()


def test_closing_does_not_wait_for_a_server_that_is_away(
    fake: FakeLabelStudio, address: str
) -> None:
    annotator = opened(fake, address)
    annotator.submit(BATCH)
    annotator.wait(5.0)
    n_asked = len(fake.requests)
    fake.mishap = lambda *_: httpx.Response(503)
    annotator.close()
    assert len(fake.requests) == n_asked + 1


def test_consensus_waits_as_its_annotator(fake: FakeLabelStudio, address: str) -> None:
    annotator = ConsensusAnnotator(opened(fake, address))
    assert isinstance(annotator, Wakes)
    annotator.submit(BATCH)
    assert annotator.wait(5.0)
    assert len(fake.webhooks) == 1
    annotator.close()
    assert not fake.webhooks


@pytest.mark.parametrize(
    ("url", "bind", "wrong"),
    [
        ("http://10.0.0.1:8700", None, None),
        ("https://mcal.example.com/hooks", "0.0.0.0:8700", None),
        ("http://[::1]:8700/a", "[::1]:8700", None),
        ("http://10.0.0.1", None, "webhook_url: needs a port"),
        ("ftp://10.0.0.1:8700", None, "webhook_url: expected"),
        ("http://me:secret@10.0.0.1:8700", None, "webhook_url: expected"),
        ("http://10.0.0.1:70000", None, "webhook_url: expected"),
        ("http://10.0.0.1:8700/?a=b", None, "webhook_url: expected"),
        ("http://10.0.0.1:8700", "8700", "webhook_bind: expected"),
        ("http://10.0.0.1:8700", "127.0.0.1:0", "webhook_bind: expected"),
        (None, "127.0.0.1:8700", "webhook_bind: only with webhook_url"),
    ],
)
def test_addresses_are_checked(url: str | None, bind: str | None, wrong: str | None) -> None:
    values = {"url": URL, "project": "Birds", "webhook_url": url, "webhook_bind": bind}
    if wrong is None:
        LabelStudioSettings.model_validate(values)
    else:
        with pytest.raises(ValueError, match=wrong):
            LabelStudioSettings.model_validate(values)
