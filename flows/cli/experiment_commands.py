"""The command that compares: named experiments on any catalog, each written as a page with tables, intervals and plots."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.state import AsOf, Catalogs, Parameters, make_request

app = typer.Typer()
FOLDER = Path("docs/experiments")


@app.command()
def experiment(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="retrieval, ranking, enrichment, collaborative, rerank or cold-start.", metavar="NAME"),
    ],
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder of the page and its pictures.")] = FOLDER,
) -> None:
    """Run a named comparison on a catalog and write its page. Runs stages that have not run; asks what the catalog asks.

    Example: nightjar experiment retrieval --catalog examples/sample/news.toml
    """
    from flows.experiment import print_experiment

    request = make_request(context, catalogs=catalog, params=param, as_of=as_of)
    command = describe_command(name, catalogs=catalog, params=param, as_of=as_of)
    print_experiment(request, name, folder=folder, command=command)


def describe_command(name: str, *, catalogs: Catalogs, params: Parameters, as_of: AsOf) -> str:
    """The command that gives the same page again; a parameter's value is left open, for it is a path of one machine."""
    words = ["nightjar", "experiment", name]
    words += [word for file in catalogs or [] for word in ("--catalog", shlex.quote(str(file)))]
    words += [word for text in params or [] for word in ("--param", f"{text.partition('=')[0]}=PATH")]
    return " ".join([*words, *(["--as-of", as_of] if as_of else [])])
