"""Writes docs/contract.md from the schema: `python -m warehouse.publication.contract > docs/contract.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa

from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Column, Table

INTRODUCTION = """\
# The published tables: a contract

Schema version {version}. This page is generated from `warehouse/publication/tables.py`
(`python -m warehouse.publication.contract > docs/contract.md`); a test fails when it is stale.

## Where things lie

```
published/
  latest.json                          the pointer: replaced last, in one step
  latest -> runs/<id>                  the same as a link, for exploring by hand
  runs/<id>/manifest.json              files, rows, bytes, sha256, columns, gates, models, labelers, costs
  runs/<id>/<table> -> ../../<table>/v1/run=<id>
  <table>/v1/run=<id>/<catalog>-<id>-00000.parquet
```

`<id>` is the run's id; a run that was published twice with different rows has `.2`, `.3` … after it. Files are Parquet
with zstd and carry `nightjar.run`, `nightjar.table`, `nightjar.schema_version` and `licence` as key-value metadata.
The rows of a catalog are sorted, so that a reader that looks one user up reads one small row group.

## How to read them

One user's recommendations, in DuckDB, of the run that is the latest now:

```sql
set variable latest = (select publication from 'published/latest.json');
select rank, title, reason
from read_parquet('published/recommendations/v1/run=' || getvariable('latest') || '/*.parquet')
where user_id = 'u01'
order by rank;
```

The same in Polars:

```python
import json
import polars as pl

tables = json.load(open("published/latest.json"))["tables"]
recommendations = pl.scan_parquet("published/" + tables["recommendations"])
mine = recommendations.filter(pl.col("user_id") == "u01").sort("rank")
print(mine.select("rank", "title", "reason").collect())
```

Readers that know Hive partitions, as DuckDB does, add a column `run` from the path.

By hand, `published/latest/recommendations/*.parquet` is the shortest way. If a new run is published in the middle of
such a query, the query fails for want of a file, and succeeds when it is run again: file names carry the run, so that
two runs are never mixed. A program should read `latest.json` once, and then use the paths of that run for all it reads.
Tools that copy a folder should not follow its links (`aws s3 sync --no-follow-symlinks`).

## What you can rely on

- A run is published whole or not at all. Before `latest.json` moves, every file has been read again: rows, checksums,
  schema, nulls, ranges, unique keys, ranks without gaps. `nightjar verify` does it once more whenever you like.
- A reader that holds an older run is not cut off: the last 7 publications are kept (a setting, at least 2).
- The run id is in the path and in the metadata, never in a row: a rerun with nothing changed has the very same rows.
- Every number in a floating-point column is finite; what could not be measured is null, where null is allowed.
- Versions are semantic: a removed or retyped column comes as `v2/`, beside `v1/` for a stated time; a new column or
  table raises the minor version, and readers that name their columns don't notice.
"""


def render_contract() -> str:
    """The contract as Markdown."""
    parts = [INTRODUCTION.replace("{version}", SCHEMA_VERSION), *(_render_table(table) for table in TABLES.values())]
    return "\n".join(parts)


def _render_table(table: Table) -> str:
    keys = "; ".join(f"`({', '.join(('catalog', *key))})`" for key in table.keys)
    order = ", ".join(("catalog", *table.sorted_by))
    head = f"## `{table.name}`\n\nGrain: {table.grain}. Unique: {keys}. Sorted by {order}."
    rows = "\n".join(_render_columns(table.columns))
    return (
        f"{head}\n\n| column | type | unit | range | null | meaning | since |\n|---|---|---|---|---|---|---|\n{rows}\n"
    )


def _render_columns(columns: tuple[Column, ...]) -> Iterator[str]:
    for column in columns:
        cells = (
            f"`{column.name}`", f"`{_name_type(column.type)}`", column.unit, column.range,
            "yes" if column.nullable else "no", column.meaning, column.since,
        )  # fmt: skip
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _name_type(of: pa.DataType) -> str:
    """Arrow's name, without the names that Arrow gives to a list's elements."""
    if pa.types.is_list(of):
        return f"list<{_name_type(of.value_type)}>"
    if pa.types.is_struct(of):
        return f"struct<{', '.join(f'{field.name}: {_name_type(field.type)}' for field in of)}>"
    return str(of)


if __name__ == "__main__":
    sys.stdout.write(render_contract())
