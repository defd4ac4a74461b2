"""What a stage depends on, as digests: the tables that its statements read, as they are now, and the shards that it read.

A digest tells of contents and not of bookkeeping: run ids and the times of rewriting an equal row do not count. Of tables that
several catalogs share, only what concerns one catalog and the other catalogs of its users counts.
Time O(rows of the tables), memory O(1): DuckDB sums up hashes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from warehouse.connection import Warehouse
from warehouse.statements import list_statements, read_statement

BOOKKEEPING = frozenset(
    {
        "runs", "stage_runs", "stage_outputs", "stage_inputs", "schema_migrations", "ingest_counts", "quality_results",
        "publications", "latest_publications", "publication_comparisons", "digests", "label_metrics", "prompt_versions",
    }
)  # fmt: skip
"""Tables that tell of runs; no stage makes anything of them but what it says of itself."""

UNCOUNTED = frozenset({"run_id", "first_seen_run", "last_seen_run", "set_at", "vector"})
"""Columns that say who wrote a row, and vectors, which follow from content and fingerprint."""
REWRITTEN = {
    "combined_labels": {"created_at"},
    "items": {"title", "text", "author"},
    "catalogs": {"config_hash", "file", "parameters"},
}
"""Columns beside these: times of tables that are made anew from the same rows, what a content hash stands for, and the catalog's
file, of which the sections count that a stage has looked at."""

SHARED = frozenset({"items", "interactions", "catalogs", "catalog_events"})
"""Tables of which a stage also reads what other catalogs of the same users hold."""

_OF_OWN_CONTENTS = "in (select content_hash from items where catalog = $catalog)"
_OF_SPACE = "(select catalog from catalogs where user_space = $user_space)"
_OF_CONTENTS = f"in (select content_hash from items where catalog in {_OF_SPACE})"
_OF_PROFILES = "in (select profile_hash from users where user_space = $user_space)"


@dataclass(frozen=True)
class Scope:
    """Whose rows count: those of a catalog and its users, up to a stage; catalog None: all rows.

    as_of_end: the first instant that the run does not know. later_tasks: values of columns `task` that only later stages
    write. is_ingest: what other catalogs hold does not matter yet. has_profiles: vectors of users count.
    """

    catalog: str | None
    user_space: str
    as_of_end: datetime
    later_tasks: tuple[str, ...] = ()
    is_ingest: bool = False
    has_profiles: bool = True


def tables_read(warehouse: Warehouse, statements: Collection[str]) -> list[str]:
    """The tables that statements (by name) name, through views too, but for bookkeeping; sorted."""
    columns = _tables(warehouse)
    views = {name.split("/")[1]: _words(name) for name in list_statements("marts")}
    found: set[str] = set()
    pending = [
        word for name in statements if name.split("/")[0] in ("queries", "published", "audits", "ingest")
        for word in _words(name)
    ]  # fmt: skip
    seen: set[str] = set()
    while pending:
        word = pending.pop()
        if word in seen:
            continue
        seen.add(word)
        if word in views:
            pending.extend(views[word])
        elif word in columns:
            found.add(word)
    return sorted(found - BOOKKEEPING)


def digest_table(warehouse: Warehouse, table: str, scope: Scope) -> str:
    """A digest of the rows of a table that are in scope, whatever their order."""
    columns = _tables(warehouse)[table]
    uncounted = UNCOUNTED | REWRITTEN.get(table, set())
    if table == "catalogs" and scope.catalog is not None:
        uncounted |= {"title", "licence"}
    counted = [f'"{name}"' for name in columns if name not in uncounted]
    values = {"catalog": scope.catalog, "user_space": scope.user_space, "as_of_end": scope.as_of_end}
    if table == "items" and not scope.is_ingest:
        counted.append("coalesce(published_at < $as_of_end, true)")
    where = _where(table, columns, scope)
    statement = f'select count(*), sum(hash({", ".join(counted)})::hugeint) from "{table}" where {where}'
    used = {name: value for name, value in values.items() if f"${name}" in statement}
    count, total = warehouse.cursor().execute(statement, used).fetchall()[0]
    return f"{count}:{total or 0:x}"


def digest_output(warehouse: Warehouse, catalog: str, stage: str) -> str:
    """Which run's shards a catalog's stage reads now; '' where there are none."""
    found = warehouse.query("queries/latest_output", catalog=catalog, stage=stage)
    return "" if found.is_empty() else str(found["folder"][0])


def _where(table: str, columns: Collection[str], scope: Scope) -> str:
    if scope.catalog is None:
        return "true"
    parts = [_of_catalog(table, columns, scope)]
    if "task" in columns and scope.later_tasks:
        later = ", ".join(f"'{task}'" for task in scope.later_tasks)
        parts.append(f"task not in ({later})")
    if table == "interactions" and not scope.is_ingest:
        parts.append("(occurred_at is null or occurred_at < $as_of_end)")
    return " and ".join(parts)


def _of_catalog(table: str, columns: Collection[str], scope: Scope) -> str:
    if "catalog" in columns:
        is_shared = table in SHARED and not scope.is_ingest
        return f"catalog in {_OF_SPACE}" if is_shared else "catalog = $catalog"
    if table == "users":
        return "user_space = $user_space" + (" and source_catalog = $catalog" if scope.is_ingest else "")
    if table == "embeddings":
        profiles = f" or content_hash {_OF_PROFILES}" if scope.has_profiles else ""
        return f"(content_hash {_OF_CONTENTS}{profiles})"
    if "content_hash" in columns:
        return f"content_hash {_OF_OWN_CONTENTS}"
    if "hash_a" in columns:
        return f"hash_a {_OF_OWN_CONTENTS}"
    if "content_hashes" in columns:
        return f"content_hashes[1] {_OF_OWN_CONTENTS}"
    if table == "explanations":
        return f"split_part(question_key, '|', 2) {_OF_OWN_CONTENTS}"
    return "true"


def _words(statement: str) -> set[str]:
    """The words that may name a table: not in comments or texts, no alias ("as x"), not what stands before a dot."""
    text = re.sub(r"--[^\n]*|'[^']*'", " ", read_statement(statement))
    return set(re.findall(r"\w+", re.sub(r"\bas\s+\w+|\b\w+\s*\.", " ", text)))


def _tables(warehouse: Warehouse) -> dict[str, list[str]]:
    """The columns of each table."""
    views = {name.split("/")[1] for name in list_statements("marts")}
    return {table: columns for table, columns in warehouse.columns.items() if table not in views}
