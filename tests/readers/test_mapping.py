"""Mapping, types, required columns and events: what fits is a record, what does not names column and value."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.contracts.catalog import SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers import INTERACTION_SCHEMA, ITEM_SCHEMA, USER_SCHEMA, read_batches

ITEMS = "id,title,body,price,date,year\n1,One,text,$9.50,2026-02-03,1990\n"
ITEM_COLUMNS = {"item_id": "id", "title": "title", "text": "body", "price": "price", "published_at": "date"}
EVENTS = "user,item,event,stars,time\nu1,i1,view,,2026-02-03T10:00:00Z\n"
EVENT_COLUMNS = {"user_id": "user", "item_id": "item", "event": "event", "value": "stars", "occurred_at": "time"}


def write(folder: Path, content: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_records_have_the_canonical_schema(tmp_path: Path, read: Any) -> None:
    items = read("csv", write(tmp_path, ITEMS), columns=ITEM_COLUMNS, attributes=["year"], types={"year": "integer"})
    events = read("csv", write(tmp_path, EVENTS), "interactions", columns=EVENT_COLUMNS)
    users = read("csv", write(tmp_path, "id,likes\nu1,a;b\n"), "users", columns={"user_id": "id", "interests": "likes"})
    provenance = {"file": pl.String(), "line": pl.Int64()}
    assert dict(items.records.schema) == {**ITEM_SCHEMA, **provenance}
    assert dict(events.records.schema) == {**INTERACTION_SCHEMA, **provenance}
    assert dict(users.records.schema) == {**USER_SCHEMA, **provenance}
    assert items.records.row(0, named=True) | {"file": ""} == {
        "item_id": "1", "title": "One", "text": "text", "url": "", "author": "", "category": "", "language": "",
        "published_at": datetime(2026, 2, 3, tzinfo=UTC), "price": 9.5, "attributes": '{"year": 1990}',
        "file": "", "line": 2,
    }  # fmt: skip
    assert users.column("interests") == [["a", "b"]]


def test_a_batch_of_bad_rows_only_keeps_the_schema(tmp_path: Path, read: Any) -> None:
    result = read("csv", write(tmp_path, "id,title\n,One\n"), columns={"item_id": "id", "title": "title"})
    assert result.reasons == ["item_id is empty: column 'id'"]
    assert dict(result.records.schema)["published_at"] == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,One,t,cheap,,", "price is not a number: 'cheap'"),
        ("1,One,t,,31/02/2026,", "published_at is not a timestamp: '31/02/2026' in column 'date'"),
        ("1,One,t,,the day before yesterday,", "published_at is not a timestamp: 'the day before yesterday'"),
        ("1,One,t,,,MCMXC", "year is not a whole number: 'MCMXC'"),
        ("1,<br>,t,,,", "title is empty after markup was removed"),
        ("1,One,,,,", "text is empty: column 'body'"),
        (" ,One,t,,,", "item_id is empty: column 'id'"),
    ],
)
def test_a_value_that_does_not_fit_makes_the_row_bad(tmp_path: Path, read: Any, row: str, reason: str) -> None:
    path = write(tmp_path, f"id,title,body,price,date,year\n{row}\n2,Two,t,,,\n")
    types = {"year": "integer"}
    result = read("csv", path, columns=ITEM_COLUMNS, attributes=["year"], types=types, required=["text"])
    assert result.column("item_id") == ["2"]
    assert result.reasons[0].startswith(reason)


def test_empty_text_is_kept_unless_required(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, "id,title,body\n1,One,\n")
    columns = {"item_id": "id", "title": "title", "text": "body"}
    assert read("csv", path, columns=columns).column("text") == [""]
    assert read("csv", path, columns=columns, required=["text"]).reasons == ["text is empty: column 'body'"]


def test_age_in_words_makes_a_user_bad(tmp_path: Path, read: Any) -> None:
    result = read(
        "csv", write(tmp_path, "id,age\nu1,forty\nu2,40\nu3,\n"), "users", columns={"user_id": "id", "age": "age"}
    )
    assert result.column("age") == [40, None]
    assert result.reasons == ["age is not a whole number: 'forty'"]


def test_events_are_renamed_and_unknown_ones_are_bad(tmp_path: Path) -> None:
    path = write(tmp_path, EVENTS + "u1,i1,PURCHASE,,\nu1,i2,teleport,,\nu1,i3,,,\n")
    config = {"format": "csv", "path": str(path), "columns": EVENT_COLUMNS, "events": {"PURCHASE": "buy"}}
    source = SourceConfig.model_validate(config)
    (batch,) = read_batches(source, "interactions", events=["view", "buy"])
    assert batch.records["event"].to_list() == ["view", "buy"]
    assert [bad.reason for bad in batch.bad] == [
        "unknown event 'teleport'; the catalog declares view, buy",
        "event is empty",
    ]


def test_any_event_passes_when_the_catalog_declares_none(tmp_path: Path, read: Any) -> None:
    result = read("csv", write(tmp_path, "u,i\nu1,i1\n"), "interactions", columns={"user_id": "u", "item_id": "i"},
                  default_event="bought")  # fmt: skip
    assert result.column("event") == ["bought"]


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("items", {"columns": {"item_id": "id", "titel": "t"}}, r"columns .* names 'titel'.*did you mean 'title'"),
        ("items", {"columns": {"item_id": "id"}}, "items from .* have no title; name its column under columns"),
        ("interactions", {"columns": {"user_id": "u", "item_id": "i"}}, "have no event; .* or state default_event"),
        (
            "items",
            {"columns": ITEM_COLUMNS, "types": {"yera": "integer"}, "attributes": ["year"]},
            "did you mean 'year'",
        ),
        ("items", {"columns": ITEM_COLUMNS, "types": {"price": "text"}}, None),
        (
            "items",
            {"columns": ITEM_COLUMNS, "types": {"price": "integer"}},
            "types says that price is 'integer', but it is a",
        ),
        ("items", {"columns": ITEM_COLUMNS, "required": ["abstract"]}, "required .* names 'abstract'"),
        ("interactions", {"columns": EVENT_COLUMNS, "attributes": ["x"]}, "interactions keep no attributes"),
        ("items", {"format": "mind", "columns": {"author": "writer"}}, "format 'mind' has no column 'writer'"),
    ],
)
def test_a_mapping_that_can_not_be_right_is_refused_at_once(
    tmp_path: Path, kind: Any, config: dict[str, Any], message: str | None
) -> None:
    source = SourceConfig.model_validate({"format": "csv", "path": str(tmp_path / "absent.csv"), **config})
    if message is None:
        read_batches(source, kind)
        return
    with pytest.raises(SourceError, match=message):
        read_batches(source, kind)


def test_a_declared_type_checks_a_text_column_of_ours(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, "id,title\n1,One\nx,Two\n")
    result = read("csv", path, columns={"item_id": "id", "title": "title"}, types={"item_id": "integer"})
    assert result.column("item_id") == ["1"]
    assert result.reasons[0].startswith("item_id is not a whole number: 'x'")


def test_a_missing_file_names_its_nearest_neighbour(tmp_path: Path, read: Any) -> None:
    write(tmp_path, ITEMS, "items.csv")
    with pytest.raises(SourceError, match=r"item\.csv' does not exist; did you mean 'items\.csv'"):
        read("csv", tmp_path / "item.csv", columns=ITEM_COLUMNS)


def test_a_member_of_a_plain_file_is_an_error(tmp_path: Path, read: Any) -> None:
    with pytest.raises(SourceError, match="is no folder or zip"):
        read("csv", write(tmp_path, ITEMS), columns=ITEM_COLUMNS, member="x")


def test_an_encrypted_member_is_an_error(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", ITEMS)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"member 'rows\.csv' .* is encrypted"):
        read("csv", path, columns=ITEM_COLUMNS)


def test_a_damaged_archive_is_an_error(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "rows.zip"
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(SourceError, match=r"rows\.zip' can't be read on: File is not a zip file"):
        read("csv", path, columns=ITEM_COLUMNS)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", ITEMS + "".join(f"{n},Title {n * 7919},t,,,\n" for n in range(5000)))
    content = bytearray(path.read_bytes())
    content[2000:2100] = b"\x00" * 100
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"rows\.zip' can't be read on"):
        read("csv", path, columns=ITEM_COLUMNS)


def test_batches_hold_as_many_rows_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path, "id,title\n" + "".join(f"{n},{'' if n % 3 == 0 else 'T'}\n" for n in range(10)))
    columns = {"item_id": "id", "title": "title"}
    source = SourceConfig.model_validate({"format": "csv", "path": str(path), "columns": columns})
    batches = list(read_batches(source, "items", batch_rows=4))
    assert [len(batch.records) + len(batch.bad) for batch in batches] == [4, 4, 2]
    with pytest.raises(SourceError, match="batch_rows is 0"):
        read_batches(source, "items", batch_rows=0)
