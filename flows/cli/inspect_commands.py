"""Commands that only look: plan, status, sql, doctor."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from flows.cli.state import AsOf, Catalogs, Parameters, State, make_request

app = typer.Typer()


@app.command()
def plan(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    prompts: Annotated[bool, typer.Option(help="Also show one rendered prompt a task.")] = False,
) -> None:
    """Say what each stage would do: rows due, requests, estimated tokens and money. Spends nothing.

    Example: nightjar plan --catalog examples/sample/news.toml
    """
    from flows.plan import print_plan

    print_plan(make_request(context, catalogs=catalog, params=param, as_of=as_of), shows_prompts=prompts)


@app.command()
def status(context: typer.Context) -> None:
    """Show the last runs, rows a table, dead letters and quarantine.

    Example: nightjar status
    """
    from flows.summary import print_status

    state: State = context.obj
    print_status(state.settings.warehouse)


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="One SELECT over the warehouse's tables and the published_* views.")],
    output: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How to print the result.")
    ] = "table",
) -> None:
    """Query the warehouse and the latest publication, read-only.

    Example: nightjar sql "select primary_topic, count(*) from current_topic_labels group by all" --format csv
    """
    from flows.summary import print_query

    state: State = context.obj
    print_query(state.settings.warehouse, query, output)


@app.command()
def doctor(context: typer.Context) -> None:
    """Check versions, the model's checksum, disk, the warehouse's lock and the endpoint; say how to mend each.

    Example: nightjar doctor
    """
    from flows.doctor import print_checks

    state: State = context.obj
    print_checks(state.settings)
