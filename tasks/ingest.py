"""ingest: sources of a catalog -> items, users, interactions, quarantine, ingest_counts, ingested_sources.

Each row read ends as exactly one of stored, quarantined (with place, reason and raw row) or exact duplicate, and the
counts of a run say so. Rows stream into staging tables of DuckDB, which spill to disk; what they become is decided by
sql/ingest/ in one transaction, so that a killed run leaves the catalog as it was. Sources that hold what they held when
they were last read are not read again, and one that changes while it is read stops the run before anything is stored.
Time O(rows log rows) for the duplicate check, memory O(two batches) beside what DuckDB's limit allows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import polars as pl

from tasks.contracts.catalog import Catalog, Kind, SourceConfig, hash_config
from tasks.contracts.context import StepContext
from tasks.contracts.report import StepReport
from tasks.readers import Batch, Look, look_at, read_batches
from tasks.running import task
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.repeats import note_repeats

BATCH_ROWS = 5000
BLOCK_ROWS = 400_000
"""Interactions come by the million and are narrow; DuckDB appends whole row groups three times as fast as parts of them."""
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
    """Read the sources of the catalog that have changed, and store what fits."""
    looks = {kind: _look_at(context.catalog, kind) for kind in KINDS}
    with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
        warehouse.run("ingest/create_staging")
        kept = _find_unchanged(warehouse, context, looks)
        if kept:
            warehouse.insert("kept_kinds", pl.DataFrame(list(kept.items()), schema=["kind", "run_id"], orient="row"))
        staged: dict[str, int] = {kind: _stage_kind(warehouse, context, kind) for kind in KINDS if kind not in kept}
        for look in looks.values():
            look.check_unchanged()
        with warehouse.transaction():
            _store(warehouse, context, kept=kept, looks=looks)
        counts = [
            IngestCounts(**row)
            for row in warehouse.query(
                "queries/ingest_counts", run_id=context.run_id, catalog=context.catalog.name
            ).to_dicts()
        ]
    for count in counts:
        if count.kind not in kept and count.n_in != staged[count.kind]:
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
        notes=(
            *(count.describe() for count in counts),
            *(f"{kind}: not read again, for the sources are as run {run} read them" for kind, run in kept.items()),
        ),
    )


def _look_at(catalog: Catalog, kind: Kind) -> Look:
    """A look at the sources of a kind, with what else decides what becomes of their rows."""
    settings = {
        "items": (),
        "users": (catalog.user_space,),
        "interactions": (catalog.user_space, str(bool(catalog.users)), *sorted(catalog.event_names)),
    }
    return look_at(getattr(catalog, kind), kind, settings=settings[kind])


def _find_unchanged(warehouse: Warehouse, context: StepContext, looks: Mapping[Kind, Look]) -> dict[Kind, str]:
    """The kinds whose rows are in the tables as a reading would leave them, each with the run that read it."""
    if context.limit is not None:
        return {}
    catalog = context.catalog
    known = {row["kind"]: row for row in warehouse.query("queries/ingested_sources", catalog=catalog.name).to_dicts()}
    kept = {
        kind: known[kind]["run_id"] for kind in KINDS if kind in known and known[kind]["digest"] == looks[kind].digest
    }
    shared = warehouse.value("queries/count_space_catalogs", catalog=catalog.name, user_space=catalog.user_space)
    if shared and catalog.users:
        # Of people whom two catalogs list, the one that is read last has the word.
        kept.pop("users", None)
    others = {"items", "users"} if catalog.users else {"items"}
    if "interactions" in kept and known["interactions"]["n_refused"] and not others <= kept.keys():
        # What they point to may be known by now.
        kept.pop("interactions")
    return kept


def _stage_kind(warehouse: Warehouse, context: StepContext, kind: Kind) -> int:
    seen = 0
    files: dict[str, int] = {}
    sources: tuple[SourceConfig, ...] = getattr(context.catalog, kind)
    size = BLOCK_ROWS if kind == "interactions" else BATCH_ROWS
    for source in sources:
        read = read_batches(source, kind, events=context.catalog.event_names, batch_rows=size)
        batches = _gather(_limited(read, context.limit), size)
        for batch in _read_ahead(batches) if kind == "interactions" else batches:
            if kind == "interactions":
                _stage_interactions(warehouse, batch.records, files)
            else:
                rows = batch.records.with_row_index("seq", offset=seen).with_columns(pl.col("seq").cast(pl.Int64))
                warehouse.insert(f"staged_{kind}", rows)
            if batch.bad:
                warehouse.insert("staged_bad", pl.DataFrame([{"kind": kind, **asdict(bad)} for bad in batch.bad]))
            seen += batch.records.height + len(batch.bad)
    return seen


def _stage_interactions(warehouse: Warehouse, records: pl.DataFrame, files: dict[str, int]) -> None:
    """Stage records with their file's number in `files`, to which new ones are added; DuckDB would copy its name for each."""
    new = [file for file in records["file"].unique(maintain_order=True) if file not in files]
    files.update({file: len(files) + index for index, file in enumerate(new)})
    if new:
        rows = [(files[file], file) for file in new]
        warehouse.insert("staged_files", pl.DataFrame(rows, schema=["file_number", "file"], orient="row"))
    numbers = pl.col("file").replace_strict(files, return_dtype=pl.Int32).alias("file_number")
    times = pl.col("occurred_at").dt.replace_time_zone(None)
    warehouse.insert("staged_interactions", records.with_columns(numbers, times).drop("file"))


