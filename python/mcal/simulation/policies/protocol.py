"""What every policy is."""

from __future__ import annotations

from typing import Protocol

from ...settings import Settings
from ..books import Outcome
from ..worlds import SimulatedPool

__all__ = ["Policy"]


class Policy(Protocol):
    """A way to label a whole pool. Without state: the same arguments, the same outcome."""

    @property
    def name(self) -> str: ...

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool`` for the prices and the target of ``settings``."""
        ...
