"""Lines without end, floods of accents, odd encodings, values and types: bounded memory and time, and an error or a bad row."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.contracts.catalog import SourceConfig
from tasks.contracts.errors import SourceError
from tasks.readers import delimited, read_batches
from tasks.readers.clean import clean_prose, tidy
from tests.chaos.odd_sources import ITEMS, MIB, packed_line, read, source_of

LINES: dict[str, tuple[str, bytes]] = {
    "csv that stays quoted": ("b.csv.gz", packed_line(b'id,title\n1,one\n2,"', b"x" * MIB, 100 * MIB, b"\n3,three\n")),
    "csv of fields": ("c.csv.gz", packed_line(b"id,title\n1,one\n2,", b"x," * (MIB // 2), 100 * MIB, b"\n3,three\n")),
    "jsonl of NUL bytes": ("e.jsonl.gz", packed_line(b'{"id": 1, "title": "a"}\n', b"\x00" * MIB, 100 * MIB, b'\n{"id": 3, "title": "c"}\n')),
}  # fmt: skip
CHILD = """
import json, resource, sys
from tasks.contracts.catalog import SourceConfig
from tasks.readers import read_batches
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = []
for format, path in json.loads(sys.argv[1]):
    source = SourceConfig.model_validate({"format": format, "path": path, "columns": {"item_id": "id", "title": "title"}})
    batches = list(read_batches(source, "items"))
    told.append([sum(len(batch.records) for batch in batches), [bad.reason for batch in batches for bad in batch.bad]])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"told": told, "mib": (peak - before) / 1024}))
