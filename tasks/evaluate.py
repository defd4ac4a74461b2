"""evaluate: holdout features, truth of test users -> metrics: every source, fusion, popularity, random and LambdaMART in one table.

Only users of the test split are measured, whom the ranker never saw, on what fold 0 holds out; first the gate `leakage`
makes sure of both. Ideal lists hold all known relevant items; labels of sampled pairs count by the inverse of their
probability. docs/metrics.md has every formula.
Time O(rows of test users x trees + resamples x users x systems x metrics), memory O(shard + rows of the measured users),
who are at most 10,000.
"""

from __future__ import annotations

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.evaluation.baselines import draw_random_lists, lists_of_sources, popular_lists
from tasks.evaluation.measuring import DEPTH, measure_all, measure_slices
from tasks.evaluation.table import ALL
from tasks.gating import check_suite
from tasks.loading.bench import find_leaked_pairs, load_bench, load_slices
from tasks.loading.history import make_history
from tasks.loading.measured import FOLD, MeasuredRows, read_measured
from tasks.loading.serving_model import serving_model
from tasks.loading.shard_history import ShardHistory, load_shard_history
from tasks.ranking.model import load_ranker
from tasks.ranking.top_n import take_top
from tasks.running import task
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse

RANKER = "lambdamart"
MIXED = (RANKER, "random", "fusion")
"""Systems that are no single source."""


@task(name="evaluate")
def evaluate(context: StepContext) -> StepReport:
    """Measure every ranker on held-out users, with intervals and tests. Raises GateFailedError where something leaks."""
    catalog = context.catalog
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        make_history(warehouse, context)
        found = serving_model(warehouse, context)
        measured = read_measured(warehouse, context, load_ranker(found[1])) if found else None
        if measured is None or measured.truth.filter(pl.col("grade") >= catalog.relevance.relevant_grade).is_empty():
            return StepReport(
                stage="evaluate",
                catalog=catalog.name,
                notes=("nothing to measure: no model, or no test user with a relevant item",),
            )
        known = load_shard_history(warehouse, context, measured.users.to_list(), fold=FOLD)
        _check_leakage(warehouse, context, measured, known)
        table = _measure(warehouse, context, measured, known)
        rows = _metric_rows(table, context)
        with warehouse.transaction():
            warehouse.run("queries/forget_metrics", run_id=context.run_id, catalog=catalog.name)
            warehouse.insert("metrics", rows)
    return StepReport(
        stage="evaluate",
        catalog=catalog.name,
        rows_in=measured.truth.height,
        rows_out=rows.height,
        notes=(*_verdict(table), *_cautions(measured)),
    )


def _check_leakage(warehouse: Warehouse, context: StepContext, measured: MeasuredRows, known: ShardHistory) -> None:
    """Run the suite `leakage`."""
    frames = {
        "shared_users": measured.shared_users,
        "leaked_pairs": find_leaked_pairs(warehouse, measured, known),
        "future_pairs": warehouse.query("queries/future_pairs", as_of_end=context.as_of_end),
        "telling_features": measured.evidence.telling(),
    }
    check_suite("leakage", warehouse, context, frames=frames)


def _measure(warehouse: Warehouse, context: StepContext, measured: MeasuredRows, known: ShardHistory) -> pl.DataFrame:
    """All systems on the whole truth; the ranker and the best single source on each slice too."""
    bench = load_bench(warehouse, context, measured, known)
    systems = _lists(warehouse, context, measured, known)
    seed = context.catalog.ranking.seed
    table = measure_all(systems, bench, reference=RANKER, seed=seed)
    slices = measure_slices(
        systems,
        load_slices(warehouse, context, bench, known),
        names=[RANKER, *_best_single(table)["system"].head(1)],
        reference=RANKER,
        relevant_grade=bench.relevant_grade,
        seed=seed,
    )
    return pl.concat([table, *slices])


