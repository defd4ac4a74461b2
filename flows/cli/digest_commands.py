"""The command that mails recommendations: digest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.state import AsOf, State, parse_day

EXIT_PARTIAL = 4

app = typer.Typer()


@app.command()
def digest(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count who would get what; send, write and record nothing.")
    ] = False,
    user: Annotated[
        list[str] | None, typer.Option("--user", help="The id of a user; give it again for several. Default: all.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Write the digests into this folder to look at; send and record nothing."),
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Mail each user the best of the latest publication, once a day; without a mail server, write it to a folder.

    Example: nightjar digest --to look
    """
    from flows.digest import DigestRequest, digest_flow

    state: State = context.obj
    request = DigestRequest(
        as_of=parse_day(as_of) if as_of else None,
        dry_run=dry_run,
        users=tuple(user or ()),
        to=to,
        warehouse=state.warehouse,
    )
    reports = digest_flow(request)
    if any(report.is_partial for report in reports):
        raise typer.Exit(EXIT_PARTIAL)
