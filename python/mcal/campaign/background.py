"""A campaign in a thread of its own, while its people answer elsewhere in the same process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from ..errors import CampaignBusyError
from ..types import Event
from .campaign import Campaign
from .recording import OnEvent

__all__ = ["Background", "State"]

State = Literal["opening", "busy", "people", "working", "done", "failed"]
"""``busy``: another process has the campaign, which is then waited for."""

_LOOK_S = 1.0
_COLLECT_S = 30.0
_BUSY_S = 5.0


class _StoppedError(BaseException):
    """Leaves a campaign between two of its events; nothing that is recorded is lost."""


class Background:
    """Runs a campaign to its end.

    Parameters
    ----------
    open_campaign : callable
        Creates or opens it; called in the thread that then has it.
    is_ready : callable
        Whether people have finished something; asked every second while they are waited for.
    on_event : callable
        Told what happens, in that thread.
    on_end : callable
        Called there when the campaign is done or has failed.
    """

    def __init__(
        self,
        open_campaign: Callable[[], Campaign],
        *,
        is_ready: Callable[[], bool],
        on_event: OnEvent,
        on_end: Callable[[], None],
    ) -> None:
        self._open_campaign, self._is_ready = open_campaign, is_ready
        self._on_event, self._on_end = on_event, on_end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="campaign", daemon=True)
        self.state: State = "opening"
        self.event: Event | None = None
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Ask it to leave at its next event, and return whether it did in time."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while self.state != "done":
                try:
                    with self._open_campaign() as campaign:
                        self._drive(campaign)
                    self.state = "done"
                except CampaignBusyError:
                    self.state = "busy"
                    self._pause(_BUSY_S)
        except _StoppedError:
            return
        except Exception as error:
            self.error, self.state = error, "failed"
        self._on_end()

    def _drive(self, campaign: Campaign) -> None:
        while campaign.run(on_event=self._hear) is None:
            collected_s = time.monotonic()
            self._pause(_LOOK_S)
            while time.monotonic() - collected_s < _COLLECT_S and not self._is_ready():
                self._pause(_LOOK_S)

    def _hear(self, event: Event) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        if event.phase == "wait" and self.state == "people":
            return  # looked, and nothing is new
        self.event = event
        self.state = "people" if event.phase == "wait" else "working"
        self._on_event(event)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _StoppedError
