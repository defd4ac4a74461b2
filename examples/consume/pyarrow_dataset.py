"""One user's recommendations with the items' topics, by a PyArrow dataset; and a whole table in batches, for a feed.

    python pyarrow_dataset.py PUBLISHED USER...

PUBLISHED is a folder or a URL such as s3://bucket/prefix. PyArrow reads s3 and gs with its own code, and other URLs
through fsspec.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from latest import Latest, open_filesystem, read_latest
from pyarrow import fs

OWN = ("s3://", "gs://")


def open_table(latest: Latest, table: str, lead: str | None = None) -> ds.Dataset:
    """The files of a table as one dataset; with lead (a user, an item), only those that can hold it."""
    files = latest.files(table, lead) or latest.files(table)[:1]
    if "://" not in latest.address:
        return ds.dataset(files, format="parquet")
    paths = [file.split("://", 1)[1] for file in files]
    return ds.dataset(paths, format="parquet", filesystem=_filesystem(latest.address))


def _filesystem(address: str) -> fs.FileSystem:
    """PyArrow's own where it has one: its threads read ahead, and one in Python's fsspec as the program ends aborts it."""
    if address.startswith(OWN):
        return fs.FileSystem.from_uri(address)[0]
    return fs.PyFileSystem(fs.FSSpecHandler(open_filesystem(address)))


def look_up(latest: Latest, user: str) -> pa.Table:
    """catalog, rank, item_id, title, reason of a user, best first; no rows if there are none."""
    columns = ["catalog", "rank", "item_id", "title", "reason"]
    lists = open_table(latest, "recommendations", user)
    mine = lists.to_table(columns=columns, filter=pc.field("user_id") == user)
    return mine.sort_by([("catalog", "ascending"), ("rank", "ascending")])


def look_up_with_topics(latest: Latest, user: str) -> pa.Table:
    """The same with primary_topic and confidence of each item."""
    mine = look_up(latest, user)
    topics = open_table(latest, "item_topics").to_table(
        columns=["catalog", "item_id", "primary_topic", "confidence"],
        filter=pc.field("item_id").isin(mine["item_id"].combine_chunks()),
    )
    joined = mine.join(topics, keys=["catalog", "item_id"], join_type="left outer")
    return joined.sort_by([("catalog", "ascending"), ("rank", "ascending")])


def read_all(latest: Latest, table: str, *, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
    """A whole table in batches of at most so many rows: memory does not grow with it."""
    yield from open_table(latest, table).to_batches(batch_size=rows, batch_readahead=1, fragment_readahead=1)


def main() -> None:
    """Print the lists of the users named on the command line, and how many rows there are for everybody."""
    address, *users = sys.argv[1:]
    latest = read_latest(address)
    print(f"run {latest.run}")
    for user in users:
        mine = look_up_with_topics(latest, user)
        print(f"{user}: {mine.num_rows} recommendations")
        for row in mine.to_pylist():
            print(f"  {row['catalog']} {row['rank']:>2}  {row['title']}  [{row['primary_topic']}]  {row['reason']}")
    print(f"{sum(batch.num_rows for batch in read_all(latest, 'recommendations'))} rows in all")


if __name__ == "__main__":
    main()
