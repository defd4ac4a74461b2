"""One user's recommendations with the items' topics, by Polars.

    python polars_lookup.py PUBLISHED USER...

PUBLISHED is a folder or a URL such as s3://bucket/prefix, which Polars reads itself: keys and server come from the
environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL …; AWS_ALLOW_HTTP=true for a server without https).
"""

from __future__ import annotations

import sys

import polars as pl
from latest import Latest, read_latest


def look_up(latest: Latest, user: str) -> pl.DataFrame:
    """catalog, rank, item_id, title, reason of a user, best first; no rows if there are none."""
    files = latest.files("recommendations", user) or latest.files("recommendations")[:1]
    lists = pl.scan_parquet(files, hive_partitioning=False).filter(pl.col("user_id") == user)
    return lists.select("catalog", "rank", "item_id", "title", "reason").sort("catalog", "rank").collect()


def look_up_with_topics(latest: Latest, user: str) -> pl.DataFrame:
    """The same with primary_topic and confidence of each item."""
    mine = look_up(latest, user)
    topics = pl.scan_parquet(latest.files("item_topics"), hive_partitioning=False)
    known = topics.filter(pl.col("item_id").is_in(mine["item_id"].to_list())).select(
        "catalog", "item_id", "primary_topic", "confidence"
    )
    return mine.join(known.collect(), on=["catalog", "item_id"], how="left", maintain_order="left")


def main() -> None:
    """Print the lists of the users named on the command line."""
    address, *users = sys.argv[1:]
    latest = read_latest(address)
    print(f"run {latest.run}")
    for user in users:
        mine = look_up_with_topics(latest, user)
        print(f"{user}: {mine.height} recommendations")
        with pl.Config(tbl_rows=-1, fmt_str_lengths=60, tbl_hide_dataframe_shape=True):
            print(mine)


if __name__ == "__main__":
    main()
