"""Sound inputs of every format, and what a mutation makes of them: bytes, lines, archives and Unicode gone wrong.

Everything comes from one random.Random, so a mutant is named by its seed.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.contracts.catalog import Kind
from tasks.readers.movielens_100k import GENRES

ITEMS = {"item_id": "id", "title": "title", "text": "body", "price": "price", "published_at": "day", "category": "kind"}
USERS = {"user_id": "id", "name": "name", "age": "age", "skills": "skills"}
EVENTS = {"user_id": "user", "item_id": "item", "event": "event", "value": "stars", "occurred_at": "at"}


@dataclass(frozen=True)
class Case:
    """A sound input: files by name (one: a file, else a folder), and how a catalog would describe it."""

    name: str
    format: str
    kind: Kind
    files: Mapping[str, bytes]
    config: Mapping[str, Any] = field(default_factory=dict)


def _csv(rows: list[list[str]], separator: str = ",") -> bytes:
    return ("\n".join(separator.join(row) for row in rows) + "\n").encode()


def _parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, **options)
    return buffer.getvalue()


def _json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


ITEM_ROWS = [["id", "title", "body", "price", "day", "kind"]] + [
    [str(n), f'"Title {n}, the ""{n}th"""', f'"Text {n}\nwith a break"', f"${n}.50", f"2026-01-{n:02}", "news"]
    for n in range(1, 13)
]
EVENT_ROWS = [["user", "item", "event", "stars", "at"]] + [
    [f"u{n}", f"i{n % 5}", "click", str(n % 5), f"2026-02-{n:02}T10:00:00Z"] for n in range(1, 25)
]
USER_ROWS = [["id", "name", "age", "skills"]] + [[f"u{n}", f"Ann {n}", str(20 + n), "a;b;c"] for n in range(1, 13)]
_TIMES = [datetime(2026, 1, n, tzinfo=UTC) for n in range(1, 21)]
_NEWS = "\n".join(
    f'N{n}\tnews\tworld\tTitle {n}\tAbstract {n}\thttp://a/{n}\t[{{"Label": "Rome"}}]\t[]' for n in range(12)
)
_BEHAVIORS = "\n".join(f"{n}\tU{n}\t11/12/2019 2:14:{n:02} PM\tN1 N2\tN3-1 N4-0" for n in range(10, 22))
_FILMS = "\n".join(
    f"{n}|Film {n} (1995)|01-Jan-1995||http://i/{n}|" + "|".join(["0", "1"] + ["0"] * (len(GENRES) - 2))
    for n in range(1, 13)
)
_META = [
    {"asin": f"B{n}", "title": f"<b>Thing</b> {n}", "description": ["A thing.", "It is &amp; was."], "price": f"${n}.10",
     "category": ["All", "Part"], "brand": "Maker", "rank": f"{n},000 in Things ("} for n in range(12)
]  # fmt: skip
_REVIEWS = [
    {
        "reviewerID": f"A{n % 4}",
        "asin": f"B{n % 3}",
        "overall": 4.0,
        "unixReviewTime": 1400000000 + n,
        "reviewerName": f"R {n}",
    }
    for n in range(14)
]
_ODD_TYPES = {
    "id": [f"i{n}" for n in range(20)],
    "title": pa.array(["a", "b"] * 10).dictionary_encode(),
    "body": [["x", None], []] * 10,
    "price": pa.array([Decimal("1.50")] * 20),
    "day": pa.array([date(2026, 1, 1)] * 20),
    "kind": pa.array([{"a": n} for n in range(20)]),
}


