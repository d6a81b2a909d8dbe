"""The command line: it parses and prints, and leaves every decision to the other rooms.

Commands import what they need when they run, so that ``mcal --help`` stays quick.
"""

from __future__ import annotations

from .app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the ``mcal`` command with the arguments of the process."""
    app(prog_name="mcal")
