"""Landing: labels in small commits, each with the end of its dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from filled_warehouse import NOW

from warehouse.connection import Warehouse, open_warehouse
from warehouse.errors import WarehouseError
from warehouse.landing import Landing

SCHEMA = {
    "content_hash": pl.String, "fingerprint": pl.String, "labeler": pl.String, "primary_topic": pl.String,
    "topics": pl.List(pl.Struct({"topic": pl.String, "confidence": pl.Float64})), "confidence": pl.Float64,
    "reason": pl.String, "requests": pl.Int64, "tokens_in": pl.Int64, "tokens_out": pl.Int64, "cost_usd": pl.Float64,
    "run_id": pl.String, "created_at": pl.Datetime("us"),
}  # fmt: skip
FAR = 1e9


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        yield opened


def land(warehouse: Warehouse, *, rows: int = 3, seconds: float = FAR) -> Landing:
    return Landing(
        warehouse, "topic_labels", catalog="news", task="topics", schema=SCHEMA, rows=rows, seconds=seconds
    )  # fmt: skip


def label(key: str, **values: Any) -> dict[str, Any]:
    row = {
        "content_hash": key, "fingerprint": "f", "labeler": "test", "primary_topic": None, "topics": [], "confidence": 0.5,
        "reason": "", "requests": 0, "tokens_in": 0, "tokens_out": 0, "cost_usd": 0.0, "run_id": "r1", "created_at": NOW,
    }  # fmt: skip
    return {**row, **values}


def letter(key: str, *, task: str = "topics", fingerprint: str = "f") -> dict[str, Any]:
    return {
        "catalog": "news", "task": task, "question_key": key, "fingerprint": fingerprint, "labeler": "test", "reason": "bad",
        "raw_reply": "", "attempts": 1, "run_id": "r1", "created_at": NOW,
    }  # fmt: skip


def stored(warehouse: Warehouse, table: str = "topic_labels", key: str = "content_hash") -> list[str]:
    return [row[0] for row in warehouse.connection.execute(f"select {key} from {table} order by 1").fetchall()]


def test_group_is_committed_when_it_is_full(warehouse: Warehouse) -> None:
    landing = land(warehouse, rows=3)
    for number in range(5):
        landing.label(f"h{number}", label(f"h{number}"))
    assert stored(warehouse) == ["h0", "h1", "h2"]
    landing.flush()
    assert stored(warehouse) == ["h0", "h1", "h2", "h3", "h4"]
    assert (landing.n_labels, landing.n_dead) == (5, 0)


def test_group_is_committed_when_its_time_is_up(warehouse: Warehouse) -> None:
    landing = land(warehouse, rows=1000, seconds=0.0)
    landing.label("h0", label("h0"))
    assert stored(warehouse) == ["h0"]


def test_label_ends_the_dead_letters_of_its_question_alone(warehouse: Warehouse) -> None:
    landing = land(warehouse)
    for dead in (letter("h0"), letter("h0", fingerprint="old"), letter("h1")):
        landing.dead_letter(dead)
    warehouse.insert("dead_letters", pl.DataFrame([letter("h0", task="enrich")]))
    landing.label("h0", label("h0"))
    landing.flush()
    left = warehouse.connection.execute("select task, question_key from dead_letters order by all").fetchall()
    assert left == [("enrich", "h0"), ("topics", "h1")]


def test_question_that_fails_again_keeps_one_dead_letter(warehouse: Warehouse) -> None:
    landing = land(warehouse, rows=1)
    landing.dead_letter(letter("h0"))
    landing.dead_letter({**letter("h0"), "reason": "worse", "run_id": "r2"})
    assert warehouse.connection.execute("select reason, run_id from dead_letters").fetchall() == [("worse", "r2")]
    assert landing.n_dead == 2


def test_group_that_is_refused_leaves_nothing_behind(warehouse: Warehouse) -> None:
    landing = land(warehouse)
    landing.label("h0", label("h0"))
    landing.label("h1", label("h1", reason=None))
    with pytest.raises(WarehouseError, match="rows for table 'topic_labels' were refused: .*reason"):
        landing.flush()
    assert stored(warehouse) == []


def test_flush_of_nothing_writes_nothing(warehouse: Warehouse) -> None:
    landing = land(warehouse)
    landing.flush()
    assert (landing.n_labels, landing.n_dead, stored(warehouse)) == (0, 0, [])


def test_duckdb_may_hold_more_where_the_work_list_brings_vectors(warehouse: Warehouse) -> None:
    """In what is enough for labels alone a join of 100,000 vectors was given up as out of memory."""

    def allowed(*, with_vectors: bool) -> str:
        with Landing(
            warehouse, "topic_labels", catalog="news", task="topics", schema=SCHEMA, with_vectors=with_vectors
        ):
            return str(warehouse.connection.sql("select current_setting('memory_limit')").fetchall()[0][0])

    assert (allowed(with_vectors=False), allowed(with_vectors=True)) == ("122.0 MiB", "610.3 MiB")
