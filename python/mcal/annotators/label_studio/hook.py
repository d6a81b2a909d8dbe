"""A door for Label Studio's webhooks, which only say that it is time to look.

Nothing that comes in is parsed or believed but the secret at the end of the path, so a stranger
gets nothing in and nothing out. Not ``http.server``: its time limit is per read, which a caller
that sends a byte a second never meets, and its refusals repeat what was sent.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
import time
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from mcal.errors import AnnotatorError

from ..retry import Transient
from ..secrets import Secret
from .server import Server

_ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
)
_GAP_S = 1.0  # a flood wakes no more often
_RARELY_S = 60.0  # between looks, once a call has come through: calls can be lost
_CALL_S = 2.0  # for a call from its first byte to its last
_MOST_BYTES = 16_384
_MOST_CALLS = 16  # at once
_MARK = "mcal-"
_KNOWN = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Call(BaseRequestHandler):
    server: Listener

    def handle(self) -> None:
        end_s, head = time.monotonic() + _CALL_S, b""
        with suppress(OSError):  # too slow, or gone
            while b"\r\n\r\n" not in head and len(head) < _MOST_BYTES:
                part = self._part(end_s)
                if not part:
                    return
                head += part
            self.request.sendall(_KNOWN if self.server.knows(head) else _UNKNOWN)
            self.request.shutdown(socket.SHUT_WR)
            n_left = _MOST_BYTES  # what is unread when a connection closes takes the answer along
            while n_left > 0 and (part := self._part(end_s)):
                n_left -= len(part)

    def _part(self, end_s: float) -> bytes:
        left_s = end_s - time.monotonic()
        if left_s <= 0.0:
            raise TimeoutError
        self.request.settimeout(left_s)
        part: bytes = self.request.recv(4096)
        return part


class Listener(ThreadingTCPServer):
    """Listens in threads of its own until ``close``; ``bind`` is "host:port".

    Raises
    ------
    OSError
        The address is taken or not this machine's.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = _MOST_CALLS

    def __init__(self, bind: str) -> None:
        place = urlsplit(f"//{bind}")
        host = place.hostname or ""
        if ":" in host:
            self.address_family = socket.AF_INET6
        self.word = Secret(_MARK + secrets.token_urlsafe(32))
        self.was_called = False
        self._free = threading.BoundedSemaphore(_MOST_CALLS)
        self._called = threading.Event()
        self._woke_s = -_GAP_S
        super().__init__((host, place.port or 0), _Call)
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def knows(self, head: bytes) -> bool:
        """Whether a request is a call of the server; then it is remembered for ``wait``."""
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        word = rest.partition(b" ")[0].rpartition(b"/")[2]
        is_known = hmac.compare_digest(word, self.word.reveal().encode()) and method == b"POST"
        if is_known:
            self.was_called = True
            self._called.set()
        return is_known

    def wait(self, timeout_s: float) -> bool:
        """Whether a call came; many are one, and there is no more than one a second."""
        if not self._called.wait(timeout_s):
            return False
        time.sleep(max(0.0, self._woke_s + _GAP_S - time.monotonic()))
        self._called.clear()
        self._woke_s = time.monotonic()
        return True

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class Hook:
    """A listener, and the webhook of one project that calls it.

    Parameters
    ----------
    server : Server
    url : str
        Where the server reaches the listener.
    bind : str
        Where the listener is, "host:port".
    """

    def __init__(self, server: Server, url: str, bind: str) -> None:
        self._server, self._url, self._bind = server, url.rstrip("/"), bind
        self._listener: Listener | None = None
        self._number: int | None = None
        self.problem: str | None = None

    def wait(self, project: int, poll_s: float) -> bool:
        """As ``Wakes.wait``; the first one sets everything up.

        What keeps it from working is ``problem`` afterwards, and never an error.
        """
        if self._listener is None and self.problem is None:
            self._open(project)
            if self.problem is None:
                return True  # something may have come before it could be heard
        if self._listener is None:
            time.sleep(poll_s)
            return False
        return self._listener.wait(max(poll_s, _RARELY_S) if self._listener.was_called else poll_s)

    def close(self) -> None:
        """Take the webhook back, if the server is there, and stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._number is not None:
            with suppress(AnnotatorError, Transient), self._server:
                self._server.once("DELETE", f"/api/webhooks/{self._number}/")
            self._number = None

    def _open(self, project: int) -> None:
        try:
            listener = Listener(self._bind)
        except OSError as error:
            self.problem = f"webhook_bind: cannot listen at {self._bind}: {error}; polling instead"
            return
        try:
            with self._server:
                self._number = self._server.retried(
                    "set up the webhook", lambda: self._replace(project, listener.word.reveal())
                )
        except AnnotatorError as error:
            listener.close()
            self.problem = (
                f"webhook_url: polling instead of {self._url}: "
                f"{listener.word.hidden_in(str(error))}. Label Studio calls a private address "
                "only if it was started with SSRF_PROTECTION_ENABLED=false"
            )
            return
        self._listener = listener

    def _replace(self, project: int, word: str) -> int:
        """The number of a new webhook; those that were left behind by a kill are removed."""
        expect = self._server.expect
        found = self._server.once("GET", "/api/webhooks/", params={"project": project})
        for hook in expect(list, "a list of webhooks", found):
            known = expect(dict, "a webhook", hook)
            if str(known.get("url")).startswith(f"{self._url}/{_MARK}"):
                self._server.delete(f"/api/webhooks/{known.get('id')}/")
        body = {
            "project": project,
            "url": f"{self._url}/{word}",
            "send_payload": False,
            "send_for_all_actions": False,
            "actions": _ACTIONS,
        }
        made = expect(dict, "a webhook", self._server.once("POST", "/api/webhooks/", body=body))
        number: int = expect(int, "a webhook's number", made.get("id"))
        return number
