"""score: serving candidates, model -> recommendation shards: the top N of each user with score, rank, sources and reason.

Features are built shard by shard and never stored. Without a model the order of the fused sources is served, and the
report says so. Ends with the gate `recommendations`. Time O(candidates x trees), memory O(catalog + shard).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.gating import check_suite
from tasks.loading.arrays import load_catalog_arrays, load_facts, load_shard
from tasks.loading.history import make_history
from tasks.ranking.features import build_features
from tasks.ranking.inputs import ItemFacts
from tasks.ranking.model import TrainedRanker, load_ranker, score_rows
from tasks.ranking.reasons import write_reasons
from tasks.ranking.top_n import list_sources, take_top
from tasks.retrieval.item_index import ItemIndex
from warehouse.connection import Warehouse, open_warehouse
from warehouse.models import latest_model
from warehouse.outputs import latest_output, stage_output

COLUMNS = (
    "catalog",
    "user_space",
    "user_id",
    "rank",
    "item_id",
    "title",
    "url",
    "score",
    "sources",
    "reason",
    "primary_topic",
    "as_of",
)


@task(name="score", cache_policy=NO_CACHE)
def score(context: StepContext) -> StepReport:
    """Score the candidates of every user and keep the best."""
    catalog = context.catalog
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        paths = latest_output(warehouse, catalog=catalog.name, stage="candidates", needs="candidates")
        found = latest_model(warehouse, catalog=catalog.name)
        ranker = load_ranker(found[1]) if found else None
        arrays = load_catalog_arrays(warehouse, context, is_holdout=False)
        facts = load_facts(warehouse, context, arrays, is_holdout=False)
        n_candidates = 0
        with stage_output(warehouse, run_id=context.run_id, catalog=catalog.name, stage="recommendations") as output:
            for frame in _frames(paths):
                output.write(_recommend(warehouse, context, frame, index=arrays.index, facts=facts, ranker=ranker))
                n_candidates += frame.height
                context.progress(n_candidates, None)
        files = [
            str(path) for path in latest_output(warehouse, catalog=catalog.name, stage="recommendations", needs="score")
        ]
        gate = check_suite("recommendations", warehouse, context, values={"files": files})
    by = f"ranked by model {found[0]}" if found else "no model yet: ranked by the fused sources"
    return StepReport(
        stage="score", catalog=catalog.name, rows_in=n_candidates, rows_out=output.n_rows, notes=(by, *gate.notes)
    )


def _frames(paths: list[Path]) -> Iterator[pl.DataFrame]:
    return (pl.read_parquet(path) for path in paths)


def _recommend(
    warehouse: Warehouse,
    context: StepContext,
    candidates: pl.DataFrame,
    *,
    index: ItemIndex,
    facts: ItemFacts,
    ranker: TrainedRanker | None,
) -> pl.DataFrame:
    catalog = context.catalog
    users = candidates["user_id"].unique().sort().to_list()
    shard = load_shard(warehouse, context, index, user_ids=users, is_holdout=False)
    features = build_features(candidates, catalog=index, shard=shard, facts=facts, as_of=context.as_of_end)
    scores = pl.Series(score_rows(ranker, features, n_threads=context.threads)) if ranker else candidates["fused_score"]
    scored = candidates.select("user_id", "item_id", "fused_rank").with_columns(
        scores.cast(pl.Float64).alias("score"),
        list_sources(candidates),
        features["popularity_percentile"],
        features["age_days"],
    )
    top = take_top(scored, n=catalog.recommend.top_n)
    profiles = warehouse.query("queries/shard_interests", user_space=catalog.user_space, user_ids=users)
    interests = dict(zip(profiles["user_id"], profiles["interests"].to_list(), strict=True))
    reasons = write_reasons(
        top, catalog=index, shard=shard, facts=facts, interests=interests, verb=catalog.recommend.verb
    )
    items = warehouse.query("queries/item_cards", catalog=catalog.name)
    return (
        top.with_columns(
            reasons,
            pl.lit(catalog.name).alias("catalog"),
            pl.lit(catalog.user_space).alias("user_space"),
            pl.lit(context.as_of).alias("as_of"),
            pl.col("rank").cast(pl.Int32),
        )
        .join(items, on="item_id", how="left")
        .select(COLUMNS)
        .sort("user_id", "rank")
    )