def sound_cases() -> list[Case]:
    """One input a format, kind and way of packing."""
    items, events = {"columns": ITEMS}, {"columns": EVENTS}
    films = {
        "u.item": _FILMS.encode("latin-1"),
        "u.user": b"1|24|M|technician|85711\n" * 9,
        "u.data": b"1\t2\t3\t881250949\n" * 9,
    }
    movies = {"movies.csv": b'movieId,title,genres\n1,"Toy Story (1995)",Adventure|Comedy\n' * 1 + b"2,Jumanji (1995),Drama\n" * 9,
              "ratings.csv": b"userId,movieId,rating,timestamp\n" + b"".join(b"%d,2,4.0,1147880044\n" % (n % 5) for n in range(12))}  # fmt: skip
    mind = {"news.tsv": _NEWS.encode(), "behaviors.tsv": _BEHAVIORS.encode()}
    texts = {
        f"{topic}/{n}.txt": f"Title {n}\n\nText of {topic} £{n}\n".encode()
        for topic in ("art", "law")
        for n in range(4)
    }
    rows = [dict(zip(ITEM_ROWS[0], row, strict=True)) for row in ITEM_ROWS[1:]]
    plain = {
        name: [f"{row[name]} {n}" if name in ("id", "body") else row[name] for n in range(12) for row in rows]
        for name in ITEM_ROWS[0]
    }
    many = {"row_group_size": 50, "use_dictionary": False, "compression": "none", "write_statistics": False}
    timed = {
        "user": [f"u{n}" for n in range(100)],
        "item": list(range(100)),
        "event": ["click"] * 100,
        "stars": [1.5] * 100,
        "at": _TIMES * 5,
    }
    reviews = _json_lines(_REVIEWS)
    return [
        Case("csv items", "csv", "items", {"a.csv": _csv(ITEM_ROWS)}, items),
        Case("csv items plain", "csv", "items", {"a.csv": _csv(USER_ROWS)}, {"columns": {"item_id": "id", "title": "name"}, "has_quotes": False}),
        Case("csv events", "csv", "interactions", {"a.csv": _csv(EVENT_ROWS)}, events),
        Case("tsv events", "csv", "interactions", {"a.tsv": _csv(EVENT_ROWS, "\t")}, {**events, "separator": "\\t", "has_quotes": False}),
        Case("csv users", "csv", "users", {"a.csv": _csv(USER_ROWS)}, {"columns": USERS}),
        Case("csv utf-16", "csv", "items", {"a.csv": _csv(ITEM_ROWS).decode().encode("utf-16")}, {**items, "encoding": "utf-16"}),
        Case("csv gz", "csv", "interactions", {"a.csv.gz": _csv(EVENT_ROWS)}, events),
        Case("csv zip", "csv", "items", {"a.zip": _csv(ITEM_ROWS)}, items),
        Case("csv folder", "csv", "items", {"a.csv": _csv(ITEM_ROWS), "b/c.csv": _csv(ITEM_ROWS)}, items),
        Case("jsonl items", "jsonl", "items", {"a.jsonl": _json_lines(rows)}, {**items, "attributes": ["kind", "extra"][:1]}),
        Case("jsonl gz", "jsonl", "items", {"a.jsonl.gz": _json_lines(rows)}, items),
        Case("parquet items", "parquet", "items", {"a.parquet": _parquet(plain, **many)}, items),
        Case("parquet odd", "parquet", "items", {"a.parquet": _parquet(_ODD_TYPES)}, {**items, "attributes": ["body", "kind"]}),
        Case("parquet events", "parquet", "interactions", {"a.parquet": _parquet(timed, **many)}, events),
        Case("text folder", "text-folder", "items", texts, {"encoding": "utf-8"}),
        Case("ml items", "movielens-100k", "items", films),
        Case("ml users", "movielens-100k", "users", films),
        Case("ml events", "movielens-100k", "interactions", films),
        Case("movies", "movielens-csv", "items", movies),
        Case("movie users", "movielens-csv", "users", movies),
        Case("movie events", "movielens-csv", "interactions", movies),
        Case("mind items", "mind", "items", mind),
        Case("mind users", "mind", "users", mind),
        Case("mind events", "mind", "interactions", mind),
        Case("amazon items", "amazon-metadata", "items", {"a.json": _json_lines(_META)}),
        Case("review events", "amazon-reviews", "interactions", {"a.json": reviews}),
        Case("review users", "amazon-reviews", "users", {"a.json.gz": reviews}),
        Case("review items", "amazon-reviews", "items", {"a.json": reviews}),
    ]  # fmt: skip


