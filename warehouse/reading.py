"""Read-only access for people: one SELECT over the warehouse's tables, its views and the latest publication."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.publication import LATEST, TABLES, resolve_latest

TABLE_NAMES = "select table_name from duckdb_tables() where not temporary"


def read_query(folder: Path, query: str) -> pl.DataFrame:
    """The result of one SELECT. Raises WarehouseError for anything that is not one, and for a statement that fails.

    The published tables are the views `published_<table>`.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise WarehouseError(f"the query can't be read: {error}") from error
    if len(statements) != 1 or statements[0].type not in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}:
        raise WarehouseError("give one SELECT; `nightjar sql` only reads")
    with open_warehouse(folder, read_only=True) as warehouse:
        _create_published_views(warehouse.connection, folder / "published")
        try:
            return pl.DataFrame(pl.from_arrow(warehouse.connection.sql(query).to_arrow_table()))
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from error


def count_rows(warehouse: Warehouse) -> pl.DataFrame:
    """One row per table: table_name, n_rows. DuckDB's own estimates still count what was deleted."""
    names = [name for (name,) in warehouse.connection.sql(TABLE_NAMES).fetchall()]
    counts = " union all ".join(f"select '{name}' as table_name, count(*) as n_rows from {name}" for name in names)
    return pl.DataFrame(pl.from_arrow(warehouse.connection.sql(f"{counts} order by table_name").to_arrow_table()))


def _create_published_views(connection: duckdb.DuckDBPyConnection, published: Path) -> None:
    if not (published / LATEST).exists():
        return
    publication = resolve_latest(published)
    for table in TABLES:
        paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in publication.files(table))
        connection.execute(f"create temp view published_{table} as select * from read_parquet([{paths}])")
