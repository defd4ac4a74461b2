"""Commands that change the warehouse: run, one for each stage, simulate-users.

Flows are imported inside the commands: Prefect costs seconds, and `nightjar sql` should not pay for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
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
    refit_topics: Annotated[bool, typer.Option(help="Fit the topic prototypes anew.")] = False,
) -> None:
    """Run the nightly flow: every stage for every catalog, and publish.

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


@app.command()
def enrich(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
) -> None:
    """Summarise items: themes, mood, audience, keywords, aspects.

    Example: nightjar enrich --catalog examples/sample/news.toml
    """
    _run_stage(context, "enrich", catalog, param, as_of, strict=strict)


@app.command()
def embed(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Embed items and profiles that have no vector yet.

    Example: nightjar embed --catalog examples/sample/news.toml
    """
    _run_stage(context, "embed", catalog, param, as_of)


@label_app.command("topics")
def label_topics(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
    refit_topics: Annotated[bool, typer.Option(help="Fit the topic prototypes anew.")] = False,
) -> None:
    """Label the topics of items that have no label yet.

    Example: nightjar label topics --refit-topics
    """
    _run_stage(context, "topics", catalog, param, as_of, strict=strict, refit_topics=refit_topics)


@label_app.command("similar")
def label_similar(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
) -> None:
    """Find and verify near-duplicates, and group them.

    Example: nightjar label similar
    """
    _run_stage(context, "similar", catalog, param, as_of, strict=strict)


@app.command()
def relations(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Relate items: series, sequels, author, brand, same story, also bought.

    Example: nightjar relations --catalog examples/sample/books.toml
    """
    _run_stage(context, "relations", catalog, param, as_of)


@label_app.command("judge")
def label_judge(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
) -> None:
    """Judge the relevance of sampled user-item pairs.

    Example: nightjar label judge
    """
    _run_stage(context, "judge", catalog, param, as_of, strict=strict)


@app.command()
def quality(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Check items and labels, and write the Data Docs.

    Example: nightjar quality
    """
    _run_stage(context, "quality", catalog, param, as_of)


@app.command()
def rewrite(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
) -> None:
    """Turn profiles and histories into search text, if a source wants it.

    Example: nightjar rewrite
    """
    _run_stage(context, "rewrite", catalog, param, as_of, strict=strict)


@app.command()
def candidates(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Retrieve candidates for every user.

    Example: nightjar candidates --as-of 2026-11-01
    """
    _run_stage(context, "candidates", catalog, param, as_of)


@app.command()
def train(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Train the ranker on labels and interactions.

    Example: nightjar train
    """
    _run_stage(context, "train", catalog, param, as_of)


@app.command()
def score(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Score the candidates and keep the best of each user, with a reason.

    Example: nightjar score
    """
    _run_stage(context, "score", catalog, param, as_of)


@app.command()
def rerank(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
) -> None:
    """Let a labeler put the first of each list in order, if the catalog names one.

    Example: nightjar rerank
    """
    _run_stage(context, "rerank", catalog, param, as_of, strict=strict)


@app.command()
def explain(
    context: typer.Context,
    catalog: Catalogs = None,
    param: Parameters = None,
    as_of: AsOf = None,
    strict: Strict = False,
) -> None:
    """Let a labeler say why the first of each list are there, if the catalog names one.

    Example: nightjar explain
    """
    _run_stage(context, "explain", catalog, param, as_of, strict=strict)


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


@app.command()
def publish(context: typer.Context, catalog: Catalogs = None, param: Parameters = None, as_of: AsOf = None) -> None:
    """Publish the last scored recommendations and labels as Parquet.

    Example: nightjar publish
    """
    _run_stage(context, "publish", catalog, param, as_of)


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
