"""What people filed the nearest items under: read with their vectors, the item itself left out, shown to a model."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tasks.labelers.protocol import GoldExample
from tasks.labeling.gold_examples import GoldShelf, read_shelf
from tests.llm.fake_server import FakeServer
from tests.llm_script import answer_all
from tests.night import Nights, SmallCatalog, with_key
from warehouse.connection import open_warehouse

SHELF = GoldShelf(
    ("a", "b", "c"),
    np.eye(3, 4, dtype=np.float32),
    (GoldExample("A", "sport"), GoldExample("B", ""), GoldExample("C", "food")),
)


def test_nearest_come_first_and_never_the_item_itself() -> None:
    vector = np.array([0.5, 0.9, 0.1, 0], dtype=np.float32)
    assert [one.title for one in SHELF.nearest("x", vector, n=2)] == ["B", "A"]
    assert [one.title for one in SHELF.nearest("b", vector, n=2)] == ["A", "C"]
    assert [one.title for one in SHELF.nearest("b", vector, n=9)] == ["A", "C"]


@pytest.mark.parametrize("vector", [None, np.ones(3, dtype=np.float32)])
def test_an_item_without_a_vector_of_the_same_model_has_none(vector: np.ndarray | None) -> None:
    assert SHELF.nearest("x", vector, n=2) == ()


def file_by_hand(nights: Nights, labels: dict[str, str | None]) -> None:
    """Let a person file items by their ids."""
    hashes = dict(nights.rows("select item_id, content_hash from items"))
    rows = [
        {
            "catalog": "news", "task": "topics", "question_key": hashes[item], "answer": topic, "note": "",
            "reviewer": "ann", "source": "test", "reviewed_at": datetime(2026, 10, 1), "imported_at": datetime(2026, 10, 1),
        }
        for item, topic in labels.items()
    ]  # fmt: skip
    with open_warehouse(nights.folder) as warehouse:
        warehouse.insert("human_labels", pl.DataFrame(rows))


def test_shelf_holds_what_people_filed_and_has_a_vector(nights: Nights) -> None:
    nights.run("ingest", "embed")
    file_by_hand(nights, {"i00": "sport", "i01": None})
    with open_warehouse(nights.folder) as warehouse:
        shelf = read_shelf(warehouse, catalog="news")
        assert read_shelf(warehouse, catalog="other").keys == ()
    assert {example.topic for example in shelf.examples} == {"sport", ""}
    assert shelf.vectors.shape[0] == len(shelf.keys) == 2


def test_examples_stand_in_the_prompt_of_other_items(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[topics]\ngold_examples = 2"
    with FakeServer(answer_all) as server:
        nights.changes = {"endpoints": with_key(server.url)}
        nights.run("ingest", "embed")
        file_by_hand(nights, {"i00": "sport", "i03": "sport", "i06": None})
        report = nights.run("topics")["topics"]
    assert report.rows_out == 30
    title = catalog.items["i00"]["title"]
    assert any(f"{title} → sport" in request.user for request in server.requests)
    for request in server.requests:
        filed, items = request.fenced[::2], request.fenced[1::2]
        assert len(filed) == len(items)
        for examples, item in zip(filed, items, strict=True):
            assert examples.count("→") == 2
            own = item.splitlines()[0].removeprefix("Title: ")
            assert own not in examples
