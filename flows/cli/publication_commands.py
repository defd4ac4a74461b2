"""Commands about what is published: publications, rollback, verify, contract check."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.state import State

app = typer.Typer()
contract_app = typer.Typer(
    no_args_is_help=True,
    help="Hold what is published to the contract of docs/contract.md.\n\nExample: nightjar contract check",
)


@app.command()
def publications(
    context: typer.Context,
    remove: Annotated[
        str | None, typer.Option(metavar="ID", help="Remove this publication from disk; never the latest.")
    ] = None,
) -> None:
    """List what is published: size, gates, which is the latest and since when; and what each replica shows.

    Example: nightjar publications
    """
    from flows import publications as flow

    state: State = context.obj
    if remove is None:
        flow.print_publications(state.settings)
    else:
        flow.remove(state.settings, remove)


@app.command()
def rollback(
    context: typer.Context,
    publication: Annotated[
        str | None, typer.Argument(help="Its id; default: the one published before the latest.")
    ] = None,
) -> None:
    """Make an earlier publication the latest for all readers, after it has been read again and found whole.

    Example: nightjar rollback
    """
    from flows.publications import roll_back_to

    state: State = context.obj
    roll_back_to(state.settings, publication)


@app.command()
def verify(
    context: typer.Context,
    publication: Annotated[str | None, typer.Argument(help="Its id; default: the latest.")] = None,
    at: Annotated[
        str | None, typer.Option(help="An address of `publish_to`: read the copy there, not the one here.")
    ] = None,
) -> None:
    """Read a publication again and check rows, checksums, schema, ranges, keys and ranks.

    Example: nightjar verify
    """
    from flows.publications import print_verification
    from flows.replicas import print_replica_verification

    state: State = context.obj
    if at is None:
        print_verification(state.settings.warehouse, publication)
    else:
        print_replica_verification(at, publication)


@contract_app.command()
def check(
    context: typer.Context,
    publication: Annotated[str | None, typer.Argument(help="Its id; default: the latest.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="ID", help="The publication to compare with; default: the one before it.")
    ] = None,
) -> None:
    """Hold a publication to the contract, to an earlier one and to the warehouse; exit code 3 if one check fails.

    Example: nightjar contract check
    """
    from flows.publications import print_contract_check

    state: State = context.obj
    print_contract_check(state.settings, publication, against=against)
