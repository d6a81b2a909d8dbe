"""A labelling page without a campaign: ``python labelling_page.py FOLDER PORT KIND``.

``KIND`` is "digits" (10 classes), "many" (30 classes), "waiting", "done" or "hostile".
"""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcal.annotators.secrets import Secret
from mcal.annotators.web import WebAnnotator, serving
from mcal.annotators.web.app import Page, build_app
from mcal.annotators.web.desk import Desk
from mcal.annotators.web.status import BillRow, Status
from mcal.types import Batch, Picture, Purpose

SECRET = "for-tests-only-" * 3
N_ITEMS = 120
MANY = ("apple tree", "beech", "black poplar", "cedar", "chestnut", "common alder", "cypress")
MANY += ("downy birch", "elder", "elm", "field maple", "fig", "ginkgo", "hawthorn", "hazel")
MANY += ("holly", "hornbeam", "horse chestnut", "juniper", "larch", "lime", "mountain ash", "oak")
MANY += ("olive", "pear", "plane", "scots pine", "silver birch", "sycamore", "yew")
HOSTILE = ("<script>alert(1)</script>", "../../etc/passwd", "two\nlines", "\u202egnp.exe")
MONEY = {"n_pool": 1797, "n_human": 312, "spent_usd": 12.48, "human_only_usd": 71.88}
STATUSES = {
    "waiting": Status("working", "round 2: epoch 7 of 20", 0.35, predicted_usd=17.05, **MONEY),
    "done": Status(
        "done",
        predicted_usd=16.78,
        bill=(
            BillRow("People's labels", 419, 16.76),
            BillRow("The machine's labels", 1378, 0.0),
            BillRow("Training and scoring", None, 0.02),
            BillRow("Total", 1797, 16.78),
            BillRow("People alone", 1797, 71.88),
        ),
        promise="Certified error at most 4.97% (certified with 95% confidence)",
        **MONEY,
    ),
}


def classes_of(kind: str) -> tuple[str, ...]:
    return MANY if kind == "many" else tuple(f"class {digit}" for digit in range(10))


def batch_of(kind: str) -> Batch:
    indices = np.arange(N_ITEMS)
    names = tuple(f"digits/{index:04}.png" for index in indices)
    if kind == "hostile":
        names = tuple(HOSTILE[index % len(HOSTILE)] for index in indices)
    return Batch("b-1", Purpose.TRAIN, 1, indices, names, classes_of(kind))


def picture(index: int) -> Picture:
    """A pattern of 8 x 8 that is different for each item, or a large one."""
    from PIL import Image

    rng = np.random.default_rng(index)
    small = rng.integers(0, 256, (8, 8), dtype=np.uint8)
    pixels = small if index % 10 else np.kron(small, np.ones((200, 300), np.uint8))
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Picture(file.getvalue(), "image/png")


def noted(app: ASGIApp, file: Path) -> ASGIApp:
    """The same, with a line for each answer: status, whether our cookie came, site, method."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                words = (message["status"], "mcal-" in headers.get("cookie", ""))
                with file.open("a") as lines:
                    site = headers.get("sec-fetch-site", "none")
                    print(*words, site, scope["method"], file=lines)
            await send(message)

        await app(scope, receive, send_noted)

    return noting


def main(folder: str, port: str, kind: str) -> None:
    annotator = WebAnnotator(Path(folder))
    if kind not in STATUSES:
        annotator.submit(batch_of(kind))
    status = STATUSES.get(kind, Status("people", predicted_usd=17.05, **MONEY))
    shown = (lambda index: None) if kind == "hostile" else picture
    page = Page(Desk(annotator.inbox), "garden trees", classes_of(kind), shown, lambda: status)
    with serving.bind("127.0.0.1", int(port)) as place:
        print(serving.url(place, Secret(SECRET)), flush=True)
        app = noted(build_app(page, Secret(SECRET)), Path(folder) / "asked")
        serving.server_of(app).run(sockets=[place])


if __name__ == "__main__":
    main(*sys.argv[1:])
