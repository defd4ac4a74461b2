"""The command that brings the replicas up to date: replicate."""

from __future__ import annotations

import typer

from flows.cli.state import State

app = typer.Typer()


@app.command()
def replicate(context: typer.Context) -> None:
    """Copy the latest publication to the addresses of `publish_to`; goes on where a failure stopped it.

    Publish and rollback do this by themselves. Use it for a new address, or when one could not be reached.

    Example: nightjar replicate
    """
    from flows.replicas import send_to_replicas

    state: State = context.obj
    send_to_replicas(state.settings)
