"""Commands of the labeling owner: what a prompt says, and what has changed in it."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.state import Catalogs, Parameters, TaskName, make_request

app = typer.Typer(no_args_is_help=True, help="Look at prompts.\n\nExample: nightjar prompts show topics")
Which = Annotated[TaskName, typer.Argument(help="The labeling task.")]


@app.command()
def show(context: typer.Context, task: Which, catalog: Catalogs = None, param: Parameters = None) -> None:
    """Show a prompt as a model is sent it: front matter, hash, and a request with one question of the catalog.

    Example: nightjar prompts show topics --catalog examples/sample/news.toml
    """
    from flows.prompts import print_prompt

    print_prompt(make_request(context, catalogs=catalog, params=param, as_of=None), task)


@app.command()
def diff(
    context: typer.Context,
    task: Which,
    catalog: Catalogs = None,
    param: Parameters = None,
    against: Annotated[
        str | None, typer.Option(help="The hash of another prompt, or its beginning. Default: that of today's labels.")
    ] = None,
) -> None:
    """Compare a prompt with the one that today's labels were made with; say how many labels would be due again.

    Example: nightjar prompts diff topics --catalog examples/sample/news.toml
    """
    from flows.prompts import print_prompt_diff

    print_prompt_diff(make_request(context, catalogs=catalog, params=param, as_of=None), task, against=against)
