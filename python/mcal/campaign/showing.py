"""A campaign as it shows itself, at a prompt and in a notebook."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError
from ..notebook import html_table
from ..store import Store, summarise, summary_html
from ..types import Pool

__all__ = ["Shown"]


class Shown:
    """The part of ``Campaign`` that is seen. Nothing is trained, bought or written for it."""

    folder: Path
    pool: Pool

    def __repr__(self) -> str:
        return f"Campaign({str(self.folder)!r}, {self.pool.n_pool:,} items)"

    def _repr_html_(self) -> str:
        """What a notebook shows, read from the folder: a closed campaign shows itself, too."""
        title = f"Campaign in {self.folder}"
        try:
            with Store.open(self.folder, read_only=True) as store:
                summary = summarise(store)
        except StoreError as error:
            return html_table(title, ("",), [("cannot be read", str(error))])
        return summary_html(summary, title)
