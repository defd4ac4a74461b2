"""The views of sql/marts/, each made anew when its text has changed: opening an unchanged warehouse writes nothing.

Reads sql/marts/ and writes the views; the comment on a view is the checksum of the text that it was made from.
"""

from __future__ import annotations

import hashlib

import duckdb

from warehouse.statements import list_statements, read_statement


def create_views(connection: duckdb.DuckDBPyConnection, *, anew: bool) -> None:
    """Create the views that are missing or stale, or all of them (anew), as the tables beneath them have changed."""
    known = dict(connection.execute("select view_name, comment from duckdb_views() where not internal").fetchall())
    for name in list_statements("marts"):
        view, statement = name.split("/")[1], read_statement(name)
        digest = hashlib.sha256(statement.encode()).hexdigest()
        if anew or known.get(view) != digest:
            connection.execute(f"create or replace view {view} as {statement}")
            connection.execute(f"comment on view {view} is '{digest}'")