def _lists(
    warehouse: Warehouse, context: StepContext, measured: MeasuredRows, known: ShardHistory
) -> dict[str, pl.DataFrame]:
    """Every system's list of each measured user: user_id, item_id, rank."""
    catalog, candidates, users = context.catalog, measured.candidates, measured.users
    sources = [name for name in catalog.candidates.sources if _has_places(candidates, f"{name}_rank")]
    parts = [known.seen] if known.blocked is None else [known.seen, known.blocked]
    seen = pl.concat([part.select("user_id", "item_id") for part in parts]).unique()
    items = warehouse.query("queries/item_cards", catalog=catalog.name)["item_id"].sort()
    lists = {
        "random": draw_random_lists(users, items, seen=seen, k=DEPTH, seed=catalog.ranking.seed),
        **lists_of_sources(candidates, sources),
        RANKER: take_top(candidates.select("user_id", "item_id", "fused_rank", "score"), n=candidates.height).select(
            "user_id", "item_id", "rank"
        ),
    }
    if "popularity" not in lists:
        half_life = catalog.candidates.popularity_half_life_days
        popularity = warehouse.query("queries/popularity", half_life_days=half_life, fold=FOLD)
        active = popularity.filter(pl.col("item_id").is_in(items.implode()))
        if len(active):
            lists["popularity"] = popular_lists(users, active, seen=seen, k=DEPTH)
    return lists


def _has_places(candidates: pl.DataFrame, column: str) -> bool:
    return column in candidates.columns and candidates[column].count() > 0


def _metric_rows(table: pl.DataFrame, context: StepContext) -> pl.DataFrame:
    """Rows of the table `metrics`; k is 0 where a metric has no cut-off. What nobody has a value of is left out."""
    parts = pl.col("metric").str.split_exact("@", 1).struct
    return table.filter(pl.col("mean").is_not_nan()).select(
        pl.lit(context.run_id).alias("run_id"),
        pl.lit(context.catalog.name).alias("catalog"),
        pl.col("system").alias("ranker"),
        "slice",
        parts.field("field_0").alias("metric"),
        parts.field("field_1").cast(pl.Int32).fill_null(0).alias("k"),
        pl.col("mean").alias("value"),
        pl.col("low").alias("ci_low"),
        pl.col("high").alias("ci_high"),
        pl.col("difference").alias("lift"),
        pl.col("difference_low").alias("lift_low"),
        pl.col("difference_high").alias("lift_high"),
        "p_value",
        "p_adjusted",
        "n_users",
        pl.lit(context.as_of).alias("as_of"),
        pl.lit(utc_now()).alias("created_at"),
    )


def _ndcg(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter((pl.col("metric") == f"ndcg@{DEPTH}") & (pl.col("slice") == ALL))


def _best_single(table: pl.DataFrame) -> pl.DataFrame:
    """NDCG@10 of the single sources, best first."""
    single = _ndcg(table).filter(~pl.col("system").is_in(MIXED))
    return single.sort(["mean", "system"], descending=[True, False], nulls_last=True)


def _verdict(table: pl.DataFrame) -> tuple[str, ...]:
    """NDCG@10 of the ranker; its lead over the best single source, over fusion and chance; the slice where it is worst."""
    ndcg = _ndcg(table)
    ours = ndcg.row(by_predicate=pl.col("system") == RANKER, named=True)
    lines = [f"{ours['n_users']} held-out users; NDCG@10 {ours['mean']:.3f} [{ours['low']:.3f}, {ours['high']:.3f}]"]
    rivals = [("the best single source", row) for row in _best_single(table).head(1).iter_rows(named=True)]
    rivals += [("the sources' fusion", row) for row in ndcg.filter(pl.col("system") == "fusion").iter_rows(named=True)]
    for name, row in rivals:
        lines.append(
            f"{'ahead of' if row['difference'] >= 0 else 'behind'} {name} ({row['system']} {row['mean']:.3f}) by"
            f" {row['difference']:+.3f} [{row['difference_low']:+.3f}, {row['difference_high']:+.3f}],"
            f" p {row['p_adjusted']:.2g} after Holm"
        )
    behind = table.filter(
        (pl.col("slice") != ALL) & (pl.col("metric") == f"ndcg@{DEPTH}") & (pl.col("difference_high") < 0)
    ).sort("difference")
    lines += [
        f"worse than {row['system']} for {row['slice']} by {row['difference']:+.3f} ({row['n_users']} users)"
        for row in behind.head(3).iter_rows(named=True)
    ]
    return tuple(lines)


def _cautions(measured: MeasuredRows) -> tuple[str, ...]:
    """What was left out, so that nobody reads more from the figures than they say."""
    left_out = measured.n_test_users - len(measured.users)
    return (f"{left_out} of {measured.n_test_users} test users left out by the hash of their id",) if left_out else ()
