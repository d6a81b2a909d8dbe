"""Connections that must say soon what they want: silent ones would take the places of people."""

from __future__ import annotations

import asyncio

from mcal.errors import MissingExtraError

try:
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    raise MissingExtraError("uvicorn", "web") from error

__all__ = ["PromptProtocol"]

_PATIENCE_S = 5.0


class PromptProtocol(H11Protocol):
    """uvicorn's own, which waits for ever for a first request or for the rest of one.

    A connection ends where no whole request has come a few seconds after it was made, or after the
    first byte of the request. Where all places are taken, the one that has waited longest without
    a whole request makes room at once.
    """

    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            waiting = [
                (each._ends.when(), id(each), each)
                for each in self.connections
                if isinstance(each, PromptProtocol) and each._ends is not None and each is not self
            ]
            if waiting:
                min(waiting)[-1]._end()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and not cycle.more_body and not cycle.response_complete:
            self._wait_no_more()
        elif self._ends is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._ends = self.loop.call_later(_PATIENCE_S, self._end)

    def _wait_no_more(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None

    def _end(self) -> None:
        self._wait_no_more()
        self.connections.discard(self)
        self.transport.abort()
