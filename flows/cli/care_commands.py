"""Commands that look after an installation: backup, restore, backfill, hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.state import Catalogs, Parameters, State, make_request, parse_day
from flows.hook_settings import EVENTS, HookEvent
from tasks.contracts.errors import ConfigError

app = typer.Typer()
hooks_app = typer.Typer(no_args_is_help=True, help="Who is told how a run ended.\n\nExample: nightjar hooks list")


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Default: nightjar-TIME.tar in the current folder.")] = None,
    without_published: Annotated[
        bool,
        typer.Option("--without-published", help="Leave the published Parquet out: `nightjar publish` makes it anew."),
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only read FILE, and hold it to its checksums.")] = False,
) -> None:
    """Write the warehouse into one file, and read it again.

    Example: nightjar backup /backup/nightjar.tar
    """
    from flows.backup import print_backup, print_backup_check

    state: State = context.obj
    if not check:
        print_backup(state.settings.warehouse, file, has_published=not without_published)
    elif file is None:
        raise ConfigError("--check wants a file: nightjar backup --check FILE")
    else:
        print_backup_check(file)


@app.command()
def restore(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="What `nightjar backup` wrote.")]
) -> None:
    """Put a backup into an empty warehouse folder, after all of its checksums were right.

    Example: nightjar restore /backup/nightjar.tar
    """
    from flows.backup import print_restore

    state: State = context.obj
    print_restore(file, state.settings.warehouse)


@app.command()
def backfill(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="FROM", help="The first day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="The last day, YYYY-MM-DD; it is included.")],
    catalog: Catalogs = None,
    param: Parameters = None,
    again: Annotated[bool, typer.Option("--again", help="Also the days that are published already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Run past nights: each day with what was known at its end, published as an archive that `latest` passes over.

    Example: nightjar backfill 2026-10-25 2026-10-31
    """
    days = parse_day(first, name="FROM"), parse_day(last, name="TO")
    request = make_request(context, catalogs=catalog, params=param, as_of=None)
    from flows.backfill import run_backfill

    run_backfill(request, days[0], days[1], is_again=again, is_dry_run=dry_run)


@hooks_app.command("list")
def list_hooks(context: typer.Context) -> None:
    """Show who is told of which end of a run, and whether Prefect knows the blocks.

    Example: nightjar hooks list
    """
    from flows.hook_blocks import print_hooks

    state: State = context.obj
    print_hooks(state.settings)


@hooks_app.command("add")
def add_hook(
    name: Annotated[str, typer.Argument(help="TYPE/NAME: slack-webhook/night, custom-webhook/ops, mail/operator.")],
    values: Annotated[
        list[str], typer.Option("--set", help="KEY=VALUE of the block; env:NAME reads a variable; a value may be JSON.")
    ],
) -> None:
    """Store a notification block in Prefect, in place of one of the same name.

    Example: nightjar hooks add slack-webhook/night --set url=env:SLACK_URL
    """
    from flows.hook_blocks import add_block

    add_block(name, values)


@hooks_app.command("test")
def try_hooks(
    context: typer.Context,
    event: Annotated[str, typer.Argument(help=f"One of {', '.join(EVENTS)}; default: all of them.")] = "",
) -> None:
    """Tell everyone now, of a run that never was.

    Example: nightjar hooks test failure
    """
    wanted: list[HookEvent] = [one for one in EVENTS if event in ("", one)]
    if not wanted:
        raise ConfigError(f"unknown event {event!r}; the events are {', '.join(EVENTS)}")
    from flows.hook_blocks import try_events

    state: State = context.obj
    try_events(wanted, state.settings)
