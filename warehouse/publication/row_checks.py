"""Checks the rows of one table of one catalog against the contract, in one pass over its sorted files.

Values (nulls, ranges, finite numbers), order, unique keys, ranks without gaps. Time O(rows), memory O(batch): the next
batch is decoded while one is checked, and texts that are only counted stay as Parquet's dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.publication.tables import Column, Table

BATCH_ROWS = 200_000


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: check is files, columns, values, order, keys or ranks; message names table and value."""

    check: str
    message: str


def check_rows(table: Table, catalog: str, paths: Sequence[Path]) -> list[Fault]:
    """What is wrong with the rows, each kind of fault once with its first row and how many rows have it.

    table holds the columns that the files have; checks of a column that is not among them are left out.
    """
    checker = _Checker(table, catalog)
    for batch in _read_ahead(_read_batches(paths, table)):
        checker.take(batch)
    return checker.finish()


class _Checker:
    """Takes batches in order, and keeps the last group of each back until the next one tells that it is whole."""

    def __init__(self, table: Table, catalog: str) -> None:
        self._table = table
        self._catalog = catalog
        self._where = f"table {table.name!r} of catalog {catalog!r}"
        self._lead = table.sorted_by[0]
        self._checked = [name for name in table.names if name in _checked_names(table)]
        self._found: dict[tuple[str, str], tuple[str, int]] = {}
        self._carried: pl.DataFrame | None = None
        self._last: str | None = None

    def take(self, batch: pa.Table) -> None:
        for column in self._table.columns:
            n_null = batch.column(column.name).null_count
            if n_null and not column.nullable:
                self._note_null(column, batch, n_null)
        rows = pl.DataFrame(pl.from_arrow(batch.select(self._checked)))
        self._check_values(rows)
        if self._lead not in rows.columns:
            return
        rows = rows if self._carried is None else pl.concat([self._carried, rows])
        is_last = rows[self._lead].eq_missing(rows[self._lead][-1])
        self._carried = rows.filter(is_last)
        self._check_groups(rows.filter(~is_last))

    def finish(self) -> list[Fault]:
        if self._carried is not None:
            self._check_groups(self._carried)
        # In the order in which a reader of the message would look for the cause.
        order = ("values", "order", "keys", "ranks")
        found = sorted(self._found.items(), key=lambda one: order.index(one[0][0]))
        return [
            Fault(check, f"{self._where} {message}{f' ({n} rows in all)' if n > 1 else ''}; publish again")
            for (check, _), (message, n) in found
        ]

    def _note(self, check: str, subject: str, *, n: int, message: str) -> None:
        first, before = self._found.get((check, subject), (message, 0))
        self._found[check, subject] = (first, before + n)

    def _note_null(self, column: Column, batch: pa.Table, n_null: int) -> None:
        of = [name for name in self._table.keys[0] if name != column.name and name in self._table.names]
        place = batch.column(column.name).is_null().to_pylist().index(True)
        row = ", ".join(f"{name} {batch.column(name)[place].as_py()!r}" for name in of)
        message = f"has a null in {column.name!r}, where the contract allows none{f', at {row}' if row else ''}"
        self._note("values", column.name, n=n_null, message=message)

    def _check_values(self, rows: pl.DataFrame) -> None:
        if "catalog" in rows.columns and (strangers := rows.filter(pl.col("catalog") != self._catalog)).height:
            message = f"holds rows of another catalog, {strangers['catalog'][0]!r}"
            self._note("values", "catalog", n=strangers.height, message=message)
        for column in self._table.columns:
            if column.name in rows.columns and rows[column.name].dtype.is_numeric():
                bad = rows.filter(_out_of_bounds(rows[column.name], column))
                if bad.height:
                    bounds = f"in {column.range}" if column.range else "a finite number"
                    message = f"has {bad[column.name][0]} in {column.name!r}, which must be {bounds}"
                    self._note("values", column.name, n=bad.height, message=message)

    def _check_groups(self, rows: pl.DataFrame) -> None:
        """Check frames that never split the rows of one value of the first sort column."""
        if rows.is_empty():
            return
        lead = rows[self._lead]
        if not lead.is_sorted() or (self._last is not None and lead[0] is not None and lead[0] <= self._last):
            self._note("order", self._lead, n=1, message=f"is not sorted by {self._lead!r} near {lead[0]!r}")
        self._last = lead[-1]
        for key in self._table.keys:
            if set(key) <= set(rows.columns):
                self._check_key(rows.select(key))
        rank = self._table.ranked_by
        if rank is not None and rank in rows.columns:
            self._check_ranks(rows.select(self._lead, rank), rank)

    def _check_key(self, rows: pl.DataFrame) -> None:
        # Different hashes are different keys; only where hashes meet does it take the keys themselves to tell.
        if rows.hash_rows().n_unique() == rows.height:
            return
        twice = rows.filter(rows.is_duplicated())
        if twice.height:
            shared = ", ".join(f"{name} {twice[name][0]!r}" for name in rows.columns)
            self._note("keys", str(rows.columns), n=twice.height, message=f"has rows that share {shared}")

    def _check_ranks(self, rows: pl.DataFrame, rank: str) -> None:
        place = pl.int_range(pl.len(), dtype=pl.Int64)
        is_first = pl.col(self._lead).ne_missing(pl.col(self._lead).shift(1)) | (place == 0)
        counted = place - pl.when(is_first).then(place).otherwise(None).forward_fill() + 1
        if rows.select((pl.col(rank) == counted).fill_null(value=False).all()).item():
            return
        lists = rows.group_by(self._lead, maintain_order=True).agg(
            first=pl.col(rank).min(), last=pl.col(rank).max(), n_rows=pl.len(), ranks=pl.col(rank)
        )
        wrong = lists.filter(
            (pl.col("first") != 1)
            | (pl.col("last") != pl.col("n_rows"))
            | (pl.col("ranks").list.n_unique() != pl.col("n_rows"))
        )
        if wrong.height:
            row = wrong.row(0, named=True)
            told = f"{row['first']} to {row['last']} in {row['n_rows']} rows"
            message = f"has a gap in {rank!r} of {self._lead} {row[self._lead]!r}: {told}"
            self._note("ranks", rank, n=wrong.height, message=message)
        else:
            of = rows.filter((pl.col(rank) != counted).fill_null(value=True))[self._lead][0]
            self._note("order", rank, n=1, message=f"is not sorted by {rank!r} within {self._lead} {of!r}")


