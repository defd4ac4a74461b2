"""publish: recommendation shards and today's labels -> published Parquet with manifest, and the pointer `latest`.

Publishes every catalog of the warehouse that has recommendations, so that a run of one catalog does not take the others
away; nothing while a gate of one of them is closed. All or nothing; shards are streamed. Time O(rows log rows), memory
O(row group).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.contracts.context import StepContext
from tasks.contracts.errors import GateFailedError, MissingInputError
from tasks.contracts.report import StepReport
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.outputs import latest_output, sweep_outputs
from warehouse.publication import CatalogFacts, Publication, RunFacts, TableRows
from warehouse.publication import publish as publish_rows

PUBLISH_MEMORY_MB = 1024
STREAMED_TABLES = ("item_topics", "item_enrichments", "item_groups", "similar_items", "labels")


@task(name="publish", cache_policy=NO_CACHE)
def publish(context: StepContext) -> StepReport:
    """Publish what is scored and labeled now; the previous publication stands until this one is complete."""
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        catalogs = warehouse.query("queries/publishable_catalogs").to_dicts()
        if not catalogs:
            raise MissingInputError("nothing is scored yet; run `nightjar score` first")
        _refuse_closed_gates(warehouse, [row["catalog"] for row in catalogs])
        publication = publish_rows(
            context.folder / "published",
            _rows(warehouse, catalogs),
            facts=_facts(warehouse, context, catalogs),
            keep=context.keep_publications,
            memory_limit_mb=context.memory_limit_mb or PUBLISH_MEMORY_MB,
        )
        _record(warehouse, publication)
        sweep_outputs(warehouse, keep=context.keep_runs)
    names = ", ".join(row["catalog"] for row in catalogs)
    return StepReport(
        stage="publish",
        catalog="all",
        rows_in=publication.n_rows,
        rows_out=publication.n_rows,
        notes=(
            f"{publication.n_files} files of {names} in {publication.published}, publication {publication.publication_id}",
        ),
    )


def _refuse_closed_gates(warehouse: Warehouse, catalogs: list[str]) -> None:
    """A gate stops the run that it closes in; publishing alone, or for another catalog, must not lead around it."""
    closed = warehouse.query("queries/closed_gates", catalogs=catalogs)
    if not closed.is_empty():
        first = closed.row(0, named=True)
        raise GateFailedError(
            f"catalog {first['catalog']!r}: gate {first['suite']!r} is closed since run {first['run_id']}:"
            f" {first['expectation']} observed {first['observed']}, expected {first['expected']}. Nothing was published;"
            " the last publication stands. Mend it and run the catalog again"
        )


def _rows(warehouse: Warehouse, catalogs: list[dict[str, Any]]) -> Iterator[TableRows]:
    for row in catalogs:
        catalog = row["catalog"]
        files = latest_output(warehouse, catalog=catalog, stage="recommendations", needs="score")
        yield TableRows("recommendations", catalog, (pl.read_parquet(path) for path in files))
        for table in STREAMED_TABLES:
            yield TableRows(table, catalog, warehouse.stream(f"published/{table}", rows=50_000, catalog=catalog))
        run_id = row["measured_run"] or ""
        yield TableRows("metrics", catalog, warehouse.stream("published/metrics", catalog=catalog, run_id=run_id))


def _facts(warehouse: Warehouse, context: StepContext, catalogs: list[dict[str, Any]]) -> RunFacts:
    names = [row["catalog"] for row in catalogs]
    return RunFacts(
        run_id=context.run_id,
        as_of=context.as_of,
        published_at=utc_now(),
        code_version=context.code_version,
        catalogs=[CatalogFacts(row["catalog"], row["title"], row["licence"], row["user_space"]) for row in catalogs],
        gates=warehouse.query("queries/latest_gates", catalogs=names).to_dicts(),
        models=warehouse.query("queries/latest_models", catalogs=names).to_dicts(),
        labelers=warehouse.query("queries/active_labelers", catalogs=names).to_dicts(),
        costs=warehouse.query("queries/run_costs", run_id=context.run_id).to_dicts()[0],
    )


def _record(warehouse: Warehouse, publication: Publication) -> None:
    row = {
        "publication_id": publication.publication_id,
        "run_id": publication.run_id,
        "folder": str(publication.published),
        "manifest_sha256": publication.manifest_sha256,
        "schema_version": publication.manifest["schema_version"],
        "n_files": publication.n_files,
        "n_rows": publication.n_rows,
        "published_at": publication.published_at,
    }
    warehouse.insert("publications", pl.DataFrame([row]), on_conflict="replace")
