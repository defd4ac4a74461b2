"""MIND, on small made-up files: no header, no quotes, and impressions that become clicks and skips."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.contracts.catalog import SourceConfig
from tasks.readers import read_batches


@pytest.fixture
def mind(tmp_path: Path) -> Path:
    entities = json.dumps([{"Label": "Oslo"}, {"Label": "Oslo"}])
    news = [
        f'N1\tnews\tworld\tAn "odd title\t\thttp://x\t{entities}\t[]',
        "N2\tsports\tgolf\tSecond\tAbstract\thttp://y\t\t",
        "N3\tsports\tgolf",
        "N4\tnews\tworld\tTitle\t\tu\tnot json\t[]",
    ]
    behaviors = [
        "1\tU1\t11/12/2019 2:14:46 PM\tN9 N8\tN1-1 N2-0",
        "2\tU2\t11/12/2019 2:15:46 PM\t\tN1-0 N2",
        "3\tU1\tnoon\tN9\tN1-1",
        "4\tU3\t11/12/2019 2:15:46 PM\t\t",
    ]
    (tmp_path / "news.tsv").write_text("\n".join(news), encoding="utf-8")
    (tmp_path / "behaviors.tsv").write_text("\n".join(behaviors), encoding="utf-8")
    return tmp_path


def test_row_one_and_null_abstracts_survive(mind: Path, read: Any) -> None:
    result = read("mind", mind)
    assert result.records.select("item_id", "title", "text", "category").rows() == [
        ("N1", 'An "odd title', "", "news"),
        ("N2", "Second", "Abstract", "sports"),
    ]
    assert json.loads(result.column("attributes")[0]) == {"entities": ["Oslo"], "subcategory": "world"}
    assert [reason.split(":")[0] for reason in result.reasons] == [
        "row has 3 fields, not the 8 of MIND",
        "title_entities is not a list of entities",
    ]


def test_null_abstracts_are_bad_where_text_is_required(mind: Path, read: Any) -> None:
    assert read("mind", mind, required=["text"]).reasons[0] == "text is empty: column 'abstract'"


def test_an_impression_becomes_clicks_and_skips_at_its_time(mind: Path, read: Any) -> None:
    result = read("mind", mind, "interactions", events=["click", "skip"])
    assert result.records.select("user_id", "item_id", "event", "line").rows() == [
        ("U1", "N9", "click", 1),
        ("U1", "N8", "click", 1),
        ("U1", "N1", "click", 1),
        ("U1", "N2", "skip", 1),
        ("U2", "N1", "skip", 2),
    ]
    assert set(result.column("occurred_at")[:4]) == {datetime(2019, 11, 12, 14, 14, 46, tzinfo=UTC)}
    assert [(row.line, row.reason.split(":")[0]) for row in result.bad] == [
        (2, "impression is not ID-0 or ID-1"),
        (3, "time is not a timestamp"),
    ]


def test_people_are_the_distinct_ids(mind: Path, read: Any) -> None:
    assert read("mind", mind, "users").column("user_id") == ["U1", "U2", "U3"]


def test_one_file_by_itself_is_read_too(mind: Path, read: Any) -> None:
    assert len(read("mind", mind / "news.tsv").records) == 2


def test_events_of_the_reader_can_be_renamed(mind: Path) -> None:
    source = SourceConfig.model_validate({"format": "mind", "path": str(mind), "events": {"click": "read"}})
    (batch,) = read_batches(source, "interactions", events=["read", "skip"])
    assert set(batch.records["event"]) == {"read", "skip"}
