"""People label everything."""

from __future__ import annotations

from dataclasses import dataclass

from ...settings import Settings
from ..books import Books, Outcome
from ..worlds import SimulatedPool

__all__ = ["People"]


@dataclass(frozen=True)
class People:
    """No machine, no error, the human-only price."""

    name: str = "people"

    def run(self, pool: SimulatedPool, settings: Settings, seed: int) -> Outcome:
        """Label ``pool``."""
        return Books(pool, settings, seed).close()
