"""Tables for notebooks: whole in themselves, escaped, and in whatever colours the notebook has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_table"]

# Notebooks have styles of their own for tables, which differ: what matters is said in each cell.
_LINE = "border:0;border-bottom:1px solid rgba(128,128,128,0.4);"  # seen on light and on dark
_TABLE = "border-collapse:collapse;max-width:40em;color:inherit;background:none"
_CAPTION = "caption-side:top;color:inherit;text-align:left;font-weight:bold;padding:0.3em 0.6em"
_NAME = f"{_LINE}text-align:left;font-weight:normal;white-space:nowrap;padding:0.2em 0.6em"
_NUMBER = f"{_LINE}text-align:right;white-space:nowrap;padding:0.2em 0.6em"
_WORDS = f"{_LINE}text-align:left;white-space:normal;padding:0.2em 0.6em"


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A ``<table>``, as text that IPython shows.

    Parameters
    ----------
    title : str
        The caption.
    columns : sequence of str
        Headings of the numbers, without that of the names.
    rows : iterable of sequences of str
        The name, then a number for each column, or one sentence across them all.
    """
    head = "".join(f'<th scope="col" style="{_NUMBER}">{_text(each)}</th>' for each in columns)
    body = "".join(_row(row, len(columns)) for row in rows)
    return (
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{_text(title)}</caption>'
        f'<thead><tr><td style="{_NAME}"></td>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _row(row: Sequence[str], n_columns: int) -> str:
    name, *cells = row
    if len(cells) == n_columns:
        told = "".join(f'<td style="{_NUMBER}">{_text(cell)}</td>' for cell in cells)
    else:
        (words,) = cells
        told = f'<td colspan="{n_columns}" style="{_WORDS}">{_text(words)}</td>'
    return f'<tr><th scope="row" style="{_NAME}">{_text(name)}</th>{told}</tr>'


def _text(words: str) -> str:
    # A path may hold bytes that are no text; what a notebook is sent must be.
    return escape(words.encode("utf-8", "replace").decode("utf-8"))
