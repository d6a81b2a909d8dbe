"""Write the labelled pool to a file or a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from mcal.manifest import check_source_template, source_ref
from mcal.store import Store, check_may_write, read_delivered, summarise
from mcal.types import Picture, Progress, no_progress

from .hugging_face import write_hugging_face
from .image_folder import write_image_folder
from .items import Items
from .label_studio import check_address_template, write_label_studio
from .manifest import write_manifest
from .parquet import write_parquet
from .rows import Rows
from .text import write_csv, write_jsonl
from .whole import exported_file, whole_folder

__all__ = ["FOLDER_FORMATS", "ExportFormat", "Exported", "check_template", "export"]

ExportFormat = Literal[
    "csv", "parquet", "jsonl", "manifest", "label-studio", "imagefolder", "huggingface"
]
FOLDER_FORMATS = ("label-studio", "imagefolder", "huggingface")
"""Those that write a folder."""

_FILE_WRITERS = {
    "csv": write_csv,
    "parquet": write_parquet,
    "jsonl": write_jsonl,
    "manifest": write_manifest,
}


@dataclass(frozen=True)
class Exported:
    """What an export has written."""

    n_items: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many items are not in it, by why."""


def check_template(format: ExportFormat, template: str) -> None:
    """ValueError unless ``template`` gives a format the addresses of its images."""
    if format == "manifest":
        check_source_template(template)
    elif format == "label-studio":
        check_address_template(template)
    else:
        raise ValueError("only for manifest and label-studio")


def export(
    store: Store,
    path: Path,
    format: ExportFormat = "csv",
    *,
    item_name: Callable[[int], str],
    item_path: Callable[[int], Path] | None = None,
    picture: Callable[[int], Picture | None] | None = None,
    address: str | None = None,
    progress: Progress = no_progress,
) -> Exported:
    """Write one row per item of the pool, by ascending index; the same store gives the same bytes.

    Columns: ``index``; ``item``; ``label``, the name of its class; ``source``, human, audit or
    machine; ``confidence``, how sure the machine is in [0, 1], empty for people; ``round``;
    ``price_usd``, what this label cost; ``model``, the classifier that gave it, empty for people.
    An item without a label yet has only ``index`` and ``item``; one that no class fits has no
    ``label``.

    Text is written as it is. A CSV file for programs must read back what was put in, so a name
    that begins with ``=``, ``+``, ``-`` or ``@`` is not disguised: import such a file into a
    spreadsheet as text if strangers named the items.

    Parameters
    ----------
    store : Store
        Of a finished campaign or a running one; read at one moment.
    path : Path
        The file; replaced when it exists, and only once everything is written. For
        ``FOLDER_FORMATS`` the folder: replaced when it is a former export and nothing else.
    format : str
        "csv" and "jsonl": text. "parquet" needs the extra ``mcal[parquet]``. "manifest":
        SageMaker's augmented one; it has no rounds, prices and models, and "none of these" as a
        class of its own. "label-studio": a labelling configuration and tasks to import, people's
        labels as annotations and the machine's as predictions. "imagefolder": links to the pool's
        files (absolute, so that the tree can be moved), or PNGs, in a folder for each class, and
        ``labels.csv``. "huggingface": Parquet with the images in it, and a card; needs
        ``mcal[parquet]``.
    item_name : callable
        Gives the name for an index: ``pool.item_name``.
    item_path : callable, optional
        Gives the file that an item is: ``pool.item_path`` of a pool that is made of files.
    picture : callable, optional
        Gives an item as an image file, None where it cannot be read: ``pools.picture_of``.
    address : str, optional
        Where a manifest or Label Studio finds the images, with one ``{item}`` for the name. By
        default a manifest has the names alone; Label Studio reads files from its own disk, and
        gets other pictures within the tasks.
    progress : callable
        Told how far the writing is.

    Returns
    -------
    Exported
        How much was written, and what was left out: only "imagefolder" has no place for items
        without a label, and for those that cannot be read.

    Raises
    ------
    ValueError
        A format that there is not, or an address that does not fit it.
    ExportError
        It cannot be written: no such folder, no room, in its place files of other people or what
        the campaign lives on, no images in the pool.
    MissingExtraError
        pyarrow is not installed.
    """
    if format not in get_args(ExportFormat):
        raise ValueError(f"format: expected one of {get_args(ExportFormat)}, found {format!r}")
    if address is not None:
        check_template(format, address)
    check_may_write(store, path)
    name = item_name
    if format == "manifest" and address is not None:
        template = address

        def name(index: int) -> str:
            return source_ref(template, item_name(index))

    with store.transaction():
        delivered = read_delivered(store)
        summary = summarise(store) if format == "huggingface" else None
    rows = Rows(delivered, store.campaign.created_at, name, progress)
    if format in _FILE_WRITERS:
        with exported_file(path) as file:
            _FILE_WRITERS[format](rows, file)
        return Exported(len(rows))
    items = Items(store.campaign.broken, item_path, picture)
    left_out: Mapping[str, int] = {}
    with whole_folder(path) as folder:
        if format == "label-studio":
            write_label_studio(rows, items, folder, address)
        elif format == "imagefolder":
            left_out = write_image_folder(rows, items, folder)
        elif summary is not None:
            write_hugging_face(rows, items, folder, summary, store.campaign.mcal_version)
    return Exported(len(rows) - sum(left_out.values()), left_out)
