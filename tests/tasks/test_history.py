"""pair_history: what the sources may know of a pair, what is held out as truth, and how events become weights and grades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.connection import Warehouse, open_warehouse

START = datetime(2026, 1, 1)
END = datetime(2026, 3, 1)
EVENTS = (("rating", 5.0, 1.0), ("rating", 4.0, 0.8), ("rating", None, 0.0), ("like", None, 1.0), ("skip", None, 0.0))
GRADES = (("rating", 5.0, 3), ("rating", 4.0, 2), ("rating", None, 0), ("like", None, 3), ("view", None, 1))
Row = tuple[str, str, int | None] | tuple[str, str, int | None, str, float | None]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path) as opened:
        catalog = {"catalog": "c", "user_space": "c", "title": "", "licence": "", "config_hash": "", "file": ""}
        opened.insert("catalogs", pl.DataFrame([{**catalog, "parameters": "{}", "last_seen_run": "r"}]))
        for table, rules, column in (("catalog_events", EVENTS, "weight"), ("catalog_grades", GRADES, "grade")):
            seen = (lambda event: {"is_seen": event != "skip"}) if column == "weight" else (lambda event: {})
            rows = [
                {"catalog": "c", "position": place, "event": event, "min_value": least, column: value, **seen(event)}
                for place, (event, least, value) in enumerate(rules)
            ]
            opened.insert(table, pl.DataFrame(rows, schema_overrides={"min_value": pl.Float64}))
        yield opened


def history(
    warehouse: Warehouse,
    rows: Sequence[Row],
    *,
    share: float = 0.25,
    is_random: bool = False,
    folds: int = 1,
    end: datetime = END,
) -> pl.DataFrame:
    """rows: user, item, days after START (None: unknown) and, unless it is a like, event and value."""
    warehouse.connection.execute("delete from interactions")
    full = [(*row, "like", None) if len(row) == 3 else row for row in rows]
    frame = [
        {
            "catalog": "c",
            "user_id": user,
            "item_id": item,
            "event": event,
            "value": value,
            "occurred_at": None if day is None else START + timedelta(days=day),
            "first_seen_at": START,
        }
        for user, item, day, event, value in full
    ]
    types = {"value": pl.Float64, "occurred_at": pl.Datetime("us")}
    warehouse.insert("interactions", pl.DataFrame(frame, schema_overrides=types))
    settings = {"holdout_share": share, "is_random": is_random, "folds": folds}
    warehouse.run("queries/make_pair_history", catalog="c", as_of_end=end, **settings)
    return pl.DataFrame(pl.from_arrow(warehouse.connection.sql("from pair_history order by all").to_arrow_table()))


def pairs(frame: pl.DataFrame, *, is_held_out: bool) -> list[tuple[str, str]]:
    return frame.filter(pl.col("fold").is_not_null() == is_held_out).select("user_id", "item_id").rows()


def test_the_latest_quarter_is_hidden(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", f"i{day}", day) for day in range(8)])
    assert pairs(found, is_held_out=True) == [("u", "i6"), ("u", "i7")]


def test_at_least_one_item_is_hidden_and_one_is_left(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "a", 0), ("u", "b", 1), ("lone", "a", 0)])
    assert pairs(found, is_held_out=True) == [("u", "b")]
    assert pairs(found, is_held_out=False) == [("lone", "a"), ("u", "a")]


def test_all_events_with_an_item_go_to_the_same_side(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "a", 0), ("u", "b", 1), ("u", "a", 2)])
    assert pairs(found, is_held_out=True) == [("u", "a")]
    assert pairs(found, is_held_out=False) == [("u", "b")]


def test_interactions_without_a_time_count_as_oldest(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "b", None), ("u", "a", 0)])
    assert pairs(found, is_held_out=True) == [("u", "a")]


def test_a_share_of_zero_hides_nothing(warehouse: Warehouse) -> None:
    assert pairs(history(warehouse, [("u", "a", 0), ("u", "b", 1)], share=0.0), is_held_out=True) == []


def test_random_order_is_another_order_and_always_the_same(warehouse: Warehouse) -> None:
    rows: list[Row] = [("u", f"i{day:02}", day) for day in range(40)]
    first = pairs(history(warehouse, rows, is_random=True), is_held_out=True)
    assert first == pairs(history(warehouse, rows[::-1], is_random=True), is_held_out=True)
    assert first != pairs(history(warehouse, rows), is_held_out=True)


def test_what_happens_after_the_day_is_not_known(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "a", 0), ("u", "b", 5)], end=START + timedelta(days=5))
    assert found["item_id"].to_list() == ["a"]
    assert found["age_days"].to_list() == [5.0]


def test_the_first_rule_that_fits_gives_weight_and_grade(warehouse: Warehouse) -> None:
    rows: list[Row] = [
        ("u", "a", 0, "rating", 5.0),
        ("u", "b", 0, "rating", 4.5),
        ("u", "c", 0, "rating", None),
        ("u", "d", 0, "view", None),
    ]
    found = history(warehouse, rows).sort("item_id")
    assert found["weight"].to_list() == [1.0, 0.8, 0.0, None]
    assert found["grade"].to_list() == [3, 2, 0, 1]


def test_the_best_of_several_events_counts(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "a", 0, "view", None), ("u", "a", 1, "like", None)])
    assert found.select("weight", "grade").rows() == [(1.0, 3)]


def test_an_event_that_does_not_make_seen_is_neither_seen_nor_held_out(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "a", 0), ("u", "b", 1), ("u", "c", 2, "skip", None)]).sort("item_id")
    assert found["is_seen"].to_list() == [True, True, False]
    assert pairs(found, is_held_out=True) == [("u", "b")]


def test_folds_are_disjoint_and_equally_large(warehouse: Warehouse) -> None:
    rows: list[Row] = [("u", f"i{day:02}", day) for day in range(22)]
    found = history(warehouse, rows, is_random=True, share=0.2, folds=4)
    sizes = found.group_by("fold").len().sort("fold")
    assert sizes.rows() == [(None, 6), (0, 4), (1, 4), (2, 4), (3, 4)]


def test_of_few_pairs_each_is_held_out_in_one_fold(warehouse: Warehouse) -> None:
    found = history(warehouse, [("u", "a", 0), ("u", "b", 1), ("lone", "a", 0)], is_random=True, share=0.1, folds=5)
    assert found.filter(user_id="u")["fold"].sort().to_list() == [0, 1]
    assert found.filter(user_id="lone")["fold"].to_list() == [None]


def test_the_first_fold_is_the_same_whatever_the_number_of_folds(warehouse: Warehouse) -> None:
    rows: list[Row] = [("u", f"i{day:02}", day) for day in range(20)]
    one = history(warehouse, rows, is_random=True, share=0.1).filter(fold=0)
    assert one.equals(history(warehouse, rows, is_random=True, share=0.1, folds=5).filter(fold=0))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("uvw"), st.sampled_from("abcdefgh"), st.integers(0, 9)), min_size=1, max_size=40
    ),
    is_random=st.booleans(),
    share=st.floats(0, 0.9),
)
def test_every_pair_is_on_one_side_and_every_user_keeps_one(
    warehouse: Warehouse, rows: list[Row], is_random: bool, share: float
) -> None:
    found = history(warehouse, rows, is_random=is_random, share=share)
    assert sorted(found.select("user_id", "item_id").rows()) == sorted({row[:2] for row in rows})
    assert {user for user, _ in pairs(found, is_held_out=False)} == {row[0] for row in rows}
