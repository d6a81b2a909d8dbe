"""``mcal label DIR_OR_CONFIG``: a page to label on, and the campaign behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from mcal.settings import Settings

__all__ = ["label"]

_LAST_WORDS_S = 5.0  # so long the page is still there to tell how it ended


def label(
    target: Annotated[
        Path,
        typer.Argument(metavar="DIR|CONFIG.toml", help="Folder of the campaign, or its settings."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the campaign, with CONFIG.toml.  [default: CONFIG-campaign]"),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in, unencrypted.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="0: any free one.  [default: 8642, or a free one]"),
    ] = None,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Only serve the page; `mcal run` does the rest.")
    ] = False,
    browse: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser of this machine.")
    ] = False,
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="Do not stay until Ctrl-C.")
    ] = False,
) -> None:
    """Label on a page in the browser, while the campaign goes on behind it.

    For campaigns with `kind = "web"` as their annotator. Prints an address with a secret: whoever
    has it can label. Ctrl-C stops, the same command continues.
    """
    from mcal.config import read_settings

    if target.is_dir() and out is not None:
        raise typer.BadParameter("only with CONFIG.toml", param_hint="--out")
    if target.is_dir():
        folder, settings = target, _stored_settings(target)
    else:
        settings = read_settings(target)
        folder = out or target.with_name(f"{target.stem}-campaign")
    _label(
        settings, folder, host, port, run=not no_run, browse=browse, exit_when_done=exit_when_done
    )


def _stored_settings(folder: Path) -> Settings:
    from mcal.store import Store, settings_now

    with Store.open(folder, read_only=True) as store:
        return settings_now(store)


def _label(
    settings: Settings,
    folder: Path,
    host: str,
    port: int | None,
    *,
    run: bool,
    browse: bool,
    exit_when_done: bool,
) -> None:
    from rich.console import Console

    from mcal.annotators.web import WebAnnotator, serving
    from mcal.annotators.web.app import Page, build_app
    from mcal.annotators.web.desk import Desk
    from mcal.campaign import Campaign
    from mcal.campaign.background import Background
    from mcal.campaign.opening import check_same_settings, open_parts
    from mcal.errors import SettingsError
    from mcal.pools import picture_of
    from mcal.settings import WebSettings
    from mcal.store import Store

    from .live import open_view
    from .page_status import CampaignStatus
    from .tables import broken_lines, print_lines

    if not isinstance(settings.annotator, WebSettings):
        found = settings.annotator.kind if settings.annotator else "none"
        raise SettingsError(f'annotator.kind: expected "web" to label on a page, found "{found}"')
    if Store.exists(folder):
        check_same_settings(settings, folder)
    console = Console(highlight=False)
    with serving.bind(host, port) as place, open_view(console) as view:
        pool, annotator = parts = open_parts(settings, folder, view.progress)
        assert isinstance(annotator, WebAnnotator)
        print_lines(console, broken_lines(pool.broken(), pool.n_pool, pool.item_name))
        secret = serving.kept_secret(folder / "labelling" / "page.secret")

        def end() -> None:
            if background.error is not None or exit_when_done:
                serving.stop_later(server, _LAST_WORDS_S)
            if background.error is None:
                _tell_the_end(console, folder, stays=not exit_when_done)

        background = Background(
            lambda: Campaign.from_settings(settings, folder, parts=parts),
            is_ready=annotator.is_ready,
            on_event=view,
            on_end=end,
        )
        page = Page(
            desk=Desk(annotator.inbox),
            title=folder.resolve().name,
            classes=pool.classes,
            picture=lambda index: picture_of(pool, index),
            status=CampaignStatus(folder, background if run else None),
        )
        server = serving.server_of(build_app(page, secret, hosts=serving.names_of(host)))
        address = serving.url(place, secret)
        print_lines(console, [f"label here:  {address}"])
        if not serving.is_loopback(place):
            print_lines(console, ["! other machines reach this page, and nothing is encrypted"])
        if browse:
            serving.open_browser(address, folder / "labelling" / "open.html")
        if run:
            background.start()
        try:
            server.run(sockets=[place])
        finally:
            if run and not background.stop():
                print_lines(console, ["! the training was left in its middle; it begins again"])
    if background.error is not None:
        raise background.error


def _tell_the_end(console: Console, folder: Path, *, stays: bool) -> None:
    import shlex

    from mcal.store import Store, summarise

    from .tables import print_lines, print_summary

    with Store.open(folder, read_only=True) as store:
        print_summary(console, summarise(store))
    where = shlex.quote(str(folder))
    print_lines(
        console,
        [
            "",
            f"labels:  mcal export {where}",
            f"report:  mcal report {where}",
            f"check:   mcal evaluate {where}",
        ],
    )
    if stays:
        print_lines(console, ["The page stays until Ctrl-C."])
