"""The views of sql/marts/, each made anew when its text has changed: opening an unchanged warehouse writes nothing.

Reads sql/marts/ and writes the views; the comment on a view is the checksum of the text that it was made from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter

import duckdb

from warehouse.statements import list_statements, read_statement


def create_views(connection: duckdb.DuckDBPyConnection, *, anew: bool) -> None:
    """Create the views that are missing or stale, or all of them (anew), as the tables beneath them have changed."""
    known = dict(connection.execute("select view_name, comment from duckdb_views() where not internal").fetchall())
    statements = {name.split("/")[1]: read_statement(name) for name in list_statements("marts")}
    for view in order_views(statements):
        digest = hashlib.sha256(statements[view].encode()).hexdigest()
        if anew or known.get(view) != digest:
            connection.execute(f"create or replace view {view} as {statements[view]}")
            connection.execute(f"comment on view {view} is '{digest}'")


def order_views(statements: Mapping[str, str]) -> list[str]:
    """The names of views, each after those that it reads; views that read one another in a circle raise CycleError."""
    words = {view: set(re.findall(r"\w+", statement)) for view, statement in statements.items()}
    return list(
        TopologicalSorter({view: (used & words.keys()) - {view} for view, used in words.items()}).static_order()
    )
