"""``mcal demo``: the main job on a data set whose truth is known."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mcal.settings import PoolSettings

__all__ = ["DemoDataset", "demo"]


class DemoDataset(StrEnum):
    """Data sets that bring their true labels, and are small enough for a demo."""

    FASHION_MNIST = "fashion-mnist"
    DIGITS = "digits"
    CIFAR10 = "cifar10"
    CIFAR100 = "cifar100"


def demo(
    dataset: Annotated[
        DemoDataset | None,
        typer.Option(help="The data set.  [default: fashion-mnist if it can be had, else digits]"),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder where the data set is, or is fetched to.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the campaign.  [default: mcal-demo/DATASET-SEED]"),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Another seed, another campaign.")
    ] = 0,
) -> None:
    """Label a known data set and compare with the truth.

    People are simulated: they give the true label. The same command continues after a stop or
    a kill.
    """
    from mcal.settings import OracleSettings, Settings

    from .drive import drive
    from .evaluate import evaluate

    pool = None if dataset is not None or out is None else _begun(out)
    pool = pool or _choose(dataset, data_root)
    settings = Settings(pool=pool, annotator=OracleSettings(), seed=seed)
    folder = Path("mcal-demo", f"{pool.kind}-{seed}") if out is None else out
    words = ["mcal", "demo", "--dataset", pool.kind, "--out", str(folder), "--seed", str(seed)]
    if data_root is not None:
        words += ["--data-root", str(data_root)]
    drive(settings, folder, again=shlex.join(words))
    evaluate(folder)


def _begun(folder: Path) -> PoolSettings | None:
    """The pool of the campaign that ``folder`` holds, if it holds one."""
    from mcal.settings import Settings
    from mcal.store import Store

    if not Store.exists(folder):
        return None
    with Store.open(folder, read_only=True) as store:
        pool = Settings.model_validate_json(store.campaign.settings_json).pool
    if pool is not None:
        typer.echo(f"Data set: {pool.kind}, with which the campaign in {folder} began.")
    return pool


def _choose(dataset: DemoDataset | None, data_root: Path | None) -> PoolSettings:
    """The pool to label, and a line about why; the same settings whether found or fetched."""
    from mcal.errors import PoolError
    from mcal.pools import find_fashion_mnist, open_pool
    from mcal.settings import PoolSettings

    root = None if data_root is None else data_root.expanduser().resolve()
    if dataset is not None:
        typer.echo(f"Data set: {dataset}, as asked.")
        is_bundled = dataset is DemoDataset.DIGITS
        path = None if is_bundled else root
        return PoolSettings(kind=dataset.value, path=path, download=not is_bundled)
    fashion = PoolSettings(kind="fashion-mnist", path=root, download=True)
    found = find_fashion_mnist(root)
    if found is not None:
        typer.echo(f"Data set: Fashion-MNIST, found in {found}.")
        return fashion
    typer.echo("Fashion-MNIST is not on this machine; fetching it ...")
    try:
        open_pool(fashion, None)
    except PoolError as error:
        typer.echo(f"Data set: the digits of scikit-learn, because {error}")
        return PoolSettings(kind="digits")
    typer.echo("Data set: Fashion-MNIST, fetched.")
    return fashion
