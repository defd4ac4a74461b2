"""Which publication is the latest, since when, what stays on disk, and what is kept beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from published import DAY, facts, rows_of_all_tables

from warehouse.errors import PublicationError
from warehouse.publication import (
    Publication,
    RunFacts,
    list_publications,
    point_latest,
    publish,
    read_history,
    remove_publication,
    resolve_latest,
    sweep_publications,
    verify_publication,
)

START = datetime(2026, 11, 1, 3)


def publish_at(
    published: Path, run_id: str, hour: float, *, keep: int = 2, keep_hours: float = 0.0, is_backfill: bool = False
) -> Publication:
    at = START + timedelta(hours=hour)
    told = replace(facts(run_id), published_at=at, is_backfill=is_backfill)
    return publish(
        published, rows_of_all_tables(mark=run_id), facts=told, keep=keep, keep_hours=keep_hours, clock=lambda: at
    )


def ids(published: Path) -> list[str]:
    return [one.publication_id for one in list_publications(published)]


def stays(published: Path) -> list[tuple[str, float, float | None]]:
    """Publication, and the hours since and until which it was the latest."""
    hours = [
        (stay.publication_id, *((at - START) / timedelta(hours=1) if at else None for at in (stay.since, stay.until)))
        for stay in read_history(published)
    ]
    return [(name, since or 0.0, until) for name, since, until in hours]


def test_pointer_tells_since_when_each_kept_publication_was_the_latest(tmp_path: Path) -> None:
    for hour in range(3):
        publish_at(tmp_path, f"r{hour}", hour, keep=3)
    assert stays(tmp_path) == [("r2", 2.0, None), ("r1", 1.0, 2.0), ("r0", 0.0, 1.0)]
    content = json.loads((tmp_path / "latest.json").read_text(encoding="utf-8"))
    assert content["since"] == "2026-11-01T05:00:00.000Z"
    assert content["history"][1] == {
        "publication": "r1", "run": "r1", "since": "2026-11-01T04:00:00.000Z", "until": "2026-11-01T05:00:00.000Z",
        "reason": "published",
    }  # fmt: skip


def test_history_forgets_what_is_retired_in_the_same_step(tmp_path: Path) -> None:
    for hour in range(4):
        publish_at(tmp_path, f"r{hour}", hour)
    assert ids(tmp_path) == ["r3", "r2"]
    assert [name for name, *_ in stays(tmp_path)] == ["r3", "r2"]


def test_publication_that_was_the_latest_within_the_hours_is_not_retired(tmp_path: Path) -> None:
    for hour in (0, 30, 31, 32, 33):
        publish_at(tmp_path, f"r{hour}", hour, keep_hours=24)
    # r0 was the latest until hour 30, 3 hours ago: whoever began to read it then goes on reading.
    assert ids(tmp_path) == ["r33", "r32", "r31", "r30", "r0"]
    publish_at(tmp_path, "r55", 55.5, keep_hours=24)
    assert ids(tmp_path) == ["r55", "r33", "r32", "r31"]


def test_moving_back_is_history_too(tmp_path: Path) -> None:
    first = publish_at(tmp_path, "r0", 0)
    publish_at(tmp_path, "r1", 1)
    point_latest(first, at=START + timedelta(hours=2), reason="rolled back")
    assert stays(tmp_path) == [("r0", 2.0, None), ("r1", 1.0, 2.0), ("r0", 0.0, 1.0)]
    assert [stay.reason for stay in read_history(tmp_path)] == ["rolled back", "published", "published"]


def test_pointing_at_what_is_the_latest_changes_no_history(tmp_path: Path) -> None:
    publish_at(tmp_path, "r0", 0)
    publish_at(tmp_path, "r0", 5)
    assert stays(tmp_path) == [("r0", 0.0, None)]


def test_pointer_of_an_earlier_version_gets_a_history(tmp_path: Path) -> None:
    for hour in range(3):
        publish_at(tmp_path, f"r{hour}", hour, keep=3)
    pointer = tmp_path / "latest.json"
    content = json.loads(pointer.read_text(encoding="utf-8"))
    for key in ("history", "since", "format_version"):
        del content[key]
    pointer.write_text(json.dumps(content), encoding="utf-8")
    assert stays(tmp_path) == [("r2", 2.0, None), ("r1", 1.0, 2.0), ("r0", 0.0, 2.0)]
    publish_at(tmp_path, "r3", 3, keep=2, keep_hours=1.5)
    assert stays(tmp_path)[:2] == [("r3", 3.0, None), ("r2", 2.0, 3.0)]


@pytest.mark.parametrize("history", ["nonsense", [{"publication": "r0"}], [{"since": 3}]])
def test_damaged_history_is_told_and_does_not_stop_the_next(tmp_path: Path, history: object) -> None:
    publish_at(tmp_path, "r0", 0)
    pointer = tmp_path / "latest.json"
    content = json.loads(pointer.read_text(encoding="utf-8")) | {"history": history}
    pointer.write_text(json.dumps(content), encoding="utf-8")
    assert resolve_latest(tmp_path).publication_id == "r0"
    publish_at(tmp_path, "r1", 1)
    assert stays(tmp_path) == [("r1", 1.0, None), ("r0", 0.0, 1.0)]


def test_past_day_is_kept_beside_the_latest(tmp_path: Path) -> None:
    publish_at(tmp_path, "r0", 0)
    past = publish_at(tmp_path, "b1", 1, is_backfill=True)
    assert past.is_backfill
    assert resolve_latest(tmp_path).publication_id == "r0"
    assert [name for name, *_ in stays(tmp_path)] == ["r0"]
    verify_publication(tmp_path, "b1")
    for hour in range(2, 6):
        publish_at(tmp_path, f"r{hour}", hour)
    assert ids(tmp_path) == ["r5", "r4", "b1"]


def test_past_day_can_be_removed_and_the_latest_can_not(tmp_path: Path) -> None:
    publish_at(tmp_path, "r0", 0)
    publish_at(tmp_path, "b1", 1, is_backfill=True)
    remove_publication(tmp_path, "b1")
    assert ids(tmp_path) == ["r0"]
    assert not (tmp_path / "labels" / "v1" / "run=b1").exists()
    with pytest.raises(PublicationError, match="'r0' is the latest, which its readers need"):
        remove_publication(tmp_path, "r0")
    with pytest.raises(PublicationError, match="no publication 'b1'"):
        remove_publication(tmp_path, "b1")
    verify_publication(tmp_path)


def test_removed_publication_leaves_the_history(tmp_path: Path) -> None:
    publish_at(tmp_path, "r0", 0)
    publish_at(tmp_path, "r1", 1)
    remove_publication(tmp_path, "r0")
    assert stays(tmp_path) == [("r1", 1.0, None)]


def test_what_the_check_finds_is_in_the_manifest(tmp_path: Path) -> None:
    seen = []

    def check(draft: Publication) -> RunFacts:
        # Whole, and not to be seen by anybody yet.
        seen.append((draft.published.name, draft.n_rows, (tmp_path / "latest.json").exists()))
        return replace(facts("r0"), coverage=[{"catalog": "news", "covered_share": 1.0}])

    published = publish(tmp_path, rows_of_all_tables(), facts=facts("r0"), check=check)
    assert seen == [(".staging-r0", 18, False)]
    assert published.manifest["coverage"] == [{"catalog": "news", "covered_share": 1.0}]
    assert resolve_latest(tmp_path) == published


def test_check_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    publish_at(tmp_path, "r0", 0)

    def check(draft: Publication) -> RunFacts:
        raise RuntimeError("the gate is closed")

    with pytest.raises(RuntimeError, match="the gate is closed"):
        publish(tmp_path, rows_of_all_tables(mark="r1"), facts=facts("r1"), check=check)
    assert ids(tmp_path) == ["r0"]
    assert sweep_publications(tmp_path) == []


def test_manifest_says_which_file_holds_whom(tmp_path: Path) -> None:
    publication = publish_at(tmp_path, "r0", 0)
    (entry,) = publication.entries("recommendations")
    assert (entry.first, entry.last) == ("u00", "u02")
    assert publication.manifest["format_version"] == "1.2.0"
    assert publication.as_of == DAY
    empty = publish(tmp_path, [], facts=facts("r1"))
    assert [(one.first, one.last) for one in empty.entries("labels")] == [(None, None)]


def test_manifest_of_an_earlier_version_can_be_read(tmp_path: Path) -> None:
    """Without what has come since, and with what will come."""
    publication = publish_at(tmp_path, "r0", 0)
    manifest = json.loads((tmp_path / "runs" / "r0" / "manifest.json").read_text(encoding="utf-8"))
    for key in ("format_version", "is_backfill", "coverage", "comparison"):
        del manifest[key]
    for table in manifest["tables"].values():
        table["files"] = [
            {key: value for key, value in entry.items() if key not in ("first", "last")} | {"later": 1}
            for entry in table["files"]
        ]
    (tmp_path / "runs" / "r0" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    read = verify_publication(tmp_path, "r0")
    assert read.n_rows == publication.n_rows
    assert not read.is_backfill
