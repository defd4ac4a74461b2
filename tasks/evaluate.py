"""evaluate: holdout features, truth of test users -> metrics: every source, the fusion, random and LambdaMART in one table.

Only users of the test split are measured, whom the ranker never saw. Ideal lists hold all known relevant items; labels
of sampled pairs count by the inverse of their probability. Time and memory O(rows of the test users).
"""

from __future__ import annotations

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.evaluation.metrics import CUTOFFS
from tasks.evaluation.table import compare_systems, draw_random_lists, lists_of_sources
from tasks.loading.history import make_history
from tasks.loading.truth import read_truth
from tasks.ranking.feature_table import SOURCES
from tasks.ranking.model import load_ranker, score_rows
from tasks.ranking.top_n import take_top
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.models import latest_model
from warehouse.outputs import latest_output

RANKER = "lambdamart"
DEPTH = max(CUTOFFS)


@task(name="evaluate", cache_policy=NO_CACHE)
def evaluate(context: StepContext) -> StepReport:
    """Measure every ranker on held-out users, with bootstrap intervals."""
    catalog = context.catalog
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        features, truth = _read_test_users(warehouse, context)
        found = latest_model(warehouse, catalog=catalog.name)
        if truth.filter(pl.col("grade") >= catalog.relevance.relevant_grade).is_empty() or found is None:
            return StepReport(
                stage="evaluate",
                catalog=catalog.name,
                notes=("nothing to measure: no model, or no test user with a relevant item",),
            )
        systems = _lists(warehouse, context, features, model_text=found[1])
        n_items = warehouse.value("queries/count_active_items", catalog=catalog.name)
        table = compare_systems(
            systems,
            truth,
            reference=RANKER,
            n_items=n_items,
            seed=catalog.ranking.seed,
            relevant_grade=catalog.relevance.relevant_grade,
        )
        rows = _metric_rows(table, context)
        with warehouse.transaction():
            warehouse.run("queries/forget_metrics", run_id=context.run_id, catalog=catalog.name)
            warehouse.insert("metrics", rows)
    return StepReport(
        stage="evaluate", catalog=catalog.name, rows_in=truth.height, rows_out=rows.height, notes=_verdict(table)
    )


def _read_test_users(warehouse: Warehouse, context: StepContext) -> tuple[pl.DataFrame, pl.DataFrame]:
    paths = latest_output(warehouse, catalog=context.catalog.name, stage="features-holdout", needs="train")
    features = pl.concat([pl.read_parquet(path).filter(pl.col("split") == "test") for path in paths])
    users = features["user_id"].unique().sort().to_list()
    return features, read_truth(warehouse, context, users)


def _lists(
    warehouse: Warehouse, context: StepContext, features: pl.DataFrame, *, model_text: str
) -> dict[str, pl.DataFrame]:
    catalog = context.catalog
    ranks = [name for name in features.columns if name.endswith("_rank")]
    candidates = features.with_columns(pl.col(ranks).fill_nan(None)).filter(pl.col("fused_rank").is_not_null())
    sources = [name for name in SOURCES if name in catalog.candidates.sources and candidates[f"{name}_rank"].count()]
    scores = score_rows(load_ranker(model_text), candidates, n_threads=context.threads)
    scored = candidates.select("user_id", "item_id", "fused_rank").with_columns(pl.Series("score", scores))
    users = features["user_id"].unique().sort()
    items = warehouse.query("queries/item_cards", catalog=catalog.name)["item_id"].sort()
    pairs = warehouse.query("queries/shard_history", user_ids=users.to_list())
    seen = pairs.filter(pl.col("is_seen") & ~pl.col("is_held_out")).select("user_id", "item_id")
    return {
        "random": draw_random_lists(users, items, seen=seen, k=DEPTH, seed=catalog.ranking.seed),
        **lists_of_sources(candidates, sources),
        RANKER: take_top(scored, n=DEPTH).select("user_id", "item_id", "rank"),
    }


def _metric_rows(table: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    parts = pl.col("metric").str.split_exact("@", 1).struct
    return table.select(
        pl.lit(context.run_id).alias("run_id"),
        pl.lit(context.catalog.name).alias("catalog"),
        pl.col("system").alias("ranker"),
        parts.field("field_0").alias("metric"),
        parts.field("field_1").cast(pl.Int32).alias("k"),
        pl.col("mean").alias("value"),
        pl.col("low").alias("ci_low"),
        pl.col("high").alias("ci_high"),
        pl.col("difference").alias("lift"),
        pl.col("difference_low").alias("lift_low"),
        pl.col("difference_high").alias("lift_high"),
        "n_users",
        pl.lit(context.as_of).alias("as_of"),
        pl.lit(utc_now()).alias("created_at"),
    )


def _verdict(table: pl.DataFrame) -> tuple[str, ...]:
    """NDCG@10 of the ranker, and its lead over the best single source with the interval of the difference."""
    ndcg = table.filter(pl.col("metric") == "ndcg@10")
    ours = ndcg.row(by_predicate=pl.col("system") == RANKER, named=True)
    lines = [f"{ours['n_users']} held-out users; NDCG@10 {ours['mean']:.3f} [{ours['low']:.3f}, {ours['high']:.3f}]"]
    single = ndcg.filter(~pl.col("system").is_in([RANKER, "random", "fusion"])).sort("mean", descending=True)
    if not single.is_empty():
        best = single.row(0, named=True)
        lines.append(
            f"ahead of the best single source ({best['system']} {best['mean']:.3f}) by {best['difference']:+.3f}"
            f" [{best['difference_low']:+.3f}, {best['difference_high']:+.3f}]"
        )
    return tuple(lines)
