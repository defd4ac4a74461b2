"""Commands that change the warehouse: run, one for each stage, simulate-users.

Flows are imported inside the commands: Prefect costs seconds, and `nightjar sql` should not pay for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Annotated, get_args

import typer

from flows.cli.state import AsOf, Catalogs, Parameters, State, make_request
from flows.console import out
from flows.request import StageName
from tasks.contracts.errors import ConfigError
from tasks.contracts.report import StepReport

EXIT_PARTIAL = 4

app = typer.Typer()
label_app = typer.Typer(
    no_args_is_help=True,
    help="Run one labeling stage, or see what its labels are worth.\n\nExample: nightjar label topics",
)
Strict = Annotated[bool, typer.Option(help="Fail when a question ends as a dead letter.")]
Limit = Annotated[int | None, typer.Option(min=1, help="The most rows read from each source, for a trial.")]
Refit = Annotated[bool, typer.Option(help="Fit the topic prototypes anew.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Do every stage, also those of which nothing has changed.")]


@app.command()
def run(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    from_stage: Annotated[str, typer.Option("--from", help="First stage.")] = "ingest",
    to_stage: Annotated[str, typer.Option("--to", help="Last stage.")] = "publish",
    limit: Limit = None,
    strict: Strict = False,
    refit_topics: Refit = False,
    fresh: Fresh = False,
) -> None:
    """Run the nightly flow: every stage of which something has changed, for every catalog, and publish.

    Example: nightjar run --catalog examples/sample/news.toml --as-of 2026-11-01
    """
    for name in (from_stage, to_stage):
        if name not in get_args(StageName):
            raise ConfigError(f"unknown stage {name!r}; the stages are {', '.join(get_args(StageName))}")
    request = make_request(
        context,
        catalogs=catalog,
        params=param,
        as_of=as_of,
        from_stage=from_stage,
        to_stage=to_stage,
        limit=limit,
        strict=strict,
        refit_topics=refit_topics,
        fresh=fresh,
    )
    from flows.nightly import nightly_flow
    from flows.summary import print_summary

    run_id, reports = nightly_flow(request)
    state: State = context.obj
    print_summary(state.settings.warehouse, run_id, reports)
    _exit_if_partial(reports)


def _run_stage(
    context: typer.Context, stage: str, catalogs: Catalogs, params: Parameters, as_of: AsOf, **more: object
) -> None:
    request = make_request(context, catalogs=catalogs, params=params, as_of=as_of, **more)
    flow = getattr(importlib.import_module(f"flows.{stage}"), f"{stage}_flow")
    reports: list[StepReport] = flow(request)
    out.print("done; `nightjar status` shows what the warehouse holds now", style="dim")
    from flows.summary import print_due

    print_due(reports)
    _exit_if_partial(reports)


def _exit_if_partial(reports: Sequence[StepReport]) -> None:
    if any(report.is_partial for report in reports):
        raise typer.Exit(EXIT_PARTIAL)


@app.command()
def ingest(
    context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None, limit: Limit = None
) -> None:
    """Read the sources of the catalogs into the warehouse.

    Example: nightjar ingest --catalog examples/sample/news.toml
    """
    _run_stage(context, "ingest", catalog, param, as_of, limit=limit)


def _plain(stage: str, text: str) -> Callable[..., None]:
    """The command of a stage that takes what all take."""

    def command(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
        _run_stage(context, stage, catalog, param, as_of)

    command.__doc__ = text
    return command


def _asking(stage: str, text: str) -> Callable[..., None]:
    """The command of a stage that asks a labeler."""

    def command(
        context: typer.Context,
        catalog: Catalogs = None,
        param: Parameters = None,
        as_of: AsOf = None,
        strict: Strict = False,
    ) -> None:
        _run_stage(context, stage, catalog, param, as_of, strict=strict)

    command.__doc__ = text
    return command


for _target, _kind, _stage, _text in (
    (app, _asking, "enrich", "Summarise items: themes, mood, audience, keywords, aspects.\n\n"
     "Example: nightjar enrich --catalog examples/sample/news.toml"),
    (app, _plain, "embed", "Embed items and profiles that have no vector yet.\n\n"
     "Example: nightjar embed --catalog examples/sample/news.toml"),
    (label_app, _asking, "similar", "Find and verify near-duplicates, and group them.\n\nExample: nightjar label similar"),
    (app, _plain, "relations", "Relate items: series, sequels, author, brand, same story, also bought.\n\n"
     "Example: nightjar relations --catalog examples/sample/books.toml"),
    (label_app, _asking, "judge", "Judge the relevance of sampled user-item pairs.\n\nExample: nightjar label judge"),
    (app, _plain, "quality", "Check items and labels, and write the Data Docs.\n\nExample: nightjar quality"),
    (app, _asking, "rewrite", "Turn profiles and histories into search text, if a source wants it.\n\n"
     "Example: nightjar rewrite"),
    (app, _plain, "candidates", "Retrieve candidates for every user.\n\n"
     "Example: nightjar candidates --as-of 2026-11-01"),
    (app, _plain, "train", "Train the ranker on labels and interactions.\n\nExample: nightjar train"),
    (app, _plain, "score", "Score the candidates and keep the best of each user, with a reason.\n\n"
     "Example: nightjar score"),
    (app, _asking, "rerank", "Let a labeler put the first of each list in order, if the catalog names one.\n\n"
     "Example: nightjar rerank"),
    (app, _asking, "explain", "Let a labeler say why the first of each list are there, if the catalog names one.\n\n"
     "Example: nightjar explain"),
):  # fmt: skip
    _target.command(_stage)(_kind(_stage, _text))


@label_app.command("topics")
def label_topics(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
    refit_topics: Refit = False,
) -> None:
    """Label the topics of items that have no label yet.

    Example: nightjar label topics --refit-topics
    """
    _run_stage(context, "topics", catalog, param, as_of, strict=strict, refit_topics=refit_topics)


@app.command()
def evaluate(
    context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None,
    permutation: Annotated[int, typer.Option(min=0, help="Then train so often on shuffled labels, which must teach nothing.")] = 0,
) -> None:  # fmt: skip
    """Measure every ranker on users that LambdaMART never saw.

    Example: nightjar evaluate --permutation 10
    """
    _run_stage(context, "evaluate", catalog, param, as_of)
    if permutation:
        from flows.permutation import permutation_flow

        permutation_flow(make_request(context, catalogs=catalog, params=param, as_of=as_of), n_shuffles=permutation)


app.command("publish")(
    _plain("publish", "Publish the last scored recommendations and labels as Parquet.\n\nExample: nightjar publish")
)


@app.command("simulate-users")
def simulate_users(
    context: typer.Context,
    n: Annotated[int, typer.Argument(min=1, help="How many users.")],
    catalog: Catalogs = None,
    param: Parameters = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same users.")] = 1,
) -> None:
    """Write N simulated profiles for a catalog that has no users: job, skills, hobbies, interests, summary.

    Example: nightjar simulate-users 200 --catalog examples/catalogs/bbc.toml
    """
    from flows.simulate_users import simulate_users_flow

    simulate_users_flow(make_request(context, catalogs=catalog, params=param, as_of=None), n_users=n, seed=seed)
