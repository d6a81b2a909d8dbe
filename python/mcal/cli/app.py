"""The ``mcal`` command: its sub-commands, and what an error looks like."""

from __future__ import annotations

import errno
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mcal import __version__
from mcal.errors import McalError

from . import demo, doctor, evaluate, export, label, quote, report, run, simulate, status

__all__ = ["FAILED", "STOPPED", "app"]

FAILED = 1
STOPPED = 130  # what shells report for Ctrl-C


class _Group(TyperGroup):
    """Turns what the user can mend into one clear line; a bug of ours keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            typer.echo(f"mcal: {str(stop) or 'stopped; the same command continues'}", err=True)
            raise typer.Exit(STOPPED) from None
        except (McalError, ValueError, OSError) as error:
            closed_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
            if closed_pipe or ctx.params["debug"] or os.environ.get("MCAL_DEBUG"):
                raise
            for line in str(error).splitlines() or [type(error).__name__]:
                typer.echo(f"mcal: {line}", err=True)
            raise typer.Exit(FAILED) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mcal {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors (or set MCAL_DEBUG=1).")
    ] = False,
) -> None:
    """Label a whole data set, people and machine together, for the fewest dollars.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 waiting for people, 130 stopped by Ctrl-C.
    """


app.command("demo")(demo.demo)
app.command("quote")(quote.quote)
app.command("run")(run.run)
app.command("label")(label.label)
app.command("status")(status.status)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("evaluate")(evaluate.evaluate)
app.command("simulate")(simulate.simulate)
app.command("doctor")(doctor.doctor)
