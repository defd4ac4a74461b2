"""ingest: sources that have not changed are not read again, and one that changes while it is read is found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import ingest as stage
from tasks.contracts.errors import SourceError
from tasks.gates import ExpectationResult
from tasks.gating import store_results
from tasks.readers import Batch, read_batches
from tests.night import Nights, SmallCatalog
from warehouse.connection import open_warehouse

TABLES = ("items", "users", "interactions")


def kinds_read(nights: Nights, monkeypatch: pytest.MonkeyPatch, **more: Any) -> list[str]:
    """The kinds whose rows a night reads."""
    read: list[str] = []

    def noting(source: Any, kind: Any, **options: Any) -> Iterator[Batch]:
        read.append(kind)
        return read_batches(source, kind, **options)

    monkeypatch.setattr(stage, "read_batches", noting)
    nights.run("ingest", **more)
    monkeypatch.undo()
    return read


def counts(nights: Nights) -> list[tuple[Any, ...]]:
    return nights.rows(
        "select kind, n_in, n_stored, n_quarantined, n_exact_duplicates, n_new, n_changed, n_gone"
        " from ingest_counts where run_id = (select max(run_id) from ingest_counts) order by kind"
    )


def pass_gate(nights: Nights) -> None:
    """What the gate leaves that lets a night's ingest stand, without the seconds that its library takes to load."""
    passed = ExpectationResult(
        suite="ingest", expectation="rows_add_up", column_name="n_unaccounted", severity="critical", is_success=True,
        observed="0", expected="0", n_unexpected=0, sample="[]",
    )  # fmt: skip
    with open_warehouse(nights.folder) as warehouse:
        store_results(warehouse, [passed], run_id=nights.run_id, catalog="news")


def test_unchanged_sources_are_not_read_and_count_as_before(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.lines = ['{"id": "x1", "title": ""}']
    catalog.events.append(catalog.events[0])
    nights.run("ingest")
    before = [nights.table(name) for name in TABLES]
    first = counts(nights)
    assert kinds_read(nights, monkeypatch) == []
    assert [nights.table(name) for name in TABLES] == before
    assert [row[:5] for row in counts(nights)] == [row[:5] for row in first]
    assert {row[5:] for row in counts(nights)} == {(0, 0, 0)}
    assert nights.value("select count(*) from quarantine where last_seen_run = 'r002'") == 1


def test_only_the_kind_that_changed_is_read(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run("ingest")
    catalog.events.append({"user": "u01", "item": "i02", "event": "view", "at": "2026-10-31T23:00:00Z"})
    assert kinds_read(nights, monkeypatch) == ["interactions"]
    assert nights.value("select count(*) from interactions") == len(catalog.events)
    assert nights.column("select n_new from ingest_counts where run_id = 'r002' order by kind") == [1, 0, 0]


def test_a_change_that_keeps_size_and_time_is_read(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = catalog.folder / f"{catalog.name}-items.jsonl"
    catalog.items["i03"]["title"] = "Before"
    nights.run("ingest")
    state = path.stat()
    catalog.items["i03"]["title"] = "Beyond"
    catalog.save()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    monkeypatch.setattr(catalog, "save", lambda: catalog.file)
    assert path.stat().st_size == state.st_size
    nights.run("ingest")
    assert nights.value("select title from items where item_id = 'i03'") == "Beyond"


def test_refused_interactions_are_read_again_when_what_they_point_to_may_be_known(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = catalog.items.pop(catalog.events[0]["item"])
    nights.run("ingest")
    assert kinds_read(nights, monkeypatch) == []
    catalog.items[late["id"]] = late
    assert kinds_read(nights, monkeypatch) == ["items", "interactions"]
    assert nights.value("select count(*) from interactions") == len(catalog.events)


@pytest.mark.parametrize("change", ["events_weights", "columns", "user_space"])
def test_other_settings_of_a_source_make_it_read_again(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    nights.run("ingest")
    if change == "events_weights":
        catalog.events_weights += "\nshare = 1.0"
        expected = ["interactions"]
    elif change == "columns":
        catalog.columns += ', category = "topic"'
        catalog.items = {key: {**item, "topic": "x"} for key, item in catalog.items.items()}
        expected = ["items"]
    else:
        text = catalog._toml
        monkeypatch.setattr(catalog, "_toml", lambda: text().replace('"readers"', '"others"'))
        catalog.save()
        monkeypatch.undo()
        monkeypatch.setattr(catalog, "save", lambda: catalog.file)
        expected = ["users", "interactions"]
    with pytest.MonkeyPatch.context() as patch:
        assert kinds_read(nights, patch) == expected


def test_after_a_trial_with_a_limit_all_is_read(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run("ingest")
    assert kinds_read(nights, monkeypatch, limit=5) == ["items", "users", "interactions"]
    assert kinds_read(nights, monkeypatch) == ["items", "users", "interactions"]
    assert kinds_read(nights, monkeypatch) == []


def test_an_item_that_goes_after_a_quiet_night_is_counted_as_gone(nights: Nights, catalog: SmallCatalog) -> None:
    for _ in range(2):
        nights.run("ingest")
        pass_gate(nights)
    catalog.items.pop("i07")
    nights.run("ingest")
    assert ("items", 1) in nights.rows("select kind, n_gone from ingest_counts where run_id = 'r003'")


def test_people_of_two_catalogs_are_read_every_night(
    tmp_path_factory: pytest.TempPathFactory, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = SmallCatalog(tmp_path_factory.mktemp("books"), "books", n_items=9, n_users=25, seed=2)
    nights.catalogs = [*nights.catalogs, books]
    nights.run("ingest")
    assert kinds_read(nights, monkeypatch) == ["users", "users"]


@pytest.mark.parametrize("change", ["append", "replace", "remove"])
def test_a_source_that_changes_while_it_is_read_stores_nothing(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    nights.run("ingest")
    before = [nights.table(name) for name in TABLES]
    events = catalog.folder / f"{catalog.name}-events.csv"
    catalog.events.append({"user": "u01", "item": "i02", "event": "view", "at": "2026-10-31T23:00:00Z"})

    def meddling(source: Any, kind: Any, **options: Any) -> Iterator[Batch]:
        yield from read_batches(source, kind, **options)
        _change(events, change)

    monkeypatch.setattr(stage, "read_batches", meddling)
    with pytest.raises(SourceError, match=r"news-events\.csv' changed while it was read; nothing was stored"):
        nights.run("ingest")
    monkeypatch.undo()
    assert [nights.table(name) for name in TABLES] == before
    nights.run("ingest")
    assert nights.value("select count(*) from interactions") == len(catalog.events)


def _change(path: Path, how: str) -> None:
    if how == "append":
        with path.open("a") as file:
            file.write("u01,i03,view,2026-10-31T23:00:00Z\n")
    elif how == "replace":
        copy = path.with_suffix(".new")
        copy.write_bytes(path.read_bytes())
        copy.replace(path)
    else:
        path.unlink()
