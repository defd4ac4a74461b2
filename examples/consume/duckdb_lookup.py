"""One user's recommendations with the items' topics, by DuckDB.

    python duckdb_lookup.py PUBLISHED USER...

PUBLISHED is a folder or a URL such as s3://bucket/prefix, which DuckDB then reads through fsspec, without an extension.
"""

from __future__ import annotations

import sys

import duckdb
from latest import Latest, open_filesystem, read_latest

LISTS = """
select catalog, rank, item_id, title, reason
from read_parquet($lists, hive_partitioning = false)
where user_id = $user
order by catalog, rank
"""
WITH_TOPICS = f"""
select lists.catalog, rank, title, topics.primary_topic, topics.confidence, lists.reason
from ({LISTS}) as lists
left join read_parquet($topics, hive_partitioning = false) as topics using (catalog, item_id)
order by lists.catalog, rank
"""


def connect(address: str) -> duckdb.DuckDBPyConnection:
    """A connection that can read the address; keep it, and footers that were read once are not read again."""
    connection = duckdb.connect()
    connection.execute("set parquet_metadata_cache = true")
    if "://" in address:
        connection.register_filesystem(open_filesystem(address))
    return connection


def look_up(connection: duckdb.DuckDBPyConnection, latest: Latest, user: str) -> list[tuple]:
    """(catalog, rank, item_id, title, reason) of a user, best first; [] if there are none."""
    files = latest.files("recommendations", user)
    return connection.execute(LISTS, {"lists": files, "user": user}).fetchall() if files else []


def look_up_with_topics(connection: duckdb.DuckDBPyConnection, latest: Latest, user: str) -> list[tuple]:
    """(catalog, rank, title, topic, confidence, reason) of a user, best first; [] if there are none."""
    files = latest.files("recommendations", user)
    values = {"lists": files, "topics": latest.files("item_topics"), "user": user}
    return connection.execute(WITH_TOPICS, values).fetchall() if files else []


def main() -> None:
    """Print the lists of the users named on the command line."""
    address, *users = sys.argv[1:]
    latest = read_latest(address)
    connection = connect(address)
    print(f"run {latest.run}")
    for user in users:
        rows = look_up_with_topics(connection, latest, user)
        print(f"{user}: {len(rows)} recommendations")
        for catalog, rank, title, topic, confidence, reason in rows:
            print(f"  {catalog} {rank:>2}  {title}  [{topic or 'no topic'}, {confidence or 0:.2f}]  {reason}")


if __name__ == "__main__":
    main()
