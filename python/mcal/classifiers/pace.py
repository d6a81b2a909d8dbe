"""How far a loop may run ahead of a GPU."""

from __future__ import annotations

from collections import deque

from ._torch import torch

__all__ = ["Pace"]

_STEPS_AHEAD = 2


class Pace:
    """Holds a loop that asks a GPU for steps back until all but the last two of them are done.

    The seconds that are reported and charged are then those gone, to a step or two, and the work
    asked for takes no more memory than that. On other devices a step is done when it returns.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._asked: deque[torch.cuda.Event] = deque()

    def asked(self) -> None:
        """To be called after each step."""
        if self._device.type == "cuda":
            self._asked.append(torch.cuda.current_stream(self._device).record_event())
            if len(self._asked) > _STEPS_AHEAD:
                self._asked.popleft().synchronize()

    def finish(self) -> None:
        """Wait for the last one."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
