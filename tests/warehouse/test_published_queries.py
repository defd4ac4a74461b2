"""sql/published/: what the queries give fits the contract and can be published as it streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from filled_warehouse import fill, insert
from published import facts

from warehouse.connection import Warehouse, open_warehouse
from warehouse.publication import TABLES, TableRows, publish
from warehouse.statements import list_statements

VALUES = {"metrics": {"run_id": "r1"}}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path / "warehouse") as opened:
        fill(opened)
        insert(opened, "metrics", {"run_id": "r1", "catalog": "news", "ranker": "bm25", "metric": "ndcg", "k": 10})
        yield opened


def rows(warehouse: Warehouse) -> Iterator[TableRows]:
    for name in list_statements("published"):
        table = name.removeprefix("published/")
        yield TableRows(table, "news", warehouse.stream(name, catalog="news", **VALUES.get(table, {})))


def test_there_is_a_query_for_every_table_but_the_recommendations() -> None:
    names = {name.removeprefix("published/") for name in list_statements("published")}
    assert names == set(TABLES) - {"recommendations"}


def test_what_streams_from_the_warehouse_is_published(warehouse: Warehouse, tmp_path: Path) -> None:
    publication = publish(tmp_path / "published", rows(warehouse), facts=facts())
    counts = {name: table["rows"] for name, table in publication.manifest["tables"].items()}
    assert counts == {
        "recommendations": 0, "item_topics": 3, "item_enrichments": 3, "item_groups": 2, "similar_items": 2,
        "labels": 1, "metrics": 1,
    }  # fmt: skip


def test_near_items_are_listed_both_ways_and_identical_ones_without_a_verdict(warehouse: Warehouse) -> None:
    insert(
        warehouse, "items",
        {"catalog": "news", "item_id": "i5", "title": "Three", "content_hash": "h3", "is_active": True},
        {"catalog": "news", "item_id": "i6", "title": "Three", "content_hash": "h3", "is_active": False},
    )  # fmt: skip
    found = warehouse.query("published/similar_items", catalog="news").sort("item_id")
    assert found.select("item_id", "similar_item_id", "cosine", "is_similar").rows() == [
        ("i1", "i2", 0.9, False), ("i2", "i1", 0.9, False), ("i3", "i5", 1.0, True), ("i5", "i3", 1.0, True),
    ]  # fmt: skip


def test_gone_items_and_other_catalogs_are_left_out(warehouse: Warehouse) -> None:
    warehouse.connection.execute("update items set is_active = false where item_id = 'i2'")
    for table, expected in (
        ("item_topics", ["i1", "i3"]),
        ("item_groups", ["i1"]),
        ("similar_items", []),
        ("labels", []),
    ):
        assert warehouse.query(f"published/{table}", catalog="news").sort("item_id")["item_id"].to_list() == expected
        assert warehouse.query(f"published/{table}", catalog="books").is_empty()


def test_what_could_not_be_measured_is_null(warehouse: Warehouse) -> None:
    warehouse.connection.execute("update metrics set ci_low = 'nan', ci_high = null")
    (row,) = warehouse.query("published/metrics", catalog="news", run_id="r1").to_dicts()
    assert (row["value"], row["ci_low"], row["ci_high"]) == (0.5, None, None)
