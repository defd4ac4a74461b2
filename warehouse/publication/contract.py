"""Writes docs/contract.md from the schema: `python -m warehouse.publication.contract > docs/contract.md`.

With --snapshot it writes the contract as JSON instead, which a test compares with the code: tests/warehouse/contract-1.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pyarrow as pa

from warehouse.publication import older
from warehouse.publication.compatibility import snapshot_contract
from warehouse.publication.manifest import FORMAT_VERSION
from warehouse.publication.older import OlderTable
from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Column, Table

INTRODUCTION = """\
# The published tables: a contract

Schema version {version}. This page is generated from `warehouse/publication/tables.py`
(`python -m warehouse.publication.contract > docs/contract.md`); a test fails when it is stale.

## Where things lie

```
published/
  latest.json                          the pointer and its history: replaced last, in one step
  latest -> runs/<id>                  the same as a link, for exploring by hand
  runs/<id>/manifest.json              files, rows, bytes, sha256, columns, gates, comparison, models, labelers, costs
  runs/<id>/<table> -> ../../<table>/v1/run=<id>
  <table>/v1/run=<id>/<catalog>-<id>-00000.parquet
```

`<id>` is the run's id; a run that was published twice with different rows has `.2`, `.3` … after it. Files are Parquet
with zstd and carry `nightjar.run`, `nightjar.table`, `nightjar.schema_version` and `licence` as key-value metadata.
The rows of a catalog are sorted, so that a reader that looks one user up reads one small row group; of many files, the
one whose `first` and `last` in the manifest have the user between them.

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
In an object store read it in one request (with fsspec `cat_file`, not `open`): it may be replaced between two.
Tools that copy a folder should not follow its links (`aws s3 sync --no-follow-symlinks`).

## What you can rely on

- A run is published whole or not at all. Before `latest.json` moves, every file has been read again: rows, checksums,
  schema, nulls, ranges, unique keys, ranks without gaps. `nightjar verify` does it once more whenever you like.
- Before it moves, the lists have been held to the catalog too: every item exists and is active, nothing that the user has
  met, finite scores, lists of the agreed length, enough users covered; and to the publication that was the latest:
  neither coverage nor overlap falls in a jump. `nightjar contract check` does all of it once more, for any publication,
  and fails on a column that is gone, retyped or null where it was not.
- A reader that holds an older run is not cut off: the last 7 publications are kept, and each that was the latest within
  the last 24 hours (two settings, at least 2 and 0). `history` of `latest.json` says since when each was.
- The latest may be an earlier one than yesterday's: a bad night is rolled back by moving the pointer. Go by
  `latest.json`, never by the newest folder; a folder may also be of a day that was made up for (`is_backfill`).
- The run id is in the path and in the metadata, never in a row: a rerun with nothing changed has the very same rows.
- Every number in a floating-point column is finite; what could not be measured is null, where null is allowed.
- Versions are semantic: a removed or retyped column, one that may be null where it was not, another key or order come as
  `v2/`, beside `v1/` for a stated time; a new column or table raises the minor version, and readers that name their
  columns don't notice.

## The manifest and the pointer

Both carry `format_version` ({format}); pass over keys that you don't know. Times are UTC, texts are compared by their bytes.

In `manifest.json`:

- `run`, `as_of`, `published_at`, `code_version`, `is_backfill`: which run, the day whose end it looked back from, when and by
  which Nightjar it was published, and whether for a day that was made up for.
- `catalogs`: name, title, licence and user space of each.
- `tables.<name>`: `folder`, `rows`, `bytes`, `sorted_by`, `unique`, and `columns` with type, unit, range, description and version.
- `tables.<name>.files[]`: `path`, `catalog`, `rows`, `bytes`, `sha256`, and `first` and `last`, the lowest and the highest value
  of the first sort column, null without rows.
- `tables.<name>.older`: the same of each older major version, with `published_until`; absent where there is none.
- `gates`: every expectation with `severity`, `is_success`, `observed` and `expected`.
- `coverage`: of each catalog `n_users` (active), `n_covered` (with a list) and `covered_share`.
- `comparison`: of each catalog, beside the publication that was the latest (`against`): `covered_share` and
  `covered_share_before`; `n_compared`, how many of its recommendations could be given again (the user and the item are active,
  the user has not met the item since), `n_kept`, how many were, `overlap`, their share (null if there are too few to tell), and
  `usual_overlap`, the median of earlier nights.
- `kept`: the stages of each catalog that this run did not do again, since nothing that they read had changed: `catalog`, `stage`,
  and `run` and `as_of` of the run that did them. Rows say their own `as_of`.
- `models`, `labelers`, `costs`: the rankers, who labeled, and the run's requests, tokens and US dollars.

In `latest.json`:

- `publication`, `run`, `as_of`, `published_at`, `schema_version` of the latest, and `since`, when it became the latest.
- `confirmed`: `run`, `as_of` and `at` of the last run that found the publication to hold. A night on which nothing has changed
  publishes nothing: it reads the files again, and says so here. A watchdog goes by `confirmed.at`, not by `published_at`.
- `manifest`, `manifest_sha256`: the path of its manifest, and its checksum.
- `tables`, `older_tables`: a pattern a table, and of older major versions where there are any.
- `history[]`: the stays of the kept publications as the latest, newest first: `publication`, `run`, `since`, `until` (null:
  now), `reason` (published, rolled back).
"""
OLDER_INTRODUCTION = """\
## Older versions

Made from the current rows and published beside them for a stated time. Read `tables.<name>.older` of the manifest.
"""


def render_contract() -> str:
    """The contract as Markdown."""
    introduction = INTRODUCTION.replace("{version}", SCHEMA_VERSION).replace("{format}", FORMAT_VERSION)
    parts = [introduction, *(_render_table(table) for table in TABLES.values())]
    if older.OLDER:
        parts += [OLDER_INTRODUCTION, *(_render_older(one) for one in older.OLDER)]
    return "\n".join(parts)


def _render_older(one: OlderTable) -> str:
    heading = f"`{one.table.name}/{one.table.version_folder}`"
    told = (
        _render_table(one.table)
        .split("\n", 1)[1]
        .replace("Grain: ", f"Published until {one.published_until}. Grain: ", 1)
    )
    return f"### {heading}\n{told}"


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
    is_snapshot = sys.argv[1:] == ["--snapshot"]
    sys.stdout.write(json.dumps(snapshot_contract(), indent=1) + "\n" if is_snapshot else render_contract())
