"""Raw rows to records: maps columns, converts values, checks events; says what is wrong with rows that do not fit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from tasks.readers.plan import Field, Plan
from tasks.readers.rows import BadRow, Batch, RawRow, UnfitRowError, Unreadable, show, to_bad_row
from tasks.readers.schema import PROVENANCE, SCHEMAS
from tasks.readers.values import is_empty

# Past some hundred levels, or digits by the thousand, Python stops.
TOO_DEEP = "can't be kept: a value is nested too deep, or a number is too long"
# Of one batch, in characters as they stood in the source: many long rows make a batch sooner than `size` does.
BATCH_CHARS = 32_000_000


def batch_rows(rows: Iterable[RawRow], plan: Plan, *, size: int) -> Iterator[Batch]:
    """Batches of `size` raw rows, the last one may be smaller; each raw row is a record or a bad row of its batch."""
    records: list[tuple[Any, ...]] = []
    bad: list[BadRow] = []
    n_chars = 0
    for row in rows:
        n_chars += len(row.raw) or sum(len(value) for value in row.values.values() if isinstance(value, str))
        try:
            records.append(normalise_row(row, plan))
        except UnfitRowError as unfit:
            bad.append(to_bad_row(row, str(unfit)))
        if len(records) + len(bad) >= size or n_chars >= BATCH_CHARS:
            yield Batch(to_frame(records, plan), bad)
            records, bad, n_chars = [], [], 0
    if records or bad:
        yield Batch(to_frame(records, plan), bad)


def normalise_row(row: RawRow, plan: Plan) -> tuple[Any, ...]:
    """The values of a record in the order of its schema, then file and line; raises UnfitRowError with the reason."""
    if row.problem:
        raise UnfitRowError(row.problem)
    values = {field.name: _convert(field, row) for field in plan.fields}
    if plan.kind == "interactions":
        values["event"] = map_event(values["event"], plan)
    for field in plan.fields:
        if field.is_required and values[field.name] in ("", None, []):
            raise UnfitRowError(_describe_empty(field, row))
    if plan.kind != "interactions":
        values["attributes"] = _to_attributes(row, plan)
    return (*values.values(), show(row.file), row.line)


def _convert(field: Field, row: RawRow) -> Any:
    value = None if field.column is None else row.values.get(field.column)
    if isinstance(value, Unreadable):
        raise UnfitRowError(f"{field.name} is not {field.noun}: column {field.column!r} holds {value.why}")
    try:
        return field.convert(value)
    except RecursionError as error:
        raise UnfitRowError(f"{field.name} {TOO_DEEP}") from error
    except ValueError as error:
        shown = show(repr(value))
        shown = shown if len(shown) <= 80 else shown[:79] + "…"
        mend = f"; expected {field.expected}" if field.expected else ""
        where = f" in column {field.column!r}" if field.column != field.name else ""
        detail = "" if str(error) == f"not {field.noun}" else f" ({error})"
        raise UnfitRowError(f"{field.name} is not {field.noun}: {shown}{where}{detail}{mend}") from error


def _describe_empty(field: Field, row: RawRow) -> str:
    where = f": column {field.column!r}" if field.column not in (None, field.name) else ""
    if field.column is not None and not is_empty(row.values.get(field.column)) and field.name in ("title", "text"):
        return f"{field.name} is empty after markup was removed{where}"
    return f"{field.name} is empty{where}"


def map_event(event: str, plan: Plan) -> str:
    """The catalog's name for a source's event; raises UnfitRowError for one that the catalog does not declare."""
    event = event or plan.default_event or ""
    event = plan.event_names.get(event, event)
    if event and plan.declared_events and event not in plan.declared_events:
        raise UnfitRowError(f"unknown event {event!r}; the catalog declares {', '.join(plan.declared_events)}")
    return event


def _to_attributes(row: RawRow, plan: Plan) -> str:
    values = {field.name: _convert(field, row) for field in plan.attributes}
    try:
        kept = {name: _to_json(value) for name, value in values.items() if not is_empty(value)}
        return json.dumps(kept, ensure_ascii=False, sort_keys=True)
    except (RecursionError, ValueError) as error:
        raise UnfitRowError(f"attributes {TOO_DEEP}") from error


def _to_json(value: Any) -> Any:
    """A value as JSON can hold it: NaN and infinities become null, times ISO 8601, bytes and the rest text."""
    if isinstance(value, str):
        return show(value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict):
        return {show(str(key)): _to_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(part) for part in value]
    if isinstance(value, Decimal):
        return _to_json(float(value))
    return value.isoformat() if isinstance(value, date | datetime) else show(str(value))


def to_frame(records: Sequence[tuple[Any, ...]], plan: Plan) -> pl.DataFrame:
    """Records in the schema of their kind, then file and line."""
    schema = {**SCHEMAS[plan.kind], **PROVENANCE}
    naive = {name: pl.Datetime("us") if isinstance(kind, pl.Datetime) else kind for name, kind in schema.items()}
    times = [index for index, kind in enumerate(schema.values()) if isinstance(kind, pl.Datetime)]
    rows = [_without_zone(record, times) for record in records]
    frame = pl.DataFrame(rows, schema=naive, orient="row")
    zoned = [pl.col(list(schema)[index]).dt.replace_time_zone("UTC") for index in times]
    return frame.with_columns(zoned)


def _without_zone(record: tuple[Any, ...], times: list[int]) -> tuple[Any, ...]:
    values = list(record)
    for index in times:
        if values[index] is not None:
            values[index] = values[index].astimezone(UTC).replace(tzinfo=None)
    return tuple(values)
