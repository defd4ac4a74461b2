"""What a run ends with, and what `nightjar status` and `nightjar sql` print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rich.table import Table

from flows.console import out
from flows.memory import peak_rss_mb
from flows.tables import plain_table
from tasks.contracts.report import StepReport
from tasks.inspection import Sample, read_metrics, read_sample, read_status, run_select
from tasks.review import read_suspicions

SHOWN = ("ndcg@10", "precision@10", "recall@10", "map@10", "mrr@10", "coverage@10")


def print_summary(folder: Path, run_id: str, reports: Sequence[StepReport]) -> None:
    """Seconds a stage and peak memory, the metrics, where the publication lies, one user's list and a consumer's query."""
    stages: dict[str, float] = {}
    for report in reports:
        stages[report.stage] = stages.get(report.stage, 0.0) + report.seconds
    spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in stages.items())
    ended = "is partial" if any(report.is_partial for report in reports) else "completed"
    out.print(f"\nrun {run_id} {ended}; seconds a stage: {spent}; peak memory {peak_rss_mb():.0f} MiB", markup=False)
    print_due(reports)
    metrics = read_metrics(folder, run_id)
    for catalog in [str(name) for name in metrics["catalog"].unique(maintain_order=True)]:
        out.print(_metrics_table(catalog, metrics.filter(pl.col("catalog") == catalog)))
    if any(report.stage == "publish" for report in reports):
        _print_publication(read_sample(folder))


def print_due(reports: Sequence[StepReport]) -> None:
    """What stays due after stages that ended before their work lists did; nothing if there are none."""
    left = [f"{report.catalog} {report.stage} {report.n_due}" for report in reports if report.is_partial]
    if left:
        out.print(
            f"partial: questions that stay due: {', '.join(left)}; the same command goes on from there", markup=False
        )


def _metrics_table(catalog: str, metrics: pl.DataFrame) -> Table:
    named = metrics.with_columns(name=pl.concat_str("metric", pl.lit("@"), "k"))
    table = Table(
        title=f"{catalog}: {metrics.select('n_users').max().item()} held-out users [95 % interval]",
        title_justify="left",
    )
    table.add_column("ranker")
    for name in SHOWN:
        table.add_column(name, justify="right")
    order = named.filter(pl.col("name") == "ndcg@10").sort("value", descending=True)["ranker"]
    for ranker in order:
        cells = []
        for name in SHOWN:
            row = named.row(by_predicate=(pl.col("ranker") == ranker) & (pl.col("name") == name), named=True)
            has_interval = name == SHOWN[0] and row["ci_low"] is not None
            interval = f" [{row['ci_low']:.3f}, {row['ci_high']:.3f}]" if has_interval else ""
            cells.append(f"{row['value']:.3f}{interval}")
        table.add_row(ranker, *cells)
    return table


def _print_publication(sample: Sample) -> None:
    out.print(f"\npublished: {sample.folder}", markup=False)
    if not sample.rows.is_empty():
        out.print(f"\nfive recommendations of {sample.user_id}:", markup=False)
        for row in sample.rows.to_dicts():
            out.print(f"  {row['rank']}. {row['title']}  ({row['catalog']}: {row['reason']})", markup=False)
        out.print(f"\nthe same as a DuckDB query:\n  {sample.query}", markup=False)


def print_status(folder: Path) -> None:
    """The last runs, rows a table, dead letters, quarantine, and texts that seem to address a model."""
    status = read_status(folder)
    shown = [
        ("last runs", status.runs),
        ("rows a table", status.tables),
        ("dead letters", status.dead_letters),
        ("quarantine of the last ingest", status.quarantine),
    ]
    # A warehouse that was not written since the last upgrade lacks the table.
    if "injection_suspected" in status.tables["table_name"]:
        shown.append(("texts that seem to address a model", read_suspicions(folder)))
    for title, frame in shown:
        if frame.is_empty():
            out.print(f"{title}: none")
        else:
            out.print(plain_table(frame, title))


def print_query(folder: Path, query: str, output: str) -> None:
    """The result of a SELECT as a table, CSV or JSON."""
    frame = run_select(folder, query)
    if output == "csv":
        nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
        sys.stdout.write(frame.with_columns(pl.col(nested).map_elements(str, return_dtype=pl.String)).write_csv())
    elif output == "json":
        sys.stdout.write(frame.write_json() + "\n")
    else:
        out.print(plain_table(frame, ""))