"""


def test_lines_of_a_hundred_megabytes_are_bad_rows_and_fill_no_memory(tmp_path: Path) -> None:
    sources = []
    for kind, (name, content) in LINES.items():
        (tmp_path / name).write_bytes(content)
        sources.append((kind.split()[0], str(tmp_path / name)))
    told = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(sources)], capture_output=True, text=True, check=True
    )
    result = json.loads(told.stdout)
    for (n_rows, reasons), kind in zip(result["told"], LINES, strict=True):
        assert n_rows == 2, kind
        assert len(reasons) == 1, kind
        assert "line is longer than 8388608 characters" in reasons[0], kind
    # 300 MB went through; a line's 8 million characters, some copies of them, and what Polars takes at its first frame.
    assert result["mib"] < 250


def test_many_long_rows_make_small_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    row = json.dumps({"id": "x", "title": "t", "body": "b" * 2_000_000})
    path.write_text((row + "\n") * 40)
    batches = [len(batch.records) for batch in read_batches(source_of("jsonl", path), "items")]
    assert sum(batches) == 40
    assert max(batches) < 20


@pytest.mark.parametrize("most", [40_000, 10**9])
def test_quotes_that_never_close_take_no_time_by_the_square(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "MAX_RECORD", most)
    monkeypatch.setattr(delimited, "REREAD_FREELY", 200_000)
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,title\n" + b'x","\n' * 20_000)
    began = time.process_time()
    n_rows, bad = read("csv", path)
    assert n_rows + len(bad) == 20_000
    assert ("a record of more than 40000 characters" if most == 40_000 else "unexpected end of data") in bad[0].reason
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 100_000,
        ("a" + "\u0316" * 29 + "\u0301") * 20_000,
        "<a " * 100_000,
        "<a" + " x=y" * 60_000,
        "<a" + " " * 200_000,
        "<!--" * 60_000,
        "<script>" * 100_000,
        "&" * 200_000,
        "&amp;" * 100_000 + "<",
        "\r\n \n" * 60_000,
        "</" * 100_000 + "\"/>",
        "\u202e" * 200_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_no_text_takes_long_to_clean(text: str) -> None:
    began = time.process_time()
    cleaned = clean_prose(text)
    assert time.process_time() - began < 2
    assert len(cleaned) <= len(text)


def test_accents_beyond_thirty_on_a_letter_are_left_out_and_others_stay() -> None:
    assert len(tidy("a" + "\u0316" * 500)) == 31
    assert tidy("e\u0301" * 500) == "é" * 500
    hebrew = "בְּרֵאשִׁית " * 100
    assert len(tidy(hebrew)) == len(hebrew) - 1


@pytest.mark.parametrize(
    "encoding", ["hex", "zip", "rot13", "undefined", "no such", "utf-8\x00", "", "x" * 10_000, "idna", "punycode"]
)
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_odd_encoding_is_refused_or_serves(encoding: str, format: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{format}"
    path.write_text("id,title\n1,one\n" if format == "csv" else '{"id": 1, "title": "one"}\n')
    try:
        n_rows, bad = read(format, path, encoding=encoding)
    except SourceError as error:
        assert "encoding" in str(error) or "can't be read on" in str(error) or "column" in str(error)  # noqa: PT017
    else:
        assert n_rows + len(bad) == 1


DEEP: dict[str, Any] = {"id": "1", "title": "t", "deep": 1}
for _ in range(600):
    DEEP["deep"] = [DEEP["deep"]]


def test_values_that_python_can_not_hold_cost_their_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        json.dumps(DEEP), '{"id": "2", "title": "t", "price": 1' + "0" * 400 + "}", '{"id": "3", "title": "t", "price": 1e999}',
        '{"id": "4", "title": "t", "deep": ' + "9" * 4200 + "}", '{"id": "5", "title": "t", "deep": {"\\ud800": "\\ud800\\u0000"}}',
        '{"id": "6", "title": ' + "[" * 3000 + "]" * 3000 + "}", '{"id": "7", "title": "t"}',
    ]  # fmt: skip
    path.write_text("\n".join(rows))
    columns = {**ITEMS, "price": "price"}
    batches = list(read_batches(source_of("jsonl", path, columns=columns, attributes=["deep"]), "items"))
    kept = [one for batch in batches for one in batch.records["item_id"]]
    bad = {bad.line: bad.reason for batch in batches for bad in batch.bad}
    assert set(kept) | {str(line) for line in bad} == {"1", "2", "3", "4", "5", "6", "7"}
    assert {"5", "7"} <= set(kept)
    assert "price is not a number" in bad[2]
    assert "not a finite number" in bad[3]


ARROW: dict[str, Any] = {
    "dates": pa.array([2_000_000_000, -2_000_000_000, 0], pa.date32()),
    "seconds": pa.array([2**52, -(2**52), 0], pa.timestamp("s")),
    "nanoseconds": pa.array([2**62, 1, 0], pa.timestamp("ns", tz="Europe/Paris")),
    "no such zone": pa.array([0, 1, 2], pa.timestamp("us", tz="Moon/Crater")),
    "durations": pa.array([2**62, 1, 0], pa.duration("s")),
    "times": pa.array([86_399_999_999_999, 1, 0], pa.time64("ns")),
    "decimals": pa.array([Decimal("1e30"), None, Decimal(1)], pa.decimal256(70, 2)),
    "bytes": pa.array([b"\xff\xfe", b"a\x00", None]),
    "halves": pa.array([1.0, float("nan"), float("inf")], pa.float64()),
    "lists": pa.array([[1, None], [], None]),
    "maps": pa.array([[("a", 1)], [("\u202e", 2)], None], pa.map_(pa.string(), pa.int64())),
    "structs": pa.array([{"a": {"b": 1}}, {"a": None}, None]),
    "nothing": pa.nulls(3),
    "flags": pa.array([True, False, None]),
    "large": pa.array(["a", "\x00", "\u202e"], pa.large_string()),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    # Text that only claims to be UTF-8: at offsets 0, 1, 2 and 3.
    "no UTF-8": pa.StringArray.from_buffers(3, pa.py_buffer(struct.pack("4i", 0, 1, 2, 3)), pa.py_buffer(b"\xff\xfea")),
    "unsigned": pa.array([2**64 - 1, 0, 1], pa.uint64()),
    "dates of milliseconds": pa.array([date(9999, 12, 31), date(1, 1, 1), None], pa.date64()),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["items", "users", "interactions"])
@pytest.mark.parametrize("name", ARROW)
def test_parquet_of_any_type_in_any_column_adds_up(name: str, kind: Any, tmp_path: Path) -> None:
    plain = pa.array(["x", "y", "z"])
    names = {
        "items": ("item_id", "title", "text", "price", "published_at"),
        "users": ("user_id", "name", "age", "skills"),
        "interactions": ("user_id", "item_id", "event", "value", "occurred_at"),
    }[kind]
    for odd in names:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({one: ARROW[name] if one == odd else plain for one in (*names, "more")}), path)
        columns = {one: one for one in names if one in (odd, "item_id", "user_id", "title", "event")}
        more = {} if kind == "interactions" else {"attributes": ["more"]}
        source = SourceConfig.model_validate({"format": "parquet", "path": str(path), "columns": columns, **more})
        try:
            batches = list(read_batches(source, kind))
        except SourceError as error:
            assert name == "no such zone"
            assert "Moon/Crater" in str(error)  # noqa: PT017
            continue
        lines = [line for batch in batches for line in [*batch.records["line"], *(bad.line for bad in batch.bad)]]
        assert sorted(lines) == [1, 2, 3]
