"""Systems side by side: each metric with its interval, and the paired difference to one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.evaluation.bootstrap import bootstrap_differences, bootstrap_means
from tasks.evaluation.metrics import CUTOFFS, Evaluation, catalogue_coverage, evaluate_lists

TABLE_SCHEMA: dict[str, type[pl.DataType]] = {
    "system": pl.String,
    "metric": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "n_users": pl.Int64,
}


def compare_systems(
    systems: Mapping[str, pl.DataFrame],
    qrels: pl.DataFrame,
    *,
    reference: str,
    n_items: int,
    seed: int,
    cutoffs: Sequence[int] = CUTOFFS,
    relevant_grade: int = 2,
    n_resamples: int = 1000,
) -> pl.DataFrame:
    """Columns of TABLE_SCHEMA, one row a system and metric.

    systems: name to lists (user_id, item_id, rank), see evaluate_lists, as is qrels. mean lies in [low, high] with 95 %
    confidence; difference is `reference` less the system, paired by user, null for the reference itself.
    `coverage@k` is the share of the n_items recommendable items in the evaluated users' lists, without an interval.
    """
    if reference not in systems:
        raise StepError(f"unknown system {reference!r}; expected one of {', '.join(systems)}")
    evaluated = {
        name: evaluate_lists(lists, qrels, cutoffs=cutoffs, relevant_grade=relevant_grade)
        for name, lists in systems.items()
    }
    rows: list[dict[str, object]] = []
    for name, evaluation in evaluated.items():
        rows += _metric_rows(
            name, evaluation, evaluated[reference], is_reference=name == reference, seed=seed, n_resamples=n_resamples
        )
        users = evaluation.per_user.select("user_id")
        lists = systems[name].join(users, on="user_id", how="semi")
        for k in cutoffs:
            coverage = catalogue_coverage(lists, n_items=n_items, k=k)
            rows.append({"system": name, "metric": f"coverage@{k}", "mean": coverage, "n_users": len(users)})
    return pl.DataFrame(rows, schema=TABLE_SCHEMA)


def lists_of_sources(candidates: pl.DataFrame, sources: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The list of each single source and of the fusion ("fusion"), as user_id, item_id, rank without gaps."""
    columns = {**{source: f"{source}_rank" for source in sources}, "fusion": "fused_rank"}
    return {name: _dense_ranks(candidates, column) for name, column in columns.items()}


def draw_random_lists(
    user_ids: pl.Series, item_ids: pl.Series, *, seen: pl.DataFrame, k: int, seed: int
) -> pl.DataFrame:
    """The baseline "random": k items for each user, drawn from item_ids without those of seen (user_id, item_id).

    One seeded draw, the same for the same ids in the same order. O(users * (k + seen)).
    """
    draw = np.random.default_rng(seed)
    known = {user: set(items) for user, items in seen.group_by("user_id").agg("item_id").iter_rows()}
    items = item_ids.to_list()
    users: list[object] = []
    drawn: list[object] = []
    ranks: list[int] = []
    for user in user_ids:
        excluded = known.get(user, set())
        size = min(len(items), k + len(excluded))
        places = draw.choice(len(items), size=size, replace=False, shuffle=True)
        kept = [items[place] for place in places if items[place] not in excluded][:k]
        users += [user] * len(kept)
        drawn += kept
        ranks += range(1, len(kept) + 1)
    columns = [
        pl.Series("user_id", users, dtype=user_ids.dtype),
        pl.Series("item_id", drawn, dtype=item_ids.dtype),
        pl.Series("rank", ranks, dtype=pl.UInt32),
    ]
    return pl.DataFrame(columns)


def to_markdown(table: pl.DataFrame, metrics: Sequence[str]) -> str:
    """A table of compare_systems as Markdown: one row a system, "mean [low, high]" for each of the metrics."""
    lines = ["| system | " + " | ".join(metrics) + " |", "|---|" + "---|" * len(metrics)]
    for system in table["system"].unique(maintain_order=True):
        cells = []
        for metric in metrics:
            row = table.row(by_predicate=(pl.col("system") == system) & (pl.col("metric") == metric), named=True)
            interval = "" if row["low"] is None else f" [{row['low']:.4f}, {row['high']:.4f}]"
            cells.append(f"{row['mean']:.4f}{interval}")
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _metric_rows(
    name: str, evaluation: Evaluation, reference: Evaluation, *, is_reference: bool, seed: int, n_resamples: int
) -> list[dict[str, object]]:
    metrics = evaluation.metric_names
    means = bootstrap_means(evaluation.per_user, metrics, seed=seed, n_resamples=n_resamples)
    gaps = bootstrap_differences(reference.per_user, evaluation.per_user, metrics, seed=seed, n_resamples=n_resamples)
    rows: list[dict[str, object]] = []
    for metric in metrics:
        row: dict[str, object] = {"system": name, "metric": metric, "n_users": len(evaluation.per_user)}
        row |= {"mean": means[metric].mean, "low": means[metric].low, "high": means[metric].high}
        if not is_reference:
            gap = gaps[metric]
            row |= {"difference": gap.mean, "difference_low": gap.low, "difference_high": gap.high}
        rows.append(row)
    return rows


def _dense_ranks(candidates: pl.DataFrame, column: str) -> pl.DataFrame:
    found = candidates.filter(pl.col(column).is_not_null()).sort("user_id", column)
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return found.select("user_id", "item_id", rank.alias("rank"))