def _checked_names(table: Table) -> set[str]:
    """The columns whose values are looked at one by one; of the others only nulls are counted."""
    numbers = {column.name for column in table.columns if _is_number(column.type)}
    return {"catalog", *table.sorted_by, *numbers, *(name for key in table.keys for name in key)}


def _is_number(of: pa.DataType) -> bool:
    return bool(pa.types.is_integer(of) or pa.types.is_floating(of))


def _out_of_bounds(values: pl.Series, column: Column) -> pl.Series:
    is_bad = ~values.is_finite() if values.dtype.is_float() else pl.repeat(False, len(values), eager=True)
    if column.low is not None:
        is_bad = is_bad | (values < column.low)
    if column.high is not None:
        is_bad = is_bad | (values > column.high)
    return is_bad | (values <= column.above) if column.above is not None else is_bad


def _read_batches(paths: Sequence[Path], table: Table) -> Iterator[pa.Table]:
    counted = [
        column.name for column in table.columns
        if pa.types.is_string(column.type) and column.name not in _checked_names(table)
    ]  # fmt: skip
    for path in paths:
        with pq.ParquetFile(path, read_dictionary=counted) as file:
            # Row groups are small for readers' sake; a checker wants more rows at a time.
            n_groups = max(1, BATCH_ROWS // table.row_group_rows)
            for first in range(0, file.num_row_groups, n_groups):
                groups = list(range(first, min(first + n_groups, file.num_row_groups)))
                yield file.read_row_groups(groups, columns=table.names)


def _read_ahead(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            if batch.num_rows:
                yield batch
