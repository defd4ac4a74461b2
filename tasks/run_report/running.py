"""The run itself from rows of the warehouse: history, stages, what was read, refused and left unanswered, what it cost. Pure."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl

from tasks.run_report.facts import Churn, Comparison, DeadLetter, Ingested, PastRun, Refused, StageCost, StageRun
from tasks.run_report.texts import TEXT_CHARS, plain, plain_id

MESSAGE_CHARS = 600


def make_past(rows: pl.DataFrame) -> tuple[PastRun, ...]:
    """rows: those of sql/queries/report_runs.sql, the oldest first."""
    return tuple(_to_run(row) for row in rows.iter_rows(named=True))


def _to_run(row: dict[str, Any]) -> PastRun:
    return PastRun(
        run_id=row["run_id"],
        as_of=row["as_of"],
        status=row["status"],
        started_at=row["started_at"],
        seconds=math.nan if row["seconds"] is None else float(row["seconds"]),
        requests=row["requests"],
        tokens=row["tokens"],
        cost_usd=row["cost_usd"],
        publication_id=row["publication_id"],
        message=plain(row["message"], most=MESSAGE_CHARS),
        catalogs=tuple(row["catalogs"]),
        code_version=row["code_version"],
        peak_rss_mb=row["peak_rss_mb"],
        is_backfill=row["is_backfill"],
    )


def make_stages(rows: pl.DataFrame) -> tuple[StageRun, ...]:
    """rows: those of sql/queries/report_stages.sql."""
    return tuple(_to_stage(row) for row in rows.iter_rows(named=True))


def _to_stage(row: dict[str, Any]) -> StageRun:
    dropped = {str(reason): int(n) for reason, n in json.loads(row["dropped"]).items() if n}
    return StageRun(
        stage=plain_id(row["stage"]),
        catalog=row["catalog"],
        status=row["status"],
        start=float(row["start"]),
        seconds=float(row["seconds"]),
        rows_in=row["rows_in"],
        rows_out=row["rows_out"],
        dropped=tuple((plain(reason), n) for reason, n in dropped.items()),
        requests=row["requests"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        cost_usd=row["cost_usd"],
        notes=tuple(plain(note, most=2 * TEXT_CHARS) for note in row["notes"]),
    )


def make_ingested(rows: pl.DataFrame, run_id: str) -> tuple[Ingested, ...]:
    """What the run read. rows: those of sql/queries/report_ingested.sql, of any runs."""
    return tuple(Ingested(**row) for row in rows.filter(run_id=run_id).drop("run_id").iter_rows(named=True))


def make_churn(rows: pl.DataFrame, past: tuple[PastRun, ...]) -> tuple[Churn, ...]:
    """How items came and went, run by run in the order of `past`. rows: as in make_ingested."""
    order = {run.run_id: place for place, run in enumerate(past)}
    # The first night of a catalog, in which all is new, would dwarf the rest.
    later = rows.filter(pl.col("kind") == "items", pl.col("n_new") < pl.col("n_stored"))
    items = [row for row in later.iter_rows(named=True) if row["run_id"] in order]
    items.sort(key=lambda row: (order[row["run_id"]], row["catalog"]))
    return tuple(Churn(row["run_id"], row["catalog"], row["n_new"], row["n_changed"], row["n_gone"]) for row in items)


def make_refused(rows: pl.DataFrame) -> tuple[Refused, ...]:
    """rows: those of sql/queries/report_refused.sql. The folder of a file is left out: it may name a person."""
    return tuple(
        Refused(
            row["catalog"],
            row["kind"],
            plain(row["reason"], most=TEXT_CHARS),
            plain_id(row["place"].replace("\\", "/").rsplit("/", 1)[-1], most=60),
            row["n"],
        )
        for row in rows.iter_rows(named=True)
    )


def make_dead(rows: pl.DataFrame) -> tuple[DeadLetter, ...]:
    """rows: those of sql/queries/report_dead_letters.sql."""
    return tuple(
        DeadLetter(row["catalog"], row["task"], plain(row["reason"], most=TEXT_CHARS), row["n"], row["n_tonight"])
        for row in rows.iter_rows(named=True)
    )


def make_costs(rows: pl.DataFrame) -> tuple[StageCost, ...]:
    """rows: those of sql/queries/report_costs.sql."""
    return tuple(StageCost(**row) for row in rows.iter_rows(named=True))


def make_comparisons(rows: pl.DataFrame) -> tuple[Comparison, ...]:
    """rows: those of sql/queries/report_comparisons.sql."""
    return tuple(Comparison(**row) for row in rows.drop("n_kept").iter_rows(named=True))
