"""The command that shows a run to people who would rather look than read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.state import State

app = typer.Typer()


@app.command()
def report(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Its id; default: the last run that ended.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The page's file. Default: <warehouse>/reports/<run>.html.")
    ] = None,
) -> None:
    """Write one page about a run: timeline, rows, labels, map of the items, metrics, cost, drift, gates, example users.

    Example: nightjar report
    """
    from flows.report import print_report

    state: State = context.obj
    print_report(state.settings.warehouse, run, output=output)
