"""keeping: a stage whose inputs are what they were is not done again; what it left stands. Reads and writes stage_inputs.

While a step works it is watched: which tables its statements read, which sections of the catalog and which settings it
looked at, whose shards it took. A digest of each, and of the code, is stored when it has ended whole. The next night all are
taken again; where they are equal the stage is kept, and says so. In doubt it is done: after a change of the code, where the
day may matter, where a question found no answer, where a shard is gone or damaged, and after a run that broke off in it.
Time O(rows of the tables read) in DuckDB, memory O(1).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import polars as pl

from tasks.contracts.context import Progress, StepContext
from tasks.contracts.report import StepReport
from tasks.contracts.watching import digest_setting, watch_context
from warehouse.clock import utc_now
from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.inputs import Scope, digest_output, digest_table, tables_read
from warehouse.outputs import OUTPUT, WROTE, latest_output
from warehouse.statements import watch_reads

ALL = "all"
ORDER = (
    "ingest gate", "enrich", "embed", "topics", "similar", "relations", "judge", "quality", "rewrite", "candidates",
    "train", "score", "rerank", "explain", "evaluate", "publish",
)  # fmt: skip
"""The stages of a night: what a later one writes does not concern an earlier one."""
TASKS: Mapping[str, tuple[str, ...]] = {
    "enrich": ("enrich",),
    "embed": ("embed_items", "embed_users", "embed_aspects"),
    "topics": ("topics",),
    "similar": ("similar_pairs", "similar"),
    "judge": ("judge_design", "judge", "rank"),
    "rewrite": ("rewrite", "embed_queries"),
    "rerank": ("rerank",),
    "explain": ("explain",),
}
"""What stands in the columns `task` of a stage's rows."""
DATED = ("candidates", "train", "score", "rerank", "explain", "evaluate")
"""Stages that count the days up to `as_of`; the others only ask what had happened by then, which the digests tell."""
NEVER_KEPT = ("ingest",)
"""Ingest looks itself whether its files are what they were."""
CODE = ("tasks/**/*.py", "warehouse/*.py", "warehouse/publication/*.py", "sql/**/*.sql", "prompts/**/*.md")
PACKAGES = (
    "duckdb", "polars", "pyarrow", "numpy", "scipy", "lightgbm", "faiss-cpu", "implicit", "bm25s", "scikit-learn", "torch",
    "transformers", "sentence-transformers", "onnxruntime", "great-expectations",
)  # fmt: skip
SHOWN = 4


@dataclass(frozen=True)
class Record:
    """What a stage had read when it last ended whole: digests by name, and the run that did it."""

    run_id: str
    inputs: Mapping[str, str]
    rows_in: int
    rows_out: int
    age_days: int