def _read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; the next one is read while one is stored."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


def _gather(batches: Iterator[Batch], size: int) -> Iterator[Batch]:
    """Batches put together to `size` rows or more."""
    held: list[Batch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.records.height + len(one.bad) for one in held) >= size:
            yield _join(held)
            held = []
    if held:
        yield _join(held)


def _join(batches: Sequence[Batch]) -> Batch:
    bad = [row for batch in batches for row in batch.bad]
    return Batch(pl.concat([batch.records for batch in batches]), bad)


def _limited(batches: Iterator[Batch], limit: int | None) -> Iterator[Batch]:
    if limit is None:
        yield from batches
        return
    left = limit
    for batch in batches:
        kept = _head(batch, left)
        yield kept
        left -= kept.records.height
        if left <= 0:
            return


def _head(batch: Batch, n_records: int) -> Batch:
    """The first records of a batch, and the bad rows among them."""
    if batch.records.height <= n_records:
        return batch
    following = batch.records.row(n_records, named=True)
    bad = [row for row in batch.bad if (row.file, row.line) < (following["file"], following["line"])]
    return Batch(records=batch.records.head(n_records), bad=bad)


def _store(warehouse: Warehouse, context: StepContext, *, kept: Mapping[Kind, str], looks: Mapping[Kind, Look]) -> None:
    catalog = context.catalog
    now = utc_now()
    scope = {"catalog": catalog.name, "run_id": context.run_id}
    space = {"user_space": catalog.user_space}
    previous = warehouse.value("queries/last_ingest_run", catalog=catalog.name) or ""
    last = warehouse.value("queries/last_catalog_run", catalog=catalog.name) or ""
    _store_catalog(warehouse, context)
    warehouse.run("ingest/sort_items")
    warehouse.run("ingest/store_items", now=now, **scope)
    warehouse.run("ingest/see_items", **scope)
    warehouse.run("ingest/sort_users")
    warehouse.run("ingest/store_users", now=now, origin="source", **scope, **space)
    warehouse.run("ingest/see_users", run_id=context.run_id, **space)
    has_user_source = bool(catalog.users)
    note_repeats(warehouse)
    warehouse.run("ingest/drop_interactions", catalog=catalog.name, has_user_source=has_user_source, **space)
    warehouse.run("ingest/store_interactions", catalog=catalog.name, now=now)
    warehouse.run("ingest/store_unlisted_users", now=now, has_user_source=has_user_source, **scope, **space)
    for part in ("items", "users", "interactions", "bad"):
        warehouse.run(f"ingest/quarantine_{part}", **scope)
    warehouse.run("ingest/keep_quarantine", last_run=last, **scope)
    if context.limit is None and "items" not in kept:
        warehouse.run("ingest/retire_items", **scope)
    if context.limit is None and "users" not in kept:
        warehouse.run("ingest/retire_users", **scope, **space)
    warehouse.run("ingest/count_rows", now=now, previous_run=previous, **scope, **space)
    if context.limit is not None:
        warehouse.run("ingest/forget_sources", catalog=catalog.name)
        return
    read = [{**scope, "kind": kind, "digest": looks[kind].digest} for kind in KINDS if kind not in kept]
    warehouse.insert("ingested_sources", pl.DataFrame(read), on_conflict="replace")


def _store_catalog(warehouse: Warehouse, context: StepContext) -> None:
    """The catalog itself: its settings, rules and topics."""
    catalog = context.catalog
    warehouse.run(
        "ingest/store_catalog",
        title=catalog.title,
        licence=catalog.licence,
        config_hash=hash_config(catalog),
        file=context.catalog_file,
        parameters=json.dumps(dict(catalog.parameters)),
        catalog=catalog.name,
        run_id=context.run_id,
        user_space=catalog.user_space,
    )
    warehouse.run("ingest/forget_events", catalog=catalog.name)
    warehouse.run("ingest/forget_grades", catalog=catalog.name)
    warehouse.insert("catalog_events", _event_rules(catalog))
    warehouse.insert("catalog_grades", _grade_rules(catalog))
    warehouse.run("ingest/forget_topics", catalog=catalog.name)
    warehouse.insert("catalog_topics", _topics(catalog))


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
