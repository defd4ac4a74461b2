"""Commands that look at labels: a page about them, two labelings side by side, and which labelings there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.state import Catalogs, Parameters, make_request

app = typer.Typer()
Compared = Literal["topics", "similar", "judge"]


@app.command()
def report(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    output: Annotated[
        Path | None, typer.Option(help="The page's file. Default: <warehouse>/label_report/<catalog>.html.")
    ] = None,
) -> None:
    """Write a page a catalog about its labels: who answers, how right, where they differ, what is hard.

    Example: nightjar label report --catalog examples/sample/news.toml
    """
    from flows.label_report import print_pages

    print_pages(make_request(context, catalogs=catalog, params=param, as_of=None), output=output)


@app.command()
def compare(
    context: typer.Context,
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="A fingerprint or its beginning, a labeler, current, combined or previous."),
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="The same, for the labeling to hold against A.")],
    catalog: Catalogs = None,
    param: Parameters = None,
    task: Annotated[Compared, typer.Option(help="The labeling task.")] = "topics",
    output: Annotated[Path | None, typer.Option(help="Write the changed answers into this new CSV.")] = None,
) -> None:
    """Compare two labelings: what changed, and which is better on people's labels.

    Example: nightjar label compare previous current
    """
    from flows.label_report import print_comparison

    request = make_request(context, catalogs=catalog, params=param, as_of=None)
    print_comparison(request, before, after, task=task, output=output)


@app.command("list")
def list_labelings(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    task: Annotated[Compared | None, typer.Option(help="Only of this task.")] = None,
) -> None:
    """List the labelings that can be compared: fingerprint, labeler, prompt, how many labels, from when to when.

    Example: nightjar label list --task topics
    """
    from flows.label_report import print_labelings

    print_labelings(make_request(context, catalogs=catalog, params=param, as_of=None), task=task)
