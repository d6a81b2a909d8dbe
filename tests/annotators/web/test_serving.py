import os
import socket
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from mcal.annotators.inbox import Inbox
from mcal.annotators.web import prompt, serving
from mcal.annotators.web.app import Page, build_app
from mcal.annotators.web.desk import Desk
from mcal.annotators.web.status import Status
from mcal.errors import AnnotatorError
from mcal.types import Batch, Purpose


def test_the_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret"
    secret = serving.kept_secret(file)
    assert len(secret.reveal()) >= 43  # 256 bits
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert serving.kept_secret(file).reveal() == secret.reveal()
    assert serving.kept_secret(tmp_path / "other").reveal() != secret.reveal()


def test_a_secret_that_others_could_have_read_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    known = serving.kept_secret(file).reveal()
    file.chmod(0o644)
    assert serving.kept_secret(file).reveal() != known
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("found", [b"", b"short\n", b"\xff" * 64])
def test_a_damaged_secret_is_replaced(tmp_path: Path, found: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(found)
    file.chmod(0o600)
    assert len(serving.kept_secret(file).reveal()) >= 43


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnnotatorError, match="cannot be kept"):
        serving.kept_secret(tmp_path / "file" / "secret")


def test_a_taken_port_is_told_and_the_default_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving.bind("127.0.0.1", 0) as place:
        port = place.getsockname()[1]
        with pytest.raises(AnnotatorError, match=f"127.0.0.1, port {port}: cannot listen"):
            serving.bind("127.0.0.1", port)
        monkeypatch.setattr(serving, "DEFAULT_PORT", port)
        with serving.bind("127.0.0.1", None) as other:
            assert other.getsockname()[1] not in (0, port)


def test_an_unknown_host_is_told() -> None:
    with pytest.raises(AnnotatorError, match="no address to listen on"):
        serving.bind("no such host", 0)


@pytest.mark.parametrize(
    ("host", "is_loopback"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_who_can_reach_the_page_is_known(host: str, is_loopback: bool) -> None:
    with serving.bind(host, 0) as place:
        assert serving.is_loopback(place) is is_loopback


def test_the_address_can_be_opened() -> None:
    secret = serving.Secret("x" * 43)
    with serving.bind("127.0.0.1", 0) as place:
        port = place.getsockname()[1]
        assert serving.url(place, secret) == f"http://127.0.0.1:{port}/?key={'x' * 43}"
    with serving.bind("0.0.0.0", 0) as place:
        assert serving.url(place, secret).startswith(f"http://{socket.gethostname()}:")


def test_the_browser_is_not_told_the_secret_in_its_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(serving.webbrowser, "open", opened.append)
    file = tmp_path / "open.html"
    for secret in ("one", "two"):
        serving.open_browser(f"http://127.0.0.1/?key={secret}", file)
        assert secret not in opened[-1]
        assert f"?key={secret}" in file.read_text()
        assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_real_server_logs_no_secret_and_stops_when_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.order(Batch("b", Purpose.TEST, 0, np.arange(1), ("one",), ("cat", "dog")))
    secret = serving.kept_secret(tmp_path / "secret")
    page = Page(Desk(inbox), "t", ("cat", "dog"), lambda index: None, lambda: Status("people"))
    with serving.bind("127.0.0.1", 0) as place:
        server = serving.server_of(build_app(page, secret))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        address = serving.url(place, secret)
        with httpx.Client(base_url=address.partition("/?")[0]) as client:
            assert client.get("/").status_code == 401
            assert client.get(address).status_code == 200
            assert client.get("/api/campaign").json()["title"] == "t"
            answer = client.get("/", headers={"X-Large": "x" * 100_000})
            assert answer.status_code == 400
        serving.stop_later(server, 0.0)
        thread.join(20.0)
        assert not thread.is_alive()
    told = capfd.readouterr()
    assert secret.reveal() not in told.out + told.err


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"],
    ids=["nothing", "half a request", "a request that is refused"],
)
@pytest.mark.parametrize(("n_silent", "patience_s"), [(30, 60.0), (5, 0.2)])
def test_silent_connections_stop_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, n_silent: int, patience_s: float
) -> None:
    """More than there are places give way at once, fewer after a while."""
    monkeypatch.setattr(serving, "_MOST_CONNECTIONS", 20)
    monkeypatch.setattr(prompt, "_PATIENCE_S", patience_s)
    secret = serving.kept_secret(tmp_path / "secret")
    inbox = Inbox(tmp_path / "inbox")
    page = Page(Desk(inbox), "t", ("cat", "dog"), lambda index: None, lambda: Status("people"))
    with serving.bind("127.0.0.1", 0) as place, ExitStack() as held:
        server = serving.server_of(build_app(page, secret))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        silent = [
            held.enter_context(socket.create_connection(place.getsockname(), 20.0))
            for _ in range(n_silent)
        ]
        for one in silent:
            with suppress(OSError):  # has made room already
                one.sendall(sent)
        try:
            with httpx.Client() as client:
                assert client.get(serving.url(place, secret), timeout=20.0).status_code == 200
            with suppress(ConnectionResetError):
                while silent[0].recv(65_536):
                    pass  # a refusal, then the end; one that stays open ends in a time-out
        finally:
            server.should_exit = True
            thread.join(20.0)
        assert not thread.is_alive()


@pytest.mark.parametrize(("package", "module"), [("starlette", "app"), ("uvicorn", "serving")])
def test_a_missing_package_is_told_and_ordering_needs_none(package: str, module: str) -> None:
    code = (
        f"import sys; sys.modules['{package}'] = None\n"
        "import mcal.annotators.web\n"
        f"try: import mcal.annotators.web.{module}\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{package} is not installed: pip install 'mcal[web]'\n"
