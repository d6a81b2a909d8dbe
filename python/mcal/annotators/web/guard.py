"""What stands before every request: who may ask, from where, how much and how often.

The secret comes once, in the address that ``mcal label`` prints, and is exchanged for a cookie that
no script reads and no other site's request carries. Everything without it is refused: pictures and
the page's own code too.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Collection
from urllib.parse import quote, unquote, urlsplit

from mcal.errors import MissingExtraError

from ..secrets import Secret

try:
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as error:
    raise MissingExtraError("starlette", "web") from error

__all__ = ["Buckets", "Guard", "browser_of", "mark_of"]

_BROWSER_COOKIE = "mcal-person"
_KEPT_S = 90 * 24 * 3600
_LARGEST_BODY_BYTES = 4096
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BROWSER = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


class Buckets:
    """At most ``burst`` requests at once and ``rate_per_s`` in the long run, for each key."""

    def __init__(
        self,
        rate_per_s: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_keys: int = 1024,
    ) -> None:
        self._rate_per_s, self._burst = rate_per_s, burst
        self._clock, self._most_keys = clock, most_keys
        self._filled: dict[str, tuple[float, float]] = {}  # oldest first: tokens, and when

    def wait_s(self, key: str) -> float:
        """0, and a token is taken; or how long until there is one."""
        now_s = self._clock()
        tokens, then_s = self._filled.pop(key, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - then_s) * self._rate_per_s)
        is_allowed = tokens >= 1.0
        self._filled[key] = (tokens - is_allowed, now_s)
        if len(self._filled) > self._most_keys:
            del self._filled[next(iter(self._filled))]
        return 0.0 if is_allowed else (1.0 - tokens) / self._rate_per_s


class Guard:
    """ASGI middleware around the page.

    Parameters
    ----------
    app : ASGI application
    secret : Secret
        Of the campaign's page.
    hosts : collection of str
        Names that the page may be asked for by, besides IP addresses and "localhost": any other
        name in the ``Host`` header is that of a foreign site that was made to point here.
    known, strangers : Buckets
        By network address: of our own page's requests, and of all others. The right key enters
        whatever was asked before, so that nobody can lock its owner out.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        secret: Secret,
        hosts: Collection[str] = (),
        known: Buckets | None = None,
        strangers: Buckets | None = None,
    ) -> None:
        self._app = app
        self._secret = secret
        self._hosts = {host.lower() for host in hosts}
        self._known = known or Buckets(200.0, 500.0)
        self._strangers = strangers or Buckets(2.0, 20.0)
        # Cookies do not tell ports apart: each campaign's has a name of its own.
        self._cookie = f"mcal-{mark_of(secret)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = self._refusal(Request(scope))
        is_refused = answer is not None and answer.status_code >= 400

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                if is_refused:  # a stranger's idle connection would take a place of people's
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.lower().encode(), value.encode())
                        for name, value in _HEADERS.items()
                        if name.lower().encode() not in given
                    ),
                ]
            await send(message)

        if answer is not None:
            await answer(scope, receive, send_guarded)
            return
        body = await _whole_body(receive)
        if body is None:
            answer = _refused(413, "too large")
            await answer(scope, receive, send_guarded)
            return
        parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_read() -> Message:
            return parts.pop() if parts else await receive()

        await self._app(scope, receive_read, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        """What is answered instead of the page; None lets the request through."""
        if not self._is_our_name(request.headers.get("host", "")):
            return _refused(421, "unknown host")
        if request.scope["path"] == "/" and self._is_secret(request.query_params.get("key", "")):
            return self._enter(request)
        is_known = (
            self._is_secret(request.cookies.get(self._cookie, ""))
            and browser_of(request) is not None
            and "key" not in request.query_params
        )
        is_ours = is_known and not _is_foreign(request)
        client = request.client.host if request.client else ""
        if wait_s := (self._known if is_ours else self._strangers).wait_s(client):
            return _refused(429, "too many requests", {"Retry-After": str(int(wait_s) + 1)})
        if not is_known:
            return _refused(401, "Open the address that mcal label has printed.")
        if not is_ours:
            return _refused(403, "from another site")
        if request.method == "POST":
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return _refused(415, "expected application/json")
        return None

    def _enter(self, request: Request) -> Response:
        """The secret for a cookie."""
        # A page that goes on by itself: after a redirect from a link in a mail, browsers would
        # still hold the cookie back.
        response = PlainTextResponse(
            "", headers={"Refresh": "0; url=/", "Cache-Control": "no-store"}
        )
        response.set_cookie(
            self._cookie, self._secret.reveal(), max_age=_KEPT_S, httponly=True, samesite="strict"
        )
        _keep_browser(response, browser_of(request) or f"~{secrets.token_urlsafe(9)}")
        return response

    def _is_secret(self, given: str) -> bool:
        return hmac.compare_digest(
            given.encode("utf-8", "surrogateescape"), self._secret.reveal().encode()
        )

    def _is_our_name(self, host: str) -> bool:
        """Names lead here only by our word; an address cannot be made to point elsewhere."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts or name == "localhost":
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def mark_of(secret: Secret) -> str:
    """What tells campaigns apart that are served at the same address, and gives nothing away."""
    return hashlib.sha256(secret.reveal().encode()).hexdigest()[:12]


def browser_of(request: Request) -> str | None:
    """Which browser asks, as the cookie says; None without one."""
    browser = unquote(request.cookies.get(_BROWSER_COOKIE, ""))
    return browser if _BROWSER.fullmatch(browser) else None


def _keep_browser(response: Response, browser: str) -> None:
    """Let the browser say from now on which it is; never changed, for people are told by it."""
    response.set_cookie(
        _BROWSER_COOKIE, quote(browser, safe="~"), max_age=_KEPT_S, httponly=True, samesite="strict"
    )


def _is_foreign(request: Request) -> bool:
    """Whether a browser says that another site's page asks."""
    headers = request.headers
    if "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host"):
        return True
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _refused(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(
        words + "\n", status, headers={"Cache-Control": "no-store", **(headers or {})}
    )


async def _whole_body(receive: Receive) -> bytes | None:
    """The body of a request; None where it is larger than any that the page sends."""
    body = b""
    while len(body) <= _LARGEST_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body if len(body) <= _LARGEST_BODY_BYTES else None
    return None
