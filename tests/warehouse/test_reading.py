"""Reading: one SELECT over tables, views and the latest publication, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from filled_warehouse import fill
from published import facts, rows_of_all_tables

from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseError
from warehouse.publication import TABLES, publish
from warehouse.reading import read_query


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in a folder whose name needs quoting, with one publication."""
    made = tmp_path_factory.mktemp("operator's warehouse")
    with open_warehouse(made) as warehouse:
        fill(warehouse)
    publish(made / "published", rows_of_all_tables(), facts=facts())
    return made


def test_tables_and_views_can_be_queried(folder: Path) -> None:
    assert read_query(folder, "select count(*) as n from items").rows() == [(4,)]
    assert read_query(folder, "with a as (from current_topic_labels) select count(*) from a;").rows() == [(3,)]


@pytest.mark.parametrize("table", TABLES)
def test_published_tables_are_views(folder: Path, table: str) -> None:
    assert read_query(folder, f"select * from published_{table}").height > 0


@pytest.mark.parametrize(
    "query",
    [
        "delete from items",
        "insert into items select * from items",
        "create table mine as select 1",
        "drop view current_topic_labels",
        "copy items to 'items.csv'",
        "attach 'other.duckdb'",
        "set memory_limit = '1GB'",
        "install httpfs",
        "select 1; delete from items",
        "select 1; select 2",
        "",
    ],
)
def test_anything_but_one_select_is_refused(folder: Path, query: str) -> None:
    with pytest.raises(WarehouseError, match="give one SELECT; `nightjar sql` only reads"):
        read_query(folder, query)
    assert read_query(folder, "select count(*) from items").rows() == [(4,)]


def test_query_that_makes_no_sense_says_where(folder: Path) -> None:
    with pytest.raises(WarehouseError, match="the query can't be read: .*selekt"):
        read_query(folder, "selekt 1")
    with pytest.raises(WarehouseError, match="itmes does not exist"):
        read_query(folder, "select * from itmes")


def test_warehouse_without_a_publication_can_be_queried(tmp_path: Path) -> None:
    with open_warehouse(tmp_path):
        pass
    assert read_query(tmp_path, "select count(*) from items").rows() == [(0,)]
    with pytest.raises(WarehouseError, match="published_labels does not exist"):
        read_query(tmp_path, "select * from published_labels")
