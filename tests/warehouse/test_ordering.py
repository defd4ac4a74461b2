"""Rows that lie in order: how that is told, and that publishing them unsorted makes the very same files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import facts, recommendations

from warehouse.errors import PublicationError
from warehouse.ordering import are_files_ordered, is_ordered
from warehouse.publication import TABLES, TableRows, publish
from warehouse.publication.files import write_table

BY = ("user_id", "rank")
ROWS = st.lists(st.tuples(st.sampled_from(["", "B", "a", "b", "é", "日"]), st.integers(0, 3)), max_size=6)


@given(ROWS)
def test_ordered_is_what_sorting_leaves_as_it_is(rows: list[tuple[str, int]]) -> None:
    frame = pl.DataFrame(rows, schema={"user_id": pl.String, "rank": pl.Int64}, orient="row")
    assert is_ordered(frame, BY) == frame.equals(frame.sort(BY))


def test_rows_with_a_null_are_not_ordered() -> None:
    assert not is_ordered(pl.DataFrame({"user_id": [None, "a"], "rank": [1, 1]}), BY)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([["a", "b"], ["b", "c"]], True),
        ([["a", "b"], [], ["c"]], True),
        ([["b", "c"], ["a"]], False),
        ([["b", "a"]], False),
        ([], True),
    ],
)
def test_files_are_ordered_one_after_the_other(tmp_path: Path, files: list[list[str]], expected: bool) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(len(files))]
    for number, (path, users) in enumerate(zip(paths, files, strict=True)):
        ranks = pl.Series("rank", [number] * len(users), dtype=pl.Int32)
        pl.DataFrame({"user_id": pl.Series(users, dtype=pl.String), "rank": ranks}).write_parquet(path)
    assert are_files_ordered(paths, BY) is expected


def test_ordered_rows_make_the_bytes_that_sorted_rows_make(tmp_path: Path) -> None:
    frame = recommendations(n_users=120, n_items=200).sort(BY)
    parts = [frame[:9_000], frame[9_000:9_001], frame[9_001:]]
    made = [
        write_table(
            given, TABLES["recommendations"], root=tmp_path / str(ordered), folder="r", stem="news", catalog="news",
            metadata={}, memory_limit_mb=200, is_ordered=ordered, rows_per_file=20_000,
        )
        for given, ordered in (([frame.sample(fraction=1.0, shuffle=True, seed=2)], False), (parts, True))
    ]  # fmt: skip
    assert made[0] == made[1]
    assert [file.rows for file in made[1]] == [20_000, 4_000]


def test_rows_that_were_said_to_be_ordered_and_are_not_are_not_published(tmp_path: Path) -> None:
    rows = TableRows("recommendations", "news", [recommendations().reverse()], is_ordered=True)
    with pytest.raises(PublicationError, match="is not sorted by"):
        publish(tmp_path, [rows], facts=facts())
    assert not (tmp_path / "latest.json").exists()


def test_ordered_rows_without_a_value_are_refused(tmp_path: Path) -> None:
    frame = recommendations().with_columns(title=pl.lit(None, dtype=pl.String))
    with pytest.raises(PublicationError, match="title"):
        publish(tmp_path, [TableRows("recommendations", "news", [frame], is_ordered=True)], facts=facts())
