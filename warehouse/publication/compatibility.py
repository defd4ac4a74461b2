"""Whether readers of one publication can read another: what semantic versioning promises, checked column by column.

Within a major version tables and columns stay, keep their type and their promise of no nulls, and rows keep their keys and
their order; a new table or column raises the minor version. Where the major version has been raised, a table that a reader
can't go on with is published in its older version too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.publication.manifest import Publication
from warehouse.publication.tables import SCHEMA_VERSION, TABLES, Table, parse_version


@dataclass(frozen=True)
class TableShape:
    """What readers of a table rely on: types by column, which may be null, keys, order; older are major versions beside it."""

    types: Mapping[str, str]
    nullable: frozenset[str]
    unique: frozenset[tuple[str, ...]]
    sorted_by: tuple[str, ...]
    older: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Shape:
    """The tables of a schema version."""

    version: str
    tables: Mapping[str, TableShape]


def shape_of_contract(version: str = SCHEMA_VERSION) -> Shape:
    """The contract as this code has it; of an earlier version of the same major, without what came later."""
    return Shape(version, {table.name: _shape_of_table(table.at(version)) for table in TABLES.values()})


def shape_of_publication(publication: Publication) -> Shape:
    """The same as a manifest states it."""
    return Shape(publication.schema_version, {
        name: _shape_of_content(content) for name, content in publication.manifest["tables"].items()
    })  # fmt: skip


def shape_of_snapshot(content: Mapping[str, Any]) -> Shape:
    """The same from what `snapshot_contract` gave."""
    return Shape(content["version"], {name: _shape_of_content(table) for name, table in content["tables"].items()})


def snapshot_contract() -> dict[str, Any]:
    """The contract as plain values: what is committed, and compared with the code by a test."""
    return {
        "version": SCHEMA_VERSION,
        "tables": {
            table.name: {
                "unique": [list(key) for key in table.keys],
                "sorted_by": list(table.sorted_by),
                "columns": [
                    {"name": one.name, "type": str(one.type), "nullable": one.nullable, "since": one.since}
                    for one in table.columns
                ],
            }
            for table in TABLES.values()
        },
    }


def find_breaks(before: Shape, after: Shape) -> list[str]:
    """What a reader of `before` can't rely on any more in `after`, and versions that don't say so; [] if all holds."""
    is_new_major = parse_version(after.version)[0] > parse_version(before.version)[0]
    breaks = [] if is_new_major else _find_silent_additions(before, after)
    for name, earlier in before.tables.items():
        later = after.tables.get(name)
        found = [f"table {name!r} is gone"] if later is None else _find_table_breaks(name, earlier, later)
        if is_new_major:
            major = f"v{parse_version(before.version)[0]}"
            is_kept = later is not None and major in later.older
            breaks += [f"{one}, and {major} is not published beside it" for one in found if not is_kept]
        else:
            advice = f"this takes a new major version after {before.version}, not {after.version}"
            breaks += [f"{one}: {advice}" for one in found]
    return breaks


def _find_table_breaks(name: str, before: TableShape, after: TableShape) -> list[str]:
    breaks = []
    for column, of in before.types.items():
        where = f"column {column!r} of table {name!r}"
        if column not in after.types:
            breaks.append(f"{where} is gone")
        elif after.types[column] != of:
            breaks.append(f"{where} has type {after.types[column]}, it had {of}")
        elif column in after.nullable and column not in before.nullable:
            breaks.append(f"{where} may be null, which it never was")
    breaks += [
        f"rows of table {name!r} are no longer unique by {', '.join(key)}"
        for key in sorted(before.unique - after.unique)
    ]
    if before.sorted_by != after.sorted_by:
        breaks.append(
            f"table {name!r} is sorted by {', '.join(after.sorted_by)}, it was by {', '.join(before.sorted_by)}"
        )
    return breaks


def _find_silent_additions(before: Shape, after: Shape) -> list[str]:
    if parse_version(after.version)[:2] > parse_version(before.version)[:2]:
        return []
    added = [f"table {name!r}" for name in after.tables if name not in before.tables]
    added += [
        f"column {column!r} of table {name!r}"
        for name, table in after.tables.items() if name in before.tables
        for column in table.types if column not in before.tables[name].types
    ]  # fmt: skip
    return [
        f"{one} is new: this takes a new minor version after {before.version}, not {after.version}" for one in added
    ]


def _shape_of_table(table: Table) -> TableShape:
    return TableShape(
        types={column.name: str(column.type) for column in table.columns},
        nullable=frozenset(column.name for column in table.columns if column.nullable),
        unique=frozenset(table.keys),
        sorted_by=table.sorted_by,
    )


def _shape_of_content(content: Mapping[str, Any]) -> TableShape:
    columns = content["columns"]
    return TableShape(
        types={column["name"]: column["type"] for column in columns},
        nullable=frozenset(column["name"] for column in columns if column["nullable"]),
        # The manifest names the catalog in each key.
        unique=frozenset(tuple(name for name in key if name != "catalog") for key in content["unique"]),
        sorted_by=tuple(content["sorted_by"]),
        older=frozenset(content.get("older", {})),
    )
