"""Systems side by side: each metric with its interval, and the paired difference to one of them with its p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tasks.contracts.errors import StepError
from tasks.evaluation.bootstrap import Interval, bootstrap_means
from tasks.evaluation.gains import Gain
from tasks.evaluation.metrics import CUTOFFS, catalogue_coverage, evaluate_lists
from tasks.evaluation.significance import adjust_holm, randomisation_test

TABLE_SCHEMA: dict[str, type[pl.DataType]] = {
    "slice": pl.String,
    "system": pl.String,
    "metric": pl.String,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "p_value": pl.Float64,
    "p_adjusted": pl.Float64,
    "n_users": pl.Int64,
}
ALL = "all"


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
    gain: Gain = "exponential",
) -> pl.DataFrame:
    """Columns of TABLE_SCHEMA, one row a system and metric; see tabulate.

    systems: name to lists (user_id, item_id, rank), see evaluate_lists, as is qrels. `coverage@k` is the share of the
    n_items recommendable items in the evaluated users' lists, without an interval.
    """
    evaluated = {
        name: evaluate_lists(lists, qrels, cutoffs=cutoffs, relevant_grade=relevant_grade, gain=gain).per_user
        for name, lists in systems.items()
    }
    shared: dict[str, dict[str, float]] = {}
    for name, per_user in evaluated.items():
        lists = systems[name].join(per_user.select("user_id"), on="user_id", how="semi")
        shared[name] = {f"coverage@{k}": catalogue_coverage(lists, n_items=n_items, k=k) for k in cutoffs}
    return tabulate(evaluated, reference=reference, seed=seed, n_resamples=n_resamples, shared=shared)


def tabulate(
    per_user: Mapping[str, pl.DataFrame],
    *,
    reference: str,
    seed: int,
    n_resamples: int = 1000,
    slice_name: str = ALL,
    shared: Mapping[str, Mapping[str, float]] | None = None,
) -> pl.DataFrame:
    """Columns of TABLE_SCHEMA, one row a system and metric.

    per_user: name to user_id and the same metrics for the same users; null: the user has no value and is left out of
    the metric. mean lies in [low, high] with 95 % confidence (bootstrap); difference is `reference` less the system,
    paired by user; p_value is that of the randomisation test, and p_adjusted Holm's over the systems of one metric; all
    of these are null for the reference itself. shared: metrics of all lists of a system together, without an interval.
    Raises StepError for an unknown reference or different users. O(n_resamples * users * systems * metrics).
    """
    if reference not in per_user:
        raise StepError(f"unknown system {reference!r}; expected one of {', '.join(per_user)}")
    metrics = per_user[reference].columns[1:]
    ordered = {name: frame.sort("user_id") for name, frame in per_user.items()}
    ours = ordered[reference]
    for name, frame in ordered.items():
        if not frame["user_id"].equals(ours["user_id"]):
            raise StepError(f"systems {reference!r} and {name!r} have other users; evaluate both on the same labels")
    wide = _side_by_side(ordered, metrics)
    gaps = _side_by_side(
        {name: ours.select(pl.col(metric) - frame[metric] for metric in metrics) for name, frame in ordered.items()
         if name != reference},
        metrics,
    )  # fmt: skip
    means = bootstrap_means(wide, wide.columns, seed=seed, n_resamples=n_resamples)
    differences = bootstrap_means(gaps, gaps.columns, seed=seed, n_resamples=n_resamples)
    p_values, adjusted = _test(gaps, [name for name in ordered if name != reference], metrics, seed=seed)
    rows: list[dict[str, object]] = []
    for system in ordered:
        for metric in metrics:
            name = _column(system, metric)
            rows.append({"system": system, "metric": metric, "n_users": wide[name].count(), **_interval(means[name])})
            if system != reference:
                gap = differences[name]
                rows[-1] |= {"difference": gap.mean, "difference_low": gap.low, "difference_high": gap.high}
                rows[-1] |= {"p_value": p_values[name], "p_adjusted": adjusted[name]}
        rows += [
            {"system": system, "metric": metric, "mean": value, "n_users": len(ours)}
            for metric, value in (shared or {}).get(system, {}).items()
        ]
    return pl.DataFrame([{"slice": slice_name, **row} for row in rows], schema=TABLE_SCHEMA)


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


def _test(
    gaps: pl.DataFrame, rivals: Sequence[str], metrics: Sequence[str], *, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """p-values by column, and the same corrected over the rivals of each metric."""
    p_values = randomisation_test(gaps, gaps.columns, seed=seed)
    adjusted: dict[str, float] = {}
    for metric in metrics:
        names = [_column(rival, metric) for rival in rivals]
        adjusted |= dict(zip(names, adjust_holm([p_values[name] for name in names]), strict=True))
    return p_values, adjusted


def _column(system: str, metric: str) -> str:
    return f"{system}\x1f{metric}"


def _side_by_side(frames: Mapping[str, pl.DataFrame], metrics: Sequence[str]) -> pl.DataFrame:
    """One column a system and metric; a value that is no number becomes null."""
    columns = [
        frame[metric].cast(pl.Float64).fill_nan(None).alias(_column(system, metric))
        for system, frame in frames.items()
        for metric in metrics
    ]
    return pl.DataFrame(columns)


def _interval(interval: Interval) -> dict[str, object]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