# What no sound file holds, or holds for a reason: cut into a file anywhere.
TROUBLE: tuple[bytes, ...] = (
    b"\x00", b"\x00" * 300, b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf8\x88\x80\x80\x80",
    b"\xf4\x90\x80\x80", b"\xc3", "\u202e\u2066".encode(), "\u200b\u2060\ufeff".encode(), "e\u0301".encode(), ("a" + "\u0301\u0316" * 200).encode(),
    "\u2028\u2029\x85".encode(), "\ufdfa\uff21\u1e9b\u0323".encode(), "👩‍👩‍👧‍👦🏳️‍🌈".encode(), b"\x1b[31m", b"\x1b]0;t\x07", b"\r", b"\r\n", b"\n\n", b'"', b'""',
    b'"\n', b'x","\n', b",", b"\t", b"|", b";", b"{", b"[", b"[[[[" * 300, b"]", b"null", b"\\ud800", b"\\u0000", b"1e999", b"-0", b"NaN", b"Infinity",
    b"9" * 5000, b"1" * 400, b"1e-400", b"0x10", b"../../etc/passwd", b"=1+1", b"<script>", b"<!--", b"<a " * 50, b"&#0;&#x110000;", b"'; drop table items; --",
    b"9999-12-31T23:59:59+23:59", b"0001-01-01T00:00:00-23:59", b"253402300800", b"-99999999999999", b"a" * 70_000,
)  # fmt: skip


def mutate(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four faults; of Parquet mostly one bit of its values, as most else is noticed at once."""
    data = bytearray(content)
    if data.startswith(b"PAR1") and rng.random() < 0.7:
        data[rng.randrange(len(data) // 10, len(data) // 2)] ^= 1 << rng.randrange(8)
        return bytes(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        rng.choice(_FAULTS)(data, rng)
    return bytes(data)


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3, 20))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice(TROUBLE)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at, piece = rng.randint(0, len(data)), rng.choice(TROUBLE)
    data[at : at + len(piece)] = piece


def _cut(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + rng.choice((1, 5, 50, 10**6))]


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = data[at : at + rng.choice((1, 10, 200))] * rng.choice((1, 2, 30))


def _swap_lines(data: bytearray, rng: random.Random) -> None:
    lines = bytes(data).split(b"\n")
    rng.shuffle(lines)
    data[:] = b"\n".join(lines)


def _replace_value(data: bytearray, rng: random.Random) -> None:
    separator = rng.choice((b",", b"\t", b"|", b'"', b": "))
    parts = bytes(data).split(separator)
    parts[rng.randrange(len(parts))] = rng.choice(TROUBLE)
    data[:] = separator.join(parts)


_FAULTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _insert, _insert, _overwrite, _cut, _repeat, _swap_lines, _replace_value, _replace_value,
)  # fmt: skip
BAD_NAMES = (
    "../../climbs/out.csv",
    "/etc/passwd.csv",
    "a/../../b.csv",
    "C:\\win.csv",
    "x" * 300 + ".csv",
    "é\u202e.csv",
    "a.csv",
    "n\nl.csv",
)


def write_mutant(case: Case, folder: Path, rng: random.Random) -> Path:
    """Write the case with faults in one of its files, its packing or its names; the path that a source would name."""
    hurt = rng.choice(sorted(case.files))
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_pack(name, mutate(content, rng) if name == hurt else content, rng, is_hurt=name == hurt))
    return folder if len(case.files) > 1 else folder / hurt


def _pack(name: str, content: bytes, rng: random.Random, *, is_hurt: bool) -> bytes:
    if name.endswith(".gz"):
        packed = gzip.compress(content, compresslevel=1, mtime=0)
    elif name.endswith(".zip"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            archive.writestr(zipfile.ZipInfo(rng.choice(BAD_NAMES)), content)
        packed = buffer.getvalue()
    else:
        return content
    return mutate(packed, rng) if is_hurt and rng.random() < 0.4 else packed
