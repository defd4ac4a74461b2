"""One user's recommendations with the items' topics, by pandas.

    python pandas_lookup.py PUBLISHED USER...

PUBLISHED is a folder or a URL such as s3://bucket/prefix, which pandas reads through fsspec.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
from latest import Latest, open_filesystem, read_latest


def read_table(latest: Latest, table: str, *, lead: str | None = None, **options: Any) -> pd.DataFrame:
    """Rows of a table. Filters in options are answered from the statistics of the row groups, before rows are read."""
    files = latest.files(table, lead) or latest.files(table)[:1]
    if "://" in latest.address:
        options["filesystem"] = open_filesystem(latest.address)
    # The path says run=…, which would come back as a column.
    parts = [pd.read_parquet(file, partitioning=None, **options) for file in files]
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def look_up(latest: Latest, user: str) -> pd.DataFrame:
    """catalog, rank, item_id, title, reason of a user, best first; no rows if there are none."""
    columns = ["catalog", "rank", "item_id", "title", "reason"]
    mine = read_table(latest, "recommendations", lead=user, columns=columns, filters=[("user_id", "==", user)])
    return mine.sort_values(["catalog", "rank"], ignore_index=True)


def look_up_with_topics(latest: Latest, user: str) -> pd.DataFrame:
    """The same with primary_topic and confidence of each item."""
    mine = look_up(latest, user)
    columns = ["catalog", "item_id", "primary_topic", "confidence"]
    topics = read_table(
        latest, "item_topics", columns=columns, filters=[("item_id", "in", set(mine["item_id"]) or {""})]
    )
    return mine.merge(topics, on=["catalog", "item_id"], how="left")


def main() -> None:
    """Print the lists of the users named on the command line."""
    address, *users = sys.argv[1:]
    latest = read_latest(address)
    print(f"run {latest.run}")
    for user in users:
        mine = look_up_with_topics(latest, user)
        print(f"{user}: {len(mine)} recommendations")
        print(mine.to_string(index=False, max_colwidth=60))


if __name__ == "__main__":
    main()
