"""What the operator asks about: the last runs, rows a table, dead letters, quarantine, a run's metrics. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from warehouse.connection import open_warehouse
from warehouse.publication import Publication, resolve_latest, verify_publication
from warehouse.reading import count_rows, read_query


@dataclass(frozen=True)
class Status:
    """runs: the last ten. tables: rows a table. dead_letters, quarantine: counts by reason with an example."""

    runs: pl.DataFrame
    tables: pl.DataFrame
    dead_letters: pl.DataFrame
    quarantine: pl.DataFrame


def read_status(folder: Path) -> Status:
    """The state of the warehouse. Raises WarehouseError where there is none."""
    with open_warehouse(folder, read_only=True) as warehouse:
        return Status(
            runs=warehouse.query("queries/last_runs"),
            tables=count_rows(warehouse),
            dead_letters=warehouse.query("queries/dead_letters_by_reason"),
            quarantine=warehouse.query("queries/quarantine_by_reason"),
        )


def read_metrics(folder: Path, run_id: str) -> pl.DataFrame:
    """The metrics of a run: catalog, ranker, metric, k, value, ci_low, ci_high, n_users."""
    with open_warehouse(folder, read_only=True) as warehouse:
        return warehouse.query("queries/run_metrics", run_id=run_id)


def run_select(folder: Path, query: str) -> pl.DataFrame:
    """The result of one SELECT over the warehouse and the latest publication."""
    return read_query(folder, query)


@dataclass(frozen=True)
class Sample:
    """One user's first five published recommendations, over all catalogs, and the query that gives them."""

    folder: str
    user_id: str
    rows: pl.DataFrame
    query: str


def read_sample(folder: Path) -> Sample:
    """The first five rows of the user with most evidence: whose best recommendation has most sources."""
    publication = resolve_latest(folder / "published")
    files = publication.files("recommendations")
    rows = pl.concat([pl.scan_parquet(path) for path in files])
    first = (
        rows.filter(pl.col("rank") == 1)
        .sort(pl.col("sources").list.len(), "user_id", descending=[True, False])
        .head(1)
        .collect()
    )
    user_id = "" if first.is_empty() else first["user_id"][0]
    chosen = rows.filter(pl.col("user_id") == user_id).sort("rank", "catalog").head(5).collect()
    quoted = user_id.replace("'", "''")
    query = (
        f"select catalog, rank, title, reason from '{folder}/published/latest/recommendations/*.parquet'"
        f" where user_id = '{quoted}' order by rank, catalog limit 5"
    )
    return Sample(str(folder / "published" / "latest"), user_id, chosen, query)


def verify_published(folder: Path, publication_id: str | None) -> Publication:
    """Read a publication again, the latest unless named, and check all of it. Raises PublicationError."""
    return verify_publication(folder / "published", publication_id)
