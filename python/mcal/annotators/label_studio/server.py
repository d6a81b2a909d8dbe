"""One Label Studio server: requests, their answers, and what may go wrong with both."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from mcal.errors import AnnotatorError, MissingExtraError

from ..retry import Transient, retried
from ..secrets import Secret

try:
    import httpx
except ImportError as error:
    raise MissingExtraError("httpx", "services") from error

# A server that has answered is being restarted; one that never has may be the wrong address.
_ATTEMPTS_AT_FIRST = 3
_ATTEMPTS = 10
_MOST_WORDS = 300


class NotThereError(AnnotatorError):
    """The server knows no such thing."""


class Server:
    """Requests to one server; a context manager that keeps the connection for a while.

    Parameters
    ----------
    url : str
        Where it is, without a slash at the end.
    token : Secret
        A legacy token, sent as it is, or a personal access token (a JSON web token), exchanged
        for short-lived ones.
    token_env : str
        Where the token came from, for messages.
    timeout_s : float
        Until an answer begins, and between its parts.
    transport : httpx.BaseTransport, optional
        What carries the requests, if not the network.
    """

    def __init__(
        self,
        url: str,
        token: Secret,
        *,
        token_env: str,
        timeout_s: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._token, self._token_env = token, token_env
        self._timeout_s, self._transport = timeout_s, transport
        self._access: Secret | None = None  # what a personal access token was last exchanged for
        self._has_answered = False
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        self._client = httpx.Client(timeout=self._timeout_s, transport=self._transport)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def get(self, path: str, **params: Any) -> Any:
        """What the server has at ``path``."""
        return self.retried("read", lambda: self.once("GET", path, params=params))

    def patch(self, path: str, body: object) -> Any:
        """Set what ``body`` says; safe to repeat."""
        return self.retried("change", lambda: self.once("PATCH", path, body=body))

    def delete(self, path: str) -> None:
        """Remove what is at ``path``, if it is there."""
        with suppress(NotThereError):
            self.retried("remove", lambda: self.once("DELETE", path))

    def retried(self, what: str, call: Callable[[], Any]) -> Any:
        """``call()``, again after what may pass, longer if the server has answered before."""
        attempts = _ATTEMPTS if self._has_answered else _ATTEMPTS_AT_FIRST
        return retried(f"Label Studio at {self.url}: {what}", call, attempts=attempts)

    def once(
        self, method: str, path: str, *, params: dict[str, Any] | None = None, body: object = None
    ) -> Any:
        """One request, not repeated: for what is not safe to repeat blindly.

        Returns
        -------
        The answer's JSON, None where it is empty.

        Raises
        ------
        Transient
            No connection, no answer in time, a server's error, too many requests, half an answer.
        NotThereError
            404 in the server's own words.
        AnnotatorError
            Anything else that is not a success.
        """
        response = self._send(method, path, params, body, self._authorization())
        if response.status_code == 401 and self._is_personal:
            self._access = None  # expired: once more with a new one
            response = self._send(method, path, params, body, self._authorization())
        return self._read(response)

    @property
    def _is_personal(self) -> bool:
        return self._token.reveal().count(".") == 2

    def _authorization(self) -> str:
        if not self._is_personal:
            return f"Token {self._token.reveal()}"
        if self._access is None:
            body = {"refresh": self._token.reveal()}
            found = self._read(self._send("POST", "/api/token/refresh/", None, body, None))
            if not isinstance(found, dict) or not isinstance(found.get("access"), str):
                raise self._unexpected("an access token", found)
            self._access = Secret(found["access"])
        return f"Bearer {self._access.reveal()}"

    def _send(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None,
        body: object,
        authorization: str | None,
    ) -> httpx.Response:
        assert self._client is not None, "expected to be called inside its with statement"
        headers = {"Accept": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        try:
            return self._client.request(
                method, self.url + path, params=params, content=data, headers=headers
            )
        except httpx.TimeoutException as error:
            raise Transient(f"no answer within {self._timeout_s:g} s") from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise AnnotatorError(f"url: expected http(s)://host, found {self.url}") from error
        except httpx.TransportError as error:
            raise Transient(str(error) or type(error).__name__) from error
        except httpx.DecodingError as error:
            raise Transient("an answer that cannot be unpacked") from error

    def _read(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status == 429 or status >= 500:
            raise Transient(f"{status} {response.reason_phrase}", _asked_wait_s(response))
        self._has_answered = True
        if status in (401, 403):
            what = "the token" if status == 401 else "this to the owner of the token"
            raise AnnotatorError(
                f"Label Studio at {self.url} refuses {what} in {self._token_env} ({status}): "
                f"{self._words(response)}"
            )
        if response.is_redirect:
            raise AnnotatorError(
                f"url: {self.url} sends on to {response.headers.get('Location', 'nowhere')}; "
                "expected the address of Label Studio itself"
            )
        if status == 404 and _is_json(response):
            raise NotThereError(f"Label Studio at {self.url}: {self._words(response)}")
        if not response.is_success:
            raise AnnotatorError(f"Label Studio at {self.url}: {status}: {self._words(response)}")
        if not response.content:
            return None
        if not _is_json(response):
            raise self._no_label_studio(response)
        try:
            return response.json()
        except ValueError as error:
            raise Transient("half an answer") from error

    def _no_label_studio(self, response: httpx.Response) -> AnnotatorError:
        kind = response.headers.get("Content-Type", "something without a type")
        return AnnotatorError(
            f"url: expected a Label Studio at {self.url}, found {kind} at {response.url.path}"
        )

    def _words(self, response: httpx.Response) -> str:
        """What the server says of its refusal, without our secrets."""
        try:
            body = response.json()
        except ValueError:
            return f"{response.reason_phrase}; is this a Label Studio?"
        if isinstance(body, dict):
            wrong = body.get("validation_errors")
            body = json.dumps(wrong, ensure_ascii=False) if wrong else body.get("detail", body)
        return self._hidden(str(body))[:_MOST_WORDS]

    def _unexpected(self, expected: str, found: object) -> AnnotatorError:
        words = self._hidden(json.dumps(found, ensure_ascii=False))[:_MOST_WORDS]
        return AnnotatorError(
            f"Label Studio at {self.url}: expected {expected}, found {words}; "
            "is its version older than 1.10?"
        )

    def expect(self, kind: type[Any], what: str, found: Any) -> Any:
        """``found`` if it is a ``kind``, as the interface promises."""
        if not isinstance(found, kind):
            raise self._unexpected(what, found)
        return found

    def _hidden(self, text: str) -> str:
        text = self._token.hidden_in(text)
        return text if self._access is None else self._access.hidden_in(text)


def _is_json(response: httpx.Response) -> bool:
    kind: str = response.headers.get("Content-Type", "")
    return kind.partition(";")[0].strip() == "application/json"


def _asked_wait_s(response: httpx.Response) -> float | None:
    """Retry-After in seconds; a date would compare two clocks, and is left alone."""
    asked: str = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() else None
