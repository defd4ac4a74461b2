"""ingest: sources of a catalog -> items, users, interactions, quarantine, ingest_counts.

Each row read ends as exactly one of stored, quarantined (with place, reason and raw row) or exact duplicate, and the
counts of a run say so. Rows stream into staging tables of DuckDB, which spill to disk; what they become is decided by
sql/ingest/ in one transaction, so that a killed run leaves the catalog as it was.
Time O(rows log rows) for the duplicate check, memory O(batch).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice

import polars as pl

from tasks.contracts.catalog import Catalog, Kind, SourceConfig, hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.readers import Batch, read_batches
from tasks.running import task
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse

BATCH_ROWS = 5000
KINDS: tuple[Kind, ...] = ("items", "users", "interactions")


@dataclass(frozen=True)
class IngestCounts:
    """What became of the rows of one kind: n_in = n_stored + n_quarantined + n_exact_duplicates."""

    kind: str
    n_in: int
    n_stored: int
    n_quarantined: int
    n_exact_duplicates: int
    n_new: int
    n_changed: int
    n_gone: int

    def describe(self) -> str:
        """The sum, for the operator: "items: 125 in = 120 stored + 4 quarantined + 1 exact duplicates"."""
        return (
            f"{self.kind}: {self.n_in} in = {self.n_stored} stored + {self.n_quarantined} quarantined"
            f" + {self.n_exact_duplicates} exact duplicates; {self.n_new} new, {self.n_changed} changed, {self.n_gone} gone"
        )


@task(name="ingest")
def ingest(context: StepContext) -> StepReport:
    """Read all sources of the catalog and store what fits."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        warehouse.run("ingest/create_staging")
        staged: dict[str, int] = {kind: _stage_kind(warehouse, context, kind) for kind in KINDS}
        with warehouse.transaction():
            _store(warehouse, context)
        counts = [
            IngestCounts(**row)
            for row in warehouse.query(
                "queries/ingest_counts", run_id=context.run_id, catalog=context.catalog.name
            ).to_dicts()
        ]
    for count in counts:
        if count.n_in != staged[count.kind]:
            raise RuntimeError(f"{count.kind}: {staged[count.kind]} rows were read but {count.n_in} accounted for")
    return StepReport(
        stage="ingest",
        catalog=context.catalog.name,
        rows_in=sum(count.n_in for count in counts),
        rows_out=sum(count.n_stored for count in counts),
        dropped={
            "quarantined": sum(count.n_quarantined for count in counts),
            "exact duplicate": sum(count.n_exact_duplicates for count in counts),
        },
        notes=tuple(count.describe() for count in counts),
    )


def _stage_kind(warehouse: Warehouse, context: StepContext, kind: Kind) -> int:
    seen = 0
    sources: tuple[SourceConfig, ...] = getattr(context.catalog, kind)
    for source in sources:
        for batch in _limited(read_batches(source, kind, events=context.catalog.event_names), context.limit):
            rows = batch.records.with_row_index("seq", offset=seen).with_columns(pl.col("seq").cast(pl.Int64))
            warehouse.insert(f"staged_{kind}", rows)
            if batch.bad:
                warehouse.insert("staged_bad", pl.DataFrame([{"kind": kind, **asdict(bad)} for bad in batch.bad]))
            seen += batch.records.height + len(batch.bad)
    return seen


def _limited(batches: Iterator[Batch], limit: int | None) -> Iterator[Batch]:
    if limit is None:
        yield from batches
        return
    left = limit
    for batch in islice(batches, limit):
        kept = Batch(records=batch.records.head(left), bad=batch.bad)
        yield kept
        left -= kept.records.height
        if left <= 0:
            return


def _store(warehouse: Warehouse, context: StepContext) -> None:
    catalog = context.catalog
    now = utc_now()
    scope = {"catalog": catalog.name, "run_id": context.run_id}
    space = {"user_space": catalog.user_space}
    previous = warehouse.value("queries/last_ingest_run", catalog=catalog.name) or ""
    warehouse.run(
        "ingest/store_catalog",
        title=catalog.title,
        licence=catalog.licence,
        config_hash=hash_config(catalog),
        file=context.catalog_file,
        parameters=json.dumps(dict(catalog.parameters)),
        **scope,
        **space,
    )
    warehouse.run("ingest/forget_events", catalog=catalog.name)
    warehouse.run("ingest/forget_grades", catalog=catalog.name)
    warehouse.insert("catalog_events", _event_rules(catalog))
    warehouse.insert("catalog_grades", _grade_rules(catalog))
    warehouse.run("ingest/forget_topics", catalog=catalog.name)
    warehouse.insert("catalog_topics", _topics(catalog))
    warehouse.run("ingest/sort_items")
    warehouse.run("ingest/store_items", now=now, **scope)
    warehouse.run("ingest/sort_users")
    warehouse.run("ingest/store_users", now=now, origin="source", **scope, **space)
    has_user_source = bool(catalog.users)
    warehouse.run("ingest/sort_interactions", catalog=catalog.name, has_user_source=has_user_source, **space)
    warehouse.run("ingest/store_interactions", catalog=catalog.name, now=now)
    warehouse.run("ingest/store_unlisted_users", now=now, has_user_source=has_user_source, **scope, **space)
    for part in ("items", "users", "interactions", "bad"):
        warehouse.run(f"ingest/quarantine_{part}", **scope)
    if context.limit is None:
        warehouse.run("ingest/retire_items", **scope)
        warehouse.run("ingest/retire_users", **scope, **space)
    warehouse.run("ingest/count_rows", now=now, previous_run=previous, **scope, **space)


def _event_rules(catalog: Catalog) -> pl.DataFrame:
    rules = [
        {
            "catalog": catalog.name,
            "position": position,
            "event": event,
            "min_value": least,
            "weight": weight,
            "is_seen": event not in catalog.unseen_events,
        }
        for position, (event, least, weight) in enumerate(catalog.event_rules)
    ]
    types = {"min_value": pl.Float64, "position": pl.Int32}
    return pl.DataFrame(rules, schema_overrides=types)


def _topics(catalog: Catalog) -> pl.DataFrame:
    rows = [
        {
            "catalog": catalog.name,
            "position": position,
            "topic": topic.name,
            "parent": topic.parent or None,
            "description": topic.description,
        }
        for position, topic in enumerate(catalog.taxonomy)
    ]
    return pl.DataFrame(rows, schema_overrides={"parent": pl.String})


def _grade_rules(catalog: Catalog) -> pl.DataFrame:
    rules = [
        {"catalog": catalog.name, "position": position, "event": event, "min_value": least, "grade": grade}
        for position, (event, least, grade) in enumerate(catalog.grade_rules)
    ]
    types = {"min_value": pl.Float64, "position": pl.Int32, "grade": pl.Int32}
    return pl.DataFrame(rules, schema_overrides=types)
