"""Commands of the labeling owner: let people decide what is doubtful, and bring their answers in as gold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.state import Catalogs, Parameters, TaskName, make_request

app = typer.Typer(
    no_args_is_help=True,
    help="Let people decide what is doubtful.\n\nExample: nightjar review export doubtful.csv",
)
Which = Annotated[TaskName, typer.Option(help="The labeling task.")]


@app.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write; must not exist yet.")],
    catalog: Catalogs = None,
    param: Parameters = None,
    task: Which = "topics",
    form: Annotated[
        Literal["label-studio", "csv"] | None,
        typer.Option("--format", help="Default: csv for FILE.csv, label-studio for FILE.json."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="The most questions.")] = 100,
    why: Annotated[
        str, typer.Option(help="Reasons to choose a question, separated by commas; each in turn.")
    ] = "low-confidence,disagreement,dead-letter,audit",
    again: Annotated[bool, typer.Option("--again", help="Also questions that people have answered.")] = False,
) -> None:
    """Write the most doubtful questions for people: a CSV for a spreadsheet, or tasks for Label Studio.

    Example: nightjar review export doubtful.csv --task topics --n 50
    """
    from flows.review import print_written

    request = make_request(context, catalogs=catalog, params=param, as_of=None)
    print_written(request, file, task=task, form=form, n=n, why=why, includes_answered=again)


@app.command()
def config(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, task: Which = "topics") -> None:
    """Print the labeling configuration for a Label Studio project.

    Example: nightjar review config --task topics > topics.xml
    """
    from flows.review import print_config

    print_config(make_request(context, catalogs=catalog, params=param, as_of=None), task=task)


@app.command("import")
def import_answers(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Our CSV, Label Studio's JSON or JSON-MIN, or plain gold.")],
    catalog: Catalogs = None,
    param: Parameters = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(help="Who answered, where the file does not say; OLD=NEW renames one that it does."),
    ] = None,
    refused: Annotated[Path | None, typer.Option(help="Write the refused rows into this CSV.")] = None,
) -> None:
    """Bring people's answers in. Every row is imported, unchanged, skipped or refused with a reason; exit code 1 if none fits.

    Example: nightjar review import doubtful.csv --reviewer ann
    """
    from flows.review import print_brought_in

    request = make_request(context, catalogs=catalog, params=param, as_of=None)
    if not print_brought_in(request, file, reviewers=reviewer or [], refused=refused):
        raise typer.Exit(1)


@app.command()
def status(context: typer.Context, catalog: Catalogs = None, param: Parameters = None) -> None:
    """Show what people have reviewed, where they disagree, and how far they agree with each labeler.

    Example: nightjar review status
    """
    from flows.review import print_standing

    print_standing(make_request(context, catalogs=catalog, params=param, as_of=None))
