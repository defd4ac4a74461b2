"""Interactions by the column: what is plain is converted as a whole, and the rest row by row as in any source.

A value is plain when its shape leaves no doubt how the row's converter would read it (an id without blanks around it, a
number of digits, a time of one of a few patterns). So the outcome is that of `normalise`, reasons included, and only its
speed differs. Pure; time O(rows), memory O(rows of a block).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import numpy as np
import polars as pl

from tasks.readers.normalise import batch_rows, map_event, normalise_row, to_frame
from tasks.readers.plan import Field, Plan
from tasks.readers.rows import BadRow, Batch, RawRow, UnfitRowError, show, to_bad_row

# Outer white space is cut off an id, and these can't stand in one; see has_control_characters.
_UNFIT_ID = "[\x00-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\ufeff]|^\\s|\\s$"
_FIRST_VISIBLE, _LAST_VISIBLE = np.uint8(ord("!")), np.uint8(ord("~"))
_NUMBER = r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?$"
_EPOCH = r"^[0-9]{9,16}$"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
# A shape, and how Polars reads it; all of these are UTC.
_TIMES = (
    (rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}$", "%Y-%m-%dT%H:%M:%S"),
    (rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_TIME}$", "%Y-%m-%d %H:%M:%S"),
    (rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}Z$", "%Y-%m-%dT%H:%M:%SZ"),
    (rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}\+00:00$", "%Y-%m-%dT%H:%M:%S+00:00"),
    (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "%Y-%m-%d"),
)
_NAIVE = pl.Datetime("us")


@dataclass(frozen=True)
class Block:
    """Rows of one file that lie one after the other, by source column.

    rows gives some of them, by their index in the frame, as the reader of rows would have; line is the first one's.
    """

    file: str
    line: int
    frame: pl.DataFrame
    rows: Callable[[Sequence[int]], list[RawRow]]


def is_columnar(plan: Plan) -> bool:
    """Whether rows under this plan can be converted by the column: interactions whose types are the usual ones."""
    return plan.kind == "interactions" and all(field.kind is not None for field in plan.fields)


def batch_blocks(blocks: Iterable[Block | RawRow], plan: Plan, *, size: int) -> Iterator[Batch]:
    """Batches of at most `size` raw rows, in the order of the source."""
    for is_block, group in groupby(blocks, key=lambda one: isinstance(one, Block)):
        if is_block:
            for block in group:
                yield from _batch_block(block, plan, size=size)  # type: ignore[arg-type]
        else:
            yield from batch_rows(group, plan, size=size)  # type: ignore[arg-type]


def _batch_block(block: Block, plan: Plan, *, size: int) -> Iterator[Batch]:
    for start in range(0, block.frame.height, size):
        yield _convert(block, plan, start=start, frame=block.frame.slice(start, size))


def _convert(block: Block, plan: Plan, *, start: int, frame: pl.DataFrame) -> Batch:
    columns = {field.name: _column(field, frame, plan) for field in plan.fields}
    for field in plan.fields:
        if field.is_required:
            values, is_plain = columns[field.name]
            columns[field.name] = values, is_plain & values.is_not_null()
    first = block.line + start
    # Lazy, so that what a column and its check share is computed once.
    records = (
        frame.lazy()
        .select(
            **{name: values for name, (values, _) in columns.items()},
            file=pl.lit(show(block.file)),
            line=pl.int_range(first, first + frame.height, dtype=pl.Int64),
            is_plain=pl.all_horizontal(is_plain for _, is_plain in columns.values()).fill_null(False),
        )
        .collect()
    )
    odd = (~records["is_plain"]).arg_true().to_list()
    if not odd:
        return Batch(_in_utc(records), [])
    late, bad = _normalise(block.rows([start + index for index in odd]), plan)
    kept = pl.concat([_in_utc(records.filter("is_plain")), to_frame(late, plan)])
    return Batch(kept.sort("line"), bad)


def _normalise(rows: Iterable[RawRow], plan: Plan) -> tuple[list[tuple[object, ...]], list[BadRow]]:
    records: list[tuple[object, ...]] = []
    bad: list[BadRow] = []
    for row in rows:
        try:
            records.append(normalise_row(row, plan))
        except UnfitRowError as unfit:
            bad.append(to_bad_row(row, str(unfit)))
    return records, bad


def _in_utc(records: pl.DataFrame) -> pl.DataFrame:
    return records.drop("is_plain").with_columns(pl.col("occurred_at").dt.replace_time_zone("UTC"))


def _column(field: Field, frame: pl.DataFrame, plan: Plan) -> tuple[pl.Expr, pl.Expr]:
    """The values of one of our columns, and which of them are plain; what is not plain may hold anything."""
    dtype = frame.schema.get(field.column or "", pl.Null())
    column = pl.col(field.column) if dtype != pl.Null() else pl.lit(None)  # type: ignore[arg-type]
    if field.name == "event":
        return _events(frame.select(column.alias("event"))["event"], field, plan)
    if field.kind == "id":
        return _ids(frame, column, dtype)
    return _numbers(column, dtype) if field.kind == "number" else _times(frame, column, dtype)


def _ids(frame: pl.DataFrame, column: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    text = column.cast(pl.String)
    if dtype.is_integer():
        return text, pl.lit(True)
    if dtype == pl.String() and _is_visible(frame.select(column.alias("id"))["id"]):
        return text, text != ""
    return text, (~text.str.contains(_UNFIT_ID) & (text != "")) if dtype == pl.String() else pl.lit(False)


def _is_visible(values: pl.Series) -> bool:
    """Whether texts hold nothing but visible ASCII: no blank, no control character; looked at as one piece of bytes."""
    text = values.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[-1]
    shifted = np.frombuffer(text or b"", np.uint8) - _FIRST_VISIBLE
    return not shifted.size or bool(shifted.max() <= _LAST_VISIBLE - _FIRST_VISIBLE)


def _events(values: pl.Series, field: Field, plan: Plan) -> tuple[pl.Expr, pl.Expr]:
    """Each event that occurs is mapped once."""
    found = values.unique().to_list() if values.dtype in (pl.String(), pl.Null()) else []
    known = {value: _event_of(value, field, plan) for value in found}
    if len(known) == 1:
        (event,) = known.values()
        return pl.lit(event, dtype=pl.String), pl.lit(event is not None)
    events = values.replace_strict(known, default=None, return_dtype=pl.String)
    return pl.lit(events), pl.lit(events).is_not_null()


def _event_of(value: object, field: Field, plan: Plan) -> str | None:
    try:
        return map_event(field.convert(value), plan) or None
    except (ValueError, UnfitRowError):
        return None


def _numbers(column: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    number = column.cast(pl.Float64, strict=False)
    if dtype == pl.Null():
        return number, pl.lit(True)
    if dtype == pl.String():
        fits = column.str.contains(_NUMBER) & number.is_finite().fill_null(False)
        return number, fits | _is_empty(column)
    if dtype.is_float():
        return number.fill_nan(None), (number.is_nan() | number.is_finite()).fill_null(True)
    return number, pl.lit(dtype.is_integer())


def _times(frame: pl.DataFrame, column: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
    if dtype == pl.Null():
        return column.cast(_NAIVE), pl.lit(True)
    if isinstance(dtype, pl.Datetime):
        time = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else column
        time = time.dt.cast_time_unit("us")
        return time, _is_held(time) | column.is_null()
    if dtype == pl.Date():
        time = column.cast(_NAIVE)
        return time, _is_held(time) | column.is_null()
    if dtype.is_integer():
        return _epochs(column.cast(pl.Int64, strict=False), is_empty=column.is_null())
    if dtype != pl.String():
        return pl.lit(None, dtype=_NAIVE), pl.lit(False)
    return _written_times(frame, column)


def _written_times(frame: pl.DataFrame, column: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Times as text, in the pattern that the first of them shows."""
    first = frame.select(column.filter(~_is_empty(column)).first()).item()
    for shape, pattern in _TIMES:
        if first is not None and re.search(shape, first):
            time = column.str.to_datetime(pattern, strict=False, time_unit="us", cache=False)
            return time, (column.str.contains(shape) & _is_held(time)) | _is_empty(column)
    number = pl.when(column.str.contains(_EPOCH)).then(column).cast(pl.Int64, strict=False)
    return _epochs(number, is_empty=_is_empty(column))


def _epochs(number: pl.Expr, *, is_empty: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Whole numbers of seconds, milliseconds or microseconds, told apart by their size as a row's time is."""
    seconds, milliseconds = number < 10**11, number < 10**14
    micros = pl.when(seconds).then(number * 1_000_000).when(milliseconds).then(number * 1000).otherwise(number)
    # Beyond the year 2223 the floats of a row's time are not exact to the microsecond, and only it knows how it rounds.
    is_epoch = number.is_between(10**8, 8 * 10**12) | number.is_between(10**14, 8 * 10**15)
    return micros.cast(_NAIVE), is_epoch.fill_null(False) | is_empty


def _is_empty(column: pl.Expr) -> pl.Expr:
    return column.is_null() | (column == "").fill_null(False)


def _is_held(time: pl.Expr) -> pl.Expr:
    """Which times Python's datetime can hold, too."""
    return time.is_between(datetime.min, datetime.max).fill_null(False)
