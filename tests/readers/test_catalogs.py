"""The ready catalogs: each file is valid, and reads its data without a surprise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.contracts.catalog import Catalog, Kind
from tasks.contracts.catalog_file import load_catalog
from tasks.readers import read_batches

REAL_DATA = Path(__file__).resolve().parents[2] / "../shared/data"
CATALOGS = Path(__file__).resolve().parents[2] / "examples" / "catalogs"
KINDS: tuple[Kind, ...] = ("items", "users", "interactions")
# Records and bad rows of items, users, interactions.
EXPECTED = {
    "adidas": [(845, 0)],
    "bbc": [(2225, 0)],
    "beauty": [(85, 0), (991, 0), (5269, 0)],
    "magazines": [(3098, 287)],
    "mind": [(2000, 0), (4637, 0), (349_161, 0)],
    "movielens-100k": [(1681, 1), (943, 0), (100_000, 0)],
}


def count_rows(catalog: Catalog, kind: Kind) -> tuple[int, int]:
    records = bad = 0
    for source in getattr(catalog, kind):
        for batch in read_batches(source, kind, events=catalog.event_names):
            records += len(batch.records)
            bad += len(batch.bad)
    return records, bad


def test_there_is_an_expectation_for_each_catalog() -> None:
    assert {path.stem for path in CATALOGS.glob("*.toml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_catalog_file_is_valid_and_says_where_its_data_lies_by_a_parameter(name: str) -> None:
    catalog = load_catalog(CATALOGS / f"{name}.toml", {"data": "/somewhere"})
    assert catalog.name == name
    assert catalog.items[0].path.startswith("/somewhere/")


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.usefixtures("real_data")
def test_a_catalog_reads_its_data(name: str) -> None:
    catalog = load_catalog(CATALOGS / f"{name}.toml", {"data": str(REAL_DATA)})
    counts = [count_rows(catalog, kind) for kind in KINDS if getattr(catalog, kind)]
    assert counts == EXPECTED[name]


@pytest.mark.parametrize("name", ["adidas", "bbc", "mind"])
@pytest.mark.usefixtures("real_data")
def test_topics_are_the_categories_of_the_gold(name: str) -> None:
    catalog = load_catalog(CATALOGS / f"{name}.toml", {"data": str(REAL_DATA)})
    categories: set[str] = set()
    for batch in read_batches(catalog.items[0], "items"):
        categories.update(batch.records["category"])
    assert categories == {topic.name for topic in catalog.taxonomy}
