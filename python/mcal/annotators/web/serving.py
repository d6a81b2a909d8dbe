"""The page on a port: where it listens, its secret, and the server."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
import stat
import threading
import webbrowser
from pathlib import Path

from mcal.errors import AnnotatorError, MissingExtraError

from ..secrets import Secret

try:
    import uvicorn
    from starlette.types import ASGIApp
except ImportError as error:
    raise MissingExtraError("uvicorn", "web") from error

from .prompt import PromptProtocol

__all__ = [
    "DEFAULT_PORT",
    "bind",
    "is_loopback",
    "kept_secret",
    "names_of",
    "open_browser",
    "server_of",
    "stop_later",
    "url",
]

DEFAULT_PORT = 8642
_SECRET_BYTES = 32
_MOST_CONNECTIONS = 256


def kept_secret(file: Path) -> Secret:
    """The secret of a campaign's page: 256 random bits, made once, readable by its owner alone.

    A secret that others could have read, or that is none, is replaced by a new one.

    Raises
    ------
    AnnotatorError
        The file cannot be read or written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            value = file.read_text(encoding="ascii", errors="replace").strip()
            others = stat.S_IMODE(file.stat().st_mode) & 0o077
            if len(value) >= _SECRET_BYTES and value.isascii() and not (others and os.name != "nt"):
                return Secret(value)
            file.unlink()
        value = secrets.token_urlsafe(_SECRET_BYTES)
        _write_for_owner(file, value + "\n")
    except OSError as error:
        raise AnnotatorError(f"{file}: cannot be kept: {error}") from error
    return Secret(value)


def bind(host: str, port: int | None) -> socket.socket:
    """A listening place; ``port`` None is ``DEFAULT_PORT`` or, where that is taken, a free one.

    Raises
    ------
    AnnotatorError
        Nothing can listen there.
    """
    wanted = [DEFAULT_PORT, 0] if port is None else [port]
    for number in wanted:
        try:
            found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            place = socket.socket(family, kind, protocol)
        except OSError as error:
            raise AnnotatorError(f"{host}: no address to listen on: {error}") from error
        try:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(address)
            place.listen()
        except OSError as error:
            place.close()
            if number == wanted[-1]:
                raise AnnotatorError(f"{host}, port {number}: cannot listen: {error}") from error
        else:
            return place
    raise AssertionError("the last port is taken or raises")


def is_loopback(place: socket.socket) -> bool:
    """Whether nobody but this machine reaches it."""
    return ipaddress.ip_address(place.getsockname()[0]).is_loopback


def names_of(host: str) -> list[str]:
    """Names that browsers may reach the page by, besides addresses: the machine's, and ``host``."""
    name = socket.gethostname()
    return [host, name, f"{name}.local"]


def url(place: socket.socket, secret: Secret) -> str:
    """The address to open, the secret in it."""
    host, port = place.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/?key={secret.reveal()}"


def open_browser(address: str, file: Path) -> None:
    """Show the page in this machine's browser, by way of ``file``.

    A browser's arguments are seen by everybody on the machine, a file of its owner is not.
    """
    file.unlink(missing_ok=True)
    _write_for_owner(file, f'<meta http-equiv="refresh" content="0; url={address}">')
    webbrowser.open(file.resolve().as_uri())


def _write_for_owner(file: Path, text: str) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        new.write(text)


def stop_later(server: uvicorn.Server, seconds: float) -> None:
    """End the server's ``run`` after a while."""

    def stop() -> None:
        server.should_exit = True

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()


def server_of(app: ASGIApp) -> uvicorn.Server:
    """A server for the page: ``run(sockets=[place])`` answers until Ctrl-C, which it raises again,
    or until ``should_exit`` is set. No request is ever logged: its address may hold the secret.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PromptProtocol,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
    )
