"""Commands that look after what was paid for: stored replies and batches."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.state import State, TaskName

app = typer.Typer(
    no_args_is_help=True, help="Look after stored replies and batches.\n\nExample: nightjar llm cache stats"
)
cache_app = typer.Typer(
    no_args_is_help=True, help="Look after the stored replies.\n\nExample: nightjar llm cache stats"
)
app.add_typer(cache_app, name="cache")


@cache_app.command()
def stats(context: typer.Context) -> None:
    """Show the stored replies by task and model: how many, tokens, bytes, the oldest and the newest.

    Example: nightjar llm cache stats
    """
    from flows.replies import print_cache_stats

    state: State = context.obj
    print_cache_stats(state.settings.warehouse)


@cache_app.command()
def prune(
    context: typer.Context,
    older_than: Annotated[float | None, typer.Option(min=0, help="Those older than so many days.")] = None,
    model: Annotated[str | None, typer.Option(help="Those of this model.")] = None,
    task: Annotated[TaskName | None, typer.Option(help="Those of this task.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say how many.")] = False,
) -> None:
    """Forget stored replies that fit all that is given. Labels stay; a question asked again is paid again.

    Example: nightjar llm cache prune --older-than 90 --dry-run
    """
    from flows.replies import print_pruned

    state: State = context.obj
    print_pruned(state.settings.warehouse, older_than_days=older_than, model=model, task=task, is_dry_run=dry_run)


@app.command()
def batches(context: typer.Context) -> None:
    """Show the batches that were sent: id, endpoint, task, status, rows, when.

    Example: nightjar llm batches
    """
    from flows.replies import print_batches

    state: State = context.obj
    print_batches(state.settings.warehouse)