class StageKeeper:
    """Watches one stage of one catalog in one run. name is the catalog that its reports name ("all" for publish)."""

    def __init__(self, stage: str, context: StepContext, *, name: str = "") -> None:
        self._stage = stage
        self._context = context
        self._name = name or context.catalog.name
        self.note = ""
        self._is_begun = False

    def find_kept(self) -> StepReport | None:
        """The report of a stage that need not be done; None where it must be, with `note` saying what has changed."""
        context = self._context
        if self._stage in NEVER_KEPT or context.is_backfill:
            return None
        with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
            record = self._read(warehouse)
            if record is None:
                self._begin(warehouse)
                return None
            changed = [*self._too_old(record), *self._changes(warehouse, record)]
            if changed:
                self._begin(warehouse)
        if changed:
            more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
            self.note = f"done again, for since run {record.run_id} changed: {', '.join(changed[:SHOWN])}{more}"
            return None
        return StepReport(
            stage=self._stage,
            catalog=self._name,
            kept_from=record.run_id,
            notes=(f"unchanged since run {record.run_id}: kept, {record.rows_in} in, {record.rows_out} out",),
        )

    @contextmanager
    def watch(self, progress: Progress) -> Iterator[tuple[StepContext, Callable[[StepReport], None]]]:
        """The context to do the stage with, and what to call with its report once it has ended."""
        context = self._context
        if self._stage not in NEVER_KEPT and not self._is_begun:
            with open_warehouse(context.folder) as warehouse:
                self._begin(warehouse)
        watched = watch_context(replace(context, progress=progress))
        with watch_reads() as reads:
            # A later look at the context, at the end of the run say, is none of the stage's.
            yield watched, lambda report: self._remember(report, {*reads, *watched.seen})

    def _begin(self, warehouse: Warehouse) -> None:
        """Forget what the stage had read: it stands again when the stage has ended whole."""
        warehouse.run("queries/forget_inputs", catalog=self._name, stage=self._stage)
        self._is_begun = True

    def _remember(self, report: StepReport, seen: set[str]) -> None:
        context = self._context
        if report.is_partial or self._stage in NEVER_KEPT or context.is_backfill:
            return
        with open_warehouse(context.folder, memory_limit_mb=context.memory_limit_mb) as warehouse:
            tasks = TASKS.get(self._stage, ())
            if warehouse.value("queries/count_letters", catalog=context.catalog.name, tasks=list(tasks)):
                return
            row = {
                "catalog": self._name,
                "stage": self._stage,
                "run_id": context.run_id,
                "as_of": context.as_of,
                "inputs": json.dumps(self._digest(warehouse, self._names(warehouse, seen)), sort_keys=True),
                "rows_in": report.rows_in,
                "rows_out": report.rows_out,
                "recorded_at": utc_now(),
            }
            warehouse.insert("stage_inputs", pl.DataFrame([row]))

    def _names(self, warehouse: Warehouse, seen: set[str]) -> list[str]:
        """What is to be digested: tables, settings, and the outputs that the stage read or, with other eyes, wrote."""
        settings = [name for name in seen if "/" not in name]
        wrote = {name.removeprefix(WROTE) for name in seen if name.startswith(WROTE)}
        read = {name.removeprefix(OUTPUT) for name in seen if name.startswith(OUTPUT)} - wrote
        tables = tables_read(warehouse, {name for name in seen if "/" in name and not name.startswith((WROTE, OUTPUT))})
        # Vectors follow from texts and model, and the embedded enricher makes those that it needs.
        tables = [table for table in tables if (self._stage, table) != ("enrich", "embeddings")]
        return [
            "code",
            *sorted(f"table {table}" for table in tables),
            *sorted(f"setting {name}" for name in settings),
            *sorted(f"{OUTPUT}{name}" for name in read),
            *sorted(f"{WROTE}{name}" for name in wrote),
        ]

    def _digest(self, warehouse: Warehouse, names: Sequence[str]) -> dict[str, str]:
        return {name: self._digest_one(warehouse, name) for name in names}

    def _digest_one(self, warehouse: Warehouse, name: str) -> str:
        kind, _, rest = name.partition(" ")
        if kind == "table":
            return digest_table(warehouse, rest, self._scope())
        if kind == "setting":
            return digest_setting(self._context, rest)
        if name.startswith(OUTPUT):
            catalogs = [self._context.catalog.name]
            if self._name == ALL:
                catalogs = warehouse.query("queries/known_catalogs")["catalog"].to_list()
            return " ".join(digest_output(warehouse, one, name.removeprefix(OUTPUT)) for one in catalogs)
        if name.startswith(WROTE):
            return ""
        return code_digest()

    def _changes(self, warehouse: Warehouse, record: Record) -> Iterator[str]:
        for name, digest in record.inputs.items():
            if name.startswith(WROTE):
                yield from self._damage(warehouse, name.removeprefix(WROTE))
            elif self._digest_one(warehouse, name) != digest:
                yield name.removeprefix("table ").removeprefix("setting ").replace("/", " ")

    def _damage(self, warehouse: Warehouse, output: str) -> Iterator[str]:
        try:
            latest_output(warehouse, catalog=self._context.catalog.name, stage=output, needs=self._stage)
        except WarehouseError as error:
            yield f"its own {output} ({error})"

    def _too_old(self, record: Record) -> Iterator[str]:
        """Whether the day alone makes the stage due."""
        if self._stage not in DATED:
            return
        limit = kept_days(self._context)
        if not 0 <= record.age_days <= limit:
            why = f"it is of {record.age_days} days before, and kept for {limit}"
            yield f"the day ({why})" if record.age_days > 0 else "the day (it is of a later one)"

    def _read(self, warehouse: Warehouse) -> Record | None:
        found = warehouse.query("queries/stage_inputs", catalog=self._name, stage=self._stage)
        if found.is_empty():
            return None
        row = found.row(0, named=True)
        age = (self._context.as_of - row["as_of"]).days
        return Record(row["run_id"], json.loads(row["inputs"]), row["rows_in"], row["rows_out"], age)

    def _scope(self) -> Scope:
        later = ORDER[ORDER.index(self._stage) + 1 :] if self._stage in ORDER else ()
        return Scope(
            catalog=None if self._name == ALL else self._context.catalog.name,
            user_space=self._context.catalog.user_space,
            as_of_end=self._context.as_of_end,
            later_tasks=tuple(task for stage in later for task in TASKS.get(stage, ())),
            is_ingest=self._stage == "ingest gate",
            has_profiles=self._stage not in ("ingest gate", "enrich"),
        )


def kept_days(context: StepContext) -> int:
    """For how many days the lists of an unchanged catalog may be kept; 0 where each day has its own."""
    catalog = context.catalog
    is_drawn = "exploration" in catalog.candidates.sources or catalog.recommend.exploration_slots > 0
    has_age_rule = any(rule.item == "age_days" for rule in catalog.rules)
    return 0 if is_drawn or has_age_rule else catalog.recommend.keep_days


@cache
def code_digest() -> str:
    """A digest of the statements, prompts and modules that stages run, and of the packages that compute for them."""
    root = Path(__file__).resolve().parent.parent
    total = hashlib.sha256(f"{platform.python_version()} {platform.machine()}".encode())
    for pattern in CODE:
        for path in sorted(root.glob(pattern)):
            total.update(f"{path.relative_to(root)}\n".encode())
            total.update(path.read_bytes())
    for package in PACKAGES:
        try:
            total.update(f"{package} {importlib.metadata.version(package)}\n".encode())
        except importlib.metadata.PackageNotFoundError:
            total.update(f"{package} absent\n".encode())
    return total.hexdigest()[:16]
