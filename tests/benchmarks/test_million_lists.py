"""The made-up lists of the large publication are what its gate expects of lists."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.million_lists import CATALOG, fill_warehouse, write_lists
from warehouse.connection import open_warehouse
from warehouse.outputs import latest_output
from warehouse.publication import TABLES


def test_two_nights_of_lists(tmp_path: Path) -> None:
    size = {"n_users": 300, "n_items": 400}
    fill_warehouse(tmp_path, **size)
    nights = []
    for night in (1, 2):
        write_lists(tmp_path, f"r{night}", night=night, as_of=date(2026, 11, night), **size)
        with open_warehouse(tmp_path, read_only=True) as warehouse:
            nights.append(
                pl.read_parquet(latest_output(warehouse, catalog=CATALOG, stage="recommendations", needs="score"))
            )
            seen = warehouse.connection.sql("select user_id, item_id from interactions").to_arrow_table()
    for lists in nights:
        assert set(lists.columns) == set(TABLES["recommendations"].names)
        assert lists["user_id"].n_unique() == 300
        assert set(lists.group_by("user_id").agg(pl.col("item_id").n_unique())["item_id"]) == {20}
        assert lists.join(pl.DataFrame(pl.from_arrow(seen)), on=["user_id", "item_id"], how="semi").is_empty()
    assert nights[0].join(nights[1], on=["user_id", "item_id"], how="semi").height == 300 * 16
