"""The page's routes: what a browser asks, answered from the desk, the pictures and the status."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from mcal.errors import MissingExtraError, PoolError
from mcal.types import Picture

from ..secrets import Secret
from .desk import Desk
from .status import Status

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route
    from starlette.types import ASGIApp
except ImportError as error:
    raise MissingExtraError("starlette", "web") from error

from .guard import Buckets, Guard, browser_of, mark_of

__all__ = ["Page", "build_app"]

_SHOWN = frozenset(f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "avif", "bmp"))
_MOST_TAKEN = 32
_LONGEST_NAME = 40
_LARGEST_INTEGER = 2**63 - 1
_MARK_HEADER = "MCal-Campaign"

_Answer = Callable[[Mapping[str, Any], str], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """What is shown.

    Parameters
    ----------
    desk : Desk
    title : str
        Of the campaign.
    classes : sequence of str
    picture : callable
        An item by index as people should see it; None where it cannot be shown. Called by several
        threads at once, only for items that were ordered.
    status : callable
        Where the campaign stands; called often, by several threads at once.
    """

    desk: Desk
    title: str
    classes: Sequence[str]
    picture: Callable[[int], Picture | None]
    status: Callable[[], Status]


def build_app(
    page: Page,
    secret: Secret,
    *,
    hosts: Sequence[str] = (),
    known: Buckets | None = None,
    strangers: Buckets | None = None,
) -> ASGIApp:
    """The page as an ASGI application, guarded; the parameters but ``page`` are ``Guard``'s."""
    routes = _Routes(page, mark_of(secret))

    def posted(answer: _Answer) -> Callable[[Request], Any]:
        return _posted(answer, routes.mark)

    app = Starlette(
        routes=[
            Route("/", _asset("page.html", "text/html")),
            Route("/page.css", _asset("page.css", "text/css")),
            Route("/page.js", _asset("page.js", "text/javascript")),
            Route("/favicon.ico", _nothing),
            Route("/api/campaign", routes.campaign),
            Route("/api/take", posted(routes.take), methods=["POST"]),
            Route("/api/say", posted(routes.say), methods=["POST"]),
            Route("/api/skip", posted(routes.skip), methods=["POST"]),
            Route("/api/undo", posted(routes.undo), methods=["POST"]),
            Route("/api/name", posted(routes.name), methods=["POST"]),
            Route("/picture/{mark}/{order:int}/{index:int}", routes.picture),
        ]
    )
    return Guard(app, secret=secret, hosts=hosts, known=known, strangers=strangers)


class _Routes:
    """Each takes what was asked and who asks, and returns what becomes JSON.

    A ``ValueError`` is the asker's mistake.
    """

    def __init__(self, page: Page, mark: str) -> None:
        self._page, self._desk, self.mark = page, page.desk, mark

    def campaign(self, request: Request) -> Response:
        person = self._desk.person(_browser(request))
        return _json(
            {
                "mark": self.mark,
                "title": self._page.title,
                "classes": list(self._page.classes),
                "name": self._desk.called(person),
                "n_said": self._desk.n_said(person),
                **self._news(),
            }
        )

    def take(self, body: Mapping[str, Any], browser: str) -> dict[str, Any]:
        person = self._desk.person(browser)
        n = min(_whole_number(body, "n", 1), _MOST_TAKEN)
        items = self._desk.take(person, n)
        return {"items": [asdict(item) for item in items], **self._news()}

    def say(self, body: Mapping[str, Any], browser: str) -> dict[str, Any]:
        person = self._desk.person(browser)
        order, index = _whole_number(body, "order"), _whole_number(body, "index")
        return {"taken": self._desk.say(order, index, _whole_number(body, "label", -1), person)}

    def skip(self, body: Mapping[str, Any], browser: str) -> dict[str, Any]:
        person = self._desk.person(browser)
        self._desk.skip(_whole_number(body, "order"), _whole_number(body, "index"), person)
        return {}

    def undo(self, body: Mapping[str, Any], browser: str) -> dict[str, Any]:
        person = self._desk.person(browser)
        found = self._desk.take_back(person)
        if found is None:
            return {"item": None, "said_any": self._desk.n_said(person) > 0}
        return {"item": asdict(found[0]), "label": found[1]}

    def name(self, body: Mapping[str, Any], browser: str) -> dict[str, Any]:
        """Be called so; the same person in every browser that gives this name at first."""
        name = body.get("name")
        if not isinstance(name, str):
            raise ValueError("name: expected text")
        name = " ".join(name.split())
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable() or name.startswith("~"):
            raise ValueError(f"name: expected 1 to {_LONGEST_NAME} letters")
        return {"name": name, "n_said": self._desk.n_said(self._desk.name(browser, name))}

    def picture(self, request: Request) -> Response:
        order, index = request.path_params["order"], request.path_params["index"]
        is_ours = request.path_params["mark"] == self.mark and max(order, index) <= _LARGEST_INTEGER
        if not is_ours or not self._desk.has(order, index):
            return PlainTextResponse("no such item\n", 404)
        try:
            picture = self._page.picture(index)
        except PoolError:
            picture = None  # the file is gone since: its name is shown instead
        if picture is None:
            return PlainTextResponse("cannot be shown\n", 404)
        if picture.media_type not in _SHOWN:
            return PlainTextResponse("not a kind of picture that is shown\n", 415)
        return Response(
            picture.data,
            headers={
                "Content-Type": picture.media_type,
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cache-Control": "private, max-age=3600",  # the path is this campaign's alone
            },
        )

    def _news(self) -> dict[str, Any]:
        return {
            "orders": [asdict(order) for order in self._desk.progress()],
            "status": asdict(self._page.status()),
        }


def _browser(request: Request) -> str:
    browser = browser_of(request)
    assert browser is not None  # the guard lets nobody else through
    return browser


def _posted(answer: _Answer, mark: str) -> Callable[[Request], Any]:
    """A route for JSON: reads the body, and gives the work to a thread, for it waits for disks.

    Pages say which campaign they show: one left open knows other classes and items than these.
    """
    from starlette.concurrency import run_in_threadpool

    async def route(request: Request) -> Response:
        if request.headers.get(_MARK_HEADER, mark) != mark:
            return _json({"problem": "another campaign is served here"}, 409)
        try:
            body = json.loads(await request.body())
            if not isinstance(body, dict):
                raise ValueError("expected an object")
            found = await run_in_threadpool(answer, body, _browser(request))
        except (ValueError, RecursionError) as error:
            return _json({"problem": str(error)}, 400)
        return _json(found)

    return route


def _whole_number(body: Mapping[str, Any], name: str, least: int = 0) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name}: expected a whole number")
    if not least <= value <= _LARGEST_INTEGER:
        raise ValueError(f"{name}: expected at least {least}, found {value}")
    return value


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, headers={"Cache-Control": "no-store"})


def _asset(name: str, media_type: str) -> Callable[[Request], Response]:
    text = (files(__package__) / "assets" / name).read_text(encoding="utf-8")

    def route(request: Request) -> Response:
        return Response(text, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return route


def _nothing(request: Request) -> Response:
    return Response(status_code=204)
