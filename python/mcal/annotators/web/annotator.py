"""Labels from a page that ``mcal label`` serves. No network here: both sides meet in the inbox."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from mcal.types import Answers, Batch

from ..inbox import Inbox
from ..judged import answers_of

__all__ = ["WebAnnotator"]

_HOLD_OF_WHOLE_BATCH_S = 10.0


class WebAnnotator:
    """Orders labels by putting them into the inbox of a campaign, and collects what was said.

    Answers stay with their people for a while, so that they can take them back: ``undo_s`` seconds
    as long as the batch lacks some, at most 10 seconds once it is whole, for the machine waits.

    Parameters
    ----------
    folder : Path
        The campaign's own; the inbox is ``labelling/inbox.sqlite`` in it.
    undo_s : float
        Seconds, >= 0.
    """

    name = "web"

    def __init__(self, folder: Path, undo_s: float = 60.0) -> None:
        if not undo_s >= 0.0:
            raise ValueError(f"undo_s: expected >= 0, found {undo_s}")
        self._folder, self._undo_s = folder, undo_s

    @cached_property
    def inbox(self) -> Inbox:
        """Where the page finds its work."""
        return Inbox(self._folder / "labelling" / "inbox.sqlite")

    def to_do(self, missing: Mapping[str, int]) -> list[str]:
        """The command that serves the page."""
        n_missing = sum(missing.values())
        return [
            f"items to label: {n_missing:,}, on the page that this command serves",
            f"  mcal label {shlex.quote(str(self._folder))}",
        ]

    def submit(self, batch: Batch) -> str:
        """Put the batch into the inbox, once; the ticket is its id.

        Raises ``AnnotatorError`` when another batch was ordered under this id.
        """
        self.inbox.order(batch)
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """What was said so long ago that nobody can take it back any more.

        Raises ``AnnotatorError`` when the batch was never ordered here.
        """
        is_whole = not self.inbox.n_wanted(ticket)
        hold_s = min(self._undo_s, _HOLD_OF_WHOLE_BATCH_S) if is_whole else self._undo_s
        return answers_of(batch, self.inbox.collect(ticket, hold_s))

    def is_ready(self) -> bool:
        """Whether a batch has all its answers, and some were not handed over: look again soon."""
        return self.inbox.has_whole_order()
