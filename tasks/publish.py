"""publish: recommendation shards and today's labels -> published Parquet with manifest, and the pointer `latest`.

Publishes every catalog of the warehouse that has recommendations, so that a run of one catalog does not take the others
away; nothing while a gate of one of them is closed. What is written is held to the suite `publication` before anybody
sees it. All or nothing; shards are streamed. Time O(rows log rows), memory O(files written at once) and DuckDB's limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.errors import GateFailedError, MissingInputError
from tasks.contracts.report import StepReport
from tasks.gates import first_critical
from tasks.gating import Findings, describe_warnings, find_before, inspect_publication, store_results
from tasks.running import task
from tasks.sharding.publishing import SpreadFiles
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import PublicationError
from warehouse.ordering import are_files_ordered
from warehouse.outputs import latest_output, sweep_outputs
from warehouse.publication import (
    TABLES,
    CatalogFacts,
    Confirmation,
    Publication,
    RunFacts,
    TableRows,
    confirm_pointer,
    find_latest,
    record_history,
    verify_publication,
)
from warehouse.publication import publish as publish_rows
from warehouse.publication.replicas import replicate

PUBLISH_MEMORY_MB = 1024
STREAMED_TABLES = ("item_topics", "item_enrichments", "item_groups", "similar_items", "labels")


@task(name="publish", run_name="publish")
def publish(context: StepContext) -> StepReport:
    """Publish what is scored and labeled now; the previous publication stands until this one is complete.

    A backfill's day before that of the latest is kept beside it, and the latest stays the latest.
    """
    memory_limit_mb = context.memory_limit_mb or PUBLISH_MEMORY_MB
    with open_warehouse(context.folder, memory_limit_mb=memory_limit_mb) as warehouse:
        catalogs = _find_catalogs(warehouse, context)
        names = [row["catalog"] for row in catalogs]
        _refuse_closed_gates(warehouse, names)
        gate = _Gate(warehouse, context, catalogs)
        publication = publish_rows(
            context.folder / "published",
            _rows(warehouse, context, catalogs),
            facts=gate.facts(),
            keep=context.keep_publications,
            keep_hours=context.keep_hours,
            memory_limit_mb=memory_limit_mb,
            check=gate.check,
        )
        _record(warehouse, publication, gate.found)
        sweep_outputs(warehouse, keep=context.keep_runs)
    shown = f"{publication.n_files} files of {', '.join(names)} in {publication.published}"
    kept = ", kept as a past day beside the latest" if publication.is_backfill else ""
    return StepReport(
        stage="publish",
        catalog="all",
        rows_in=publication.n_rows,
        rows_out=publication.n_rows,
        notes=(f"{shown}, publication {publication.publication_id}{kept}", *gate.notes(), *_replicate(context)),
    )


def confirm_latest(context: StepContext, kept: StepReport) -> StepReport | None:
    """Where nothing has changed: read the latest publication again, say in its pointer that it holds tonight, and keep it.

    None where it must be published: the latest is not what the kept run published, or is damaged. Raises GateFailedError.
    """
    published = context.folder / "published"
    latest = find_latest(published)
    if latest is None or latest.run_id != kept.kept_from:
        return None
    with open_warehouse(context.folder, read_only=True) as warehouse:
        _refuse_closed_gates(warehouse, latest.catalogs)
    try:
        verify_publication(published)
    except PublicationError:
        return None
    confirm_pointer(latest, Confirmation(context.run_id, context.as_of, utc_now()))
    told = f"publication {latest.publication_id} is whole and is confirmed for {context.as_of}; not a byte of it has changed"
    return replace(kept, notes=(*kept.notes, told, *_replicate(context)))


class _Gate:
    """What a publication says of itself, and the suite that it passes between being written and being shown."""

    def __init__(self, warehouse: Warehouse, context: StepContext, catalogs: list[dict[str, Any]]) -> None:
        self.found: list[Findings] = []
        self._warehouse = warehouse
        self._context = context
        self._catalogs = catalogs
        self._published = context.folder / "published"
        latest = find_latest(self._published)
        self._is_archive = context.is_backfill and latest is not None and context.as_of < latest.as_of

    def facts(self) -> RunFacts:
        """The facts as the warehouse has them now."""
        warehouse, context = self._warehouse, self._context
        names = [row["catalog"] for row in self._catalogs]
        return RunFacts(
            run_id=context.run_id,
            as_of=context.as_of,
            published_at=utc_now(),
            code_version=context.code_version,
            catalogs=[
                CatalogFacts(row["catalog"], row["title"], row["licence"], row["user_space"]) for row in self._catalogs
            ],
            gates=warehouse.query("queries/latest_gates", catalogs=names).to_dicts(),
            models=warehouse.query("queries/latest_models", catalogs=names).to_dicts(),
            labelers=warehouse.query("queries/active_labelers", catalogs=names).to_dicts(),
            costs=warehouse.query("queries/run_costs", run_id=context.run_id).to_dicts()[0],
            kept=warehouse.query("queries/kept_stages", catalogs=names, run_id=context.run_id).to_dicts(),
            is_backfill=self._is_archive,
        )

    def check(self, draft: Publication) -> RunFacts:
        """Run the suite over what lies in staging and store its results; raises GateFailedError on a critical failure."""
        context = self._context
        # A past day stands alone: the publication that is the latest is of a later one.
        before = None if self._is_archive else find_before(self._published, context.run_id)
        known = {context.catalog.name: context.catalog}
        self.found = inspect_publication(self._warehouse, draft, before=before, known=known)
        for one in self.found:
            store_results(self._warehouse, one.results, run_id=context.run_id, catalog=one.catalog)
        for one in self.found:
            stopped = first_critical(one.results)
            if stopped is not None:
                raise GateFailedError(f"catalog {one.catalog!r}: {stopped}")
        compared = [_describe_comparison(one, before) for one in self.found if before is not None and one.comparison]
        return replace(self.facts(), coverage=[one.coverage for one in self.found], comparison=compared)

    def notes(self) -> tuple[str, ...]:
        """What the gate warns of, and what it could not check; nothing about a past day, which is compared with none."""
        told = () if self._is_archive else tuple(note for one in self.found for note in one.notes)
        return (*told, *(line for one in self.found for line in describe_warnings(one.results)))


def _replicate(context: StepContext) -> tuple[str, ...]:
    """Bring the latest to every address of publish_to; a line for each. Only now, when the warehouse is closed."""
    sent = replicate(context.folder / "published", context.publish_to, keep=context.keep_publications)
    return tuple(one.describe() for one in sent)


def _find_catalogs(warehouse: Warehouse, context: StepContext) -> list[dict[str, Any]]:
    found = warehouse.query(
        "queries/publishable_catalogs", run_id=context.run_id, is_backfill=context.is_backfill
    ).to_dicts()
    if not found:
        raise MissingInputError("nothing is scored yet; run `nightjar score` first")
    return found


def _refuse_closed_gates(warehouse: Warehouse, catalogs: list[str]) -> None:
    """A gate stops the run that it closes in; publishing alone, or for another catalog, must not lead around it."""
    closed = warehouse.query("queries/closed_gates", catalogs=catalogs)
    # That of publication is about to be tried again, on what is published now.
    closed = closed.filter(pl.col("suite") != "publication")
    if not closed.is_empty():
        first = closed.row(0, named=True)
        raise GateFailedError(
            f"catalog {first['catalog']!r}: gate {first['suite']!r} is closed since run {first['run_id']}:"
            f" {first['expectation']} observed {first['observed']}, expected {first['expected']}. Nothing was published;"
            " the last publication stands. Mend it and run the catalog again"
        )


def _rows(warehouse: Warehouse, context: StepContext, catalogs: list[dict[str, Any]]) -> Iterator[TableRows]:
    for row in catalogs:
        catalog = row["catalog"]
        files = latest_output(warehouse, catalog=catalog, stage="recommendations", needs="score")
        # Shards are of whole users and follow one another; only where they don't must all rows be sorted.
        is_ordered = are_files_ordered(files, TABLES["recommendations"].sorted_by)
        frames = (pl.read_parquet(path) for path in files)
        writer = SpreadFiles(files, pool=context.pool) if context.pool is not None and is_ordered else None
        yield TableRows("recommendations", catalog, frames, is_ordered=is_ordered, writer=writer)
        for table in STREAMED_TABLES:
            yield TableRows(table, catalog, warehouse.stream(f"published/{table}", rows=50_000, catalog=catalog))
        run_id = row["measured_run"] or ""
        yield TableRows("metrics", catalog, warehouse.stream("published/metrics", catalog=catalog, run_id=run_id))


def _describe_comparison(found: Findings, before: Publication) -> dict[str, Any]:
    """The row of `comparison` in the manifest."""
    kept = ("covered_share", "covered_share_before", "n_compared", "n_kept", "overlap", "usual_overlap")
    return {
        "catalog": found.catalog,
        "against": before.publication_id,
        "against_run": before.run_id,
        "against_as_of": before.as_of,
        **{key: found.comparison[key] for key in kept if found.comparison},
    }


def _record(warehouse: Warehouse, publication: Publication, found: Sequence[Findings]) -> None:
    """Put the publication, the pointer's history and the comparison on record; what shows is on disk already."""
    row = {
        "publication_id": publication.publication_id,
        "run_id": publication.run_id,
        "folder": str(publication.published),
        "manifest_sha256": publication.manifest_sha256,
        "schema_version": publication.schema_version,
        "n_files": publication.n_files,
        "n_rows": publication.n_rows,
        "published_at": publication.published_at,
        "is_backfill": publication.is_backfill,
    }
    compared = [
        {
            "run_id": publication.run_id,
            "as_of": publication.as_of,
            "created_at": utc_now(),
            **{key: value for key, value in one.items() if key not in ("against_run", "usual_overlap")},
            "against_as_of": date.fromisoformat(one["against_as_of"]),
        }
        for one in publication.manifest["comparison"]
    ]
    with warehouse.transaction():
        warehouse.insert("publications", pl.DataFrame([row]), on_conflict="replace")
        record_history(warehouse, publication.published)
        warehouse.insert("publication_comparisons", pl.DataFrame(compared), on_conflict="replace")
