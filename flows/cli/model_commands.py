"""Commands about the rankers: where each stands, what its card says, and which of them serves."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.state import State

app = typer.Typer(
    no_args_is_help=True,
    help="See the rankers and choose which of them serves.\n\nExample: nightjar model list",
)
CatalogName = Annotated[str | None, typer.Option("--catalog", help="The name of a catalog. Default: all.")]


@app.command("list")
def list_all(context: typer.Context, catalog: CatalogName = None) -> None:
    """Show all models: champion, challengers that were kept back, and those retired, with the last decision about each.

    Example: nightjar model list
    """
    from flows.models import print_models

    state: State = context.obj
    print_models(state.settings.warehouse, catalog=catalog)


@app.command()
def promote(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL_ID", help="The model's id, or its beginning.")],
    catalog: CatalogName = None,
) -> None:
    """Make a model its catalog's champion by hand, whatever the comparison said; the next `score` serves it.

    Example: nightjar model promote 3f9c
    """
    from flows.models import print_promotion

    state: State = context.obj
    print_promotion(state.settings.warehouse, model, catalog=catalog)


@app.command()
def card(
    context: typer.Context,
    catalog: Annotated[str | None, typer.Argument(help="The name of a catalog. Default: the only one.")] = None,
    model: Annotated[str | None, typer.Option(help="A model's id, or its beginning. Default: the champion.")] = None,
    path: Annotated[bool, typer.Option("--path", help="Print where card and picture lie instead.")] = False,
) -> None:
    """Print a model's card: what it learnt from, how well it ranks, what it looks at, and what it is not for.

    Example: nightjar model card news
    """
    from flows.models import print_card

    state: State = context.obj
    print_card(state.settings.warehouse, catalog=catalog, model=model, shows_path=path)
