"""ingest: nothing is lost between a source and the tables, and nothing is forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.contracts.errors import SourceError
from tests.night import Nights, SmallCatalog
from warehouse import repeats


def spoil(catalog: SmallCatalog) -> None:
    """Bad rows of every kind: four of items, two of interactions; and an exact duplicate of each."""
    first = json.dumps(catalog.items["i00"])
    taken = json.dumps({**catalog.items["i01"], "text": "Another text under the same id."})
    untitled = json.dumps({**catalog.items["i02"], "id": "x1", "title": ""})
    nameless = json.dumps({"title": "No id", "text": "Nobody knows which."})
    catalog.lines = [first, taken, untitled, nameless, '{"id": "x2", "title": "Cut']
    read = catalog.events[0]
    catalog.events += [read, {**read, "item": "i99"}, {**read, "event": "teleport"}]


def test_every_row_is_stored_quarantined_or_a_duplicate(nights: Nights, catalog: SmallCatalog) -> None:
    spoil(catalog)
    report = nights.run("ingest")["ingest"]
    counts = nights.rows(
        "select kind, n_in, n_stored, n_quarantined, n_exact_duplicates from ingest_counts order by kind"
    )
    n_events = len(catalog.events)
    assert counts == [("interactions", n_events, n_events - 3, 2, 1), ("items", 35, 30, 4, 1), ("users", 20, 20, 0, 0)]
    assert report.rows_in == report.rows_out + sum(report.dropped.values())
    assert "items: 35 in = 30 stored + 4 quarantined + 1 exact duplicates; 30 new, 0 changed, 0 gone" in report.notes


def test_quarantined_row_has_place_reason_and_raw_row(nights: Nights, catalog: SmallCatalog) -> None:
    spoil(catalog)
    nights.run("ingest")
    bad = {
        (file.rpartition("/")[2], line): (reason, raw)
        for file, line, reason, raw in nights.rows("select file, line, reason, raw from quarantine")
    }
    reason, raw = bad["news-items.jsonl", 35]
    assert "JSON" in reason
    assert raw == '{"id": "x2", "title": "Cut'
    reason, raw = bad["news-items.jsonl", 33]
    assert "title" in reason
    assert json.loads(raw)["id"] == "x1"
    assert len(bad) == 6
    assert all(reason and raw for reason, raw in bad.values())


def test_id_that_is_taken_by_another_content_is_refused(nights: Nights, catalog: SmallCatalog) -> None:
    spoil(catalog)
    nights.run("ingest")
    [(reason, raw)] = nights.rows("select reason, raw from quarantine where raw like '%same id%'")
    assert reason.startswith("item id i01 is already used with other content at ")
    assert reason.endswith("news-items.jsonl line 2")
    assert json.loads(raw)["item_id"] == "i01"
    assert nights.value("select text from items where item_id = 'i01'") == catalog.items["i01"]["text"]


def test_a_copy_is_found_in_whatever_part_its_hash_is(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "PART_ROWS", 7)
    n_events = len(catalog.events)
    catalog.events += [*catalog.events, catalog.events[0]]
    nights.run("ingest")
    [counted] = nights.rows("select n_stored, n_exact_duplicates from ingest_counts where kind = 'interactions'")
    assert counted == (n_events, n_events + 1)
    assert nights.value("select count(*) from (select distinct * from interactions)") == n_events


def test_looking_for_copies_loads_no_pandas(tmp_path: Path) -> None:
    """An array of Arrow that becomes one of NumPy loads it: a fifth of a second of each night's ingest."""
    program = f"""
import sys, polars as pl
from pathlib import Path
from warehouse.connection import open_warehouse
from warehouse.repeats import note_repeats
with open_warehouse(Path({str(tmp_path)!r})) as warehouse:
    warehouse.run("ingest/create_staging")
    warehouse.insert("staged_interactions", pl.DataFrame({{"user_id": ["u", "u", "v"]}}))
    note_repeats(warehouse)
    print(warehouse.connection.sql("select count(*) from repeated_hashes").fetchall(), "pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(1,)] False"


def test_refused_interaction_is_said_to_be_in_its_own_file(nights: Nights, catalog: SmallCatalog) -> None:
    read = catalog.events[0]
    catalog.more += f"""
[[interactions]]
format = "csv"
path = "{catalog.name}-more.csv"
columns = {{ user_id = "user", item_id = "item", event = "event", occurred_at = "at" }}
"""
    catalog.events.append({**read, "item": "i98"})
    path = catalog.save().with_name(f"{catalog.name}-more.csv")
    path.write_text(f"user,item,event,at\n{read['user']},i99,{read['event']},{read['at']}\n", encoding="utf-8")
    nights.run("ingest")
    places = nights.rows("select raw->>'item_id', file, line from quarantine order by 1")
    assert [(item, file.rpartition("/")[2], line) for item, file, line in places] == [
        ("i98", "news-events.csv", len(catalog.events) + 1),
        ("i99", "news-more.csv", 2),
    ]


def test_interaction_of_nobody_or_nothing_known_is_refused(nights: Nights, catalog: SmallCatalog) -> None:
    read = catalog.events[0]
    catalog.events += [{**read, "item": "i99"}, {**read, "user": "u99"}]
    nights.run("ingest")
    assert nights.column("select reason from quarantine order by line") == [
        "unknown item i99; it is not in the items of this catalog",
        "unknown user u99; it is not in the users of this catalog",
    ]
    assert nights.value("select count(*) from interactions") == len(catalog.events) - 2


def test_refused_interaction_is_stored_once_its_item_is_there(nights: Nights, catalog: SmallCatalog) -> None:
    read = catalog.events[0]["item"]
    late = catalog.items.pop(read)
    nights.run("ingest")
    n_refused = nights.value("select count(*) from quarantine")
    n_stored = nights.value("select count(*) from interactions")
    catalog.items[read] = late
    nights.run("ingest")
    assert n_refused > 0
    assert nights.value("select count(*) from interactions") == n_stored + n_refused
    assert nights.value("select count(*) from quarantine where last_seen_run = 'r002'") == 0


def test_catalog_without_users_knows_them_by_what_they_did(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.has_users = False
    nights.run("ingest")
    found = nights.column("select user_id from users where is_active and origin = 'interactions' order by 1")
    assert found == sorted({event["user"] for event in catalog.events})


def test_item_that_disappears_is_inactive_and_keeps_its_history(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    read = catalog.events[0]["item"]
    n_read = nights.value(f"select count(*) from interactions where item_id = '{read}'")
    gone = catalog.items.pop(read)
    report = nights.run("ingest")["ingest"]
    assert nights.column("select item_id from items where not is_active") == [read]
    assert nights.value(f"select count(*) from interactions where item_id = '{read}'") == n_read
    assert nights.value("select count(*) from quarantine") == 0
    assert any("1 gone" in note for note in report.notes)
    catalog.items[read] = gone
    nights.run("ingest")
    assert nights.column("select item_id from items where not is_active") == []
    assert nights.value(f"select first_seen_at = changed_at from items where item_id = '{read}'")


def test_changed_item_gets_a_new_hash_and_the_others_keep_theirs(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    before = dict(nights.rows("select item_id, (content_hash, changed_at) from items"))
    catalog.items["i03"]["text"] += " More is known by now."
    report = nights.run("ingest")["ingest"]
    after = dict(nights.rows("select item_id, (content_hash, changed_at) from items"))
    changed = [item for item in before if before[item] != after[item]]
    assert changed == ["i03"]
    assert before["i03"][0] != after["i03"][0]
    assert before["i03"][1] < after["i03"][1]
    assert any(note.endswith("0 new, 1 changed, 0 gone") for note in report.notes if note.startswith("items"))


def test_date_or_link_of_an_item_is_no_content(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    before = nights.value("select content_hash from items where item_id = 'i03'")
    catalog.items["i03"]["published_at"] = "2026-10-30T08:00:00Z"
    nights.run("ingest")
    after = nights.rows("select content_hash, published_at::text from items where item_id = 'i03'")
    assert after == [(before, "2026-10-30 08:00:00")]


def test_trial_with_a_limit_retires_nobody(nights: Nights) -> None:
    nights.run("ingest")
    report = nights.run("ingest", limit=5)["ingest"]
    assert report.rows_in == 15
    assert nights.rows("select count(*) from items where not is_active") == [(0,)]
    assert nights.rows("select count(*) from users where not is_active") == [(0,)]


def test_user_that_disappears_is_served_no_more(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    del catalog.users["u05"]
    catalog.events = [event for event in catalog.events if event["user"] != "u05"]
    nights.run("ingest")
    assert nights.column("select user_id from users where not is_active") == ["u05"]


def test_interaction_once_stored_stays_when_its_source_moves_on(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    yesterday = len(catalog.events)
    catalog.events = [{"user": "u01", "item": "i02", "event": "view", "at": "2026-10-31T23:00:00Z"}]
    nights.run("ingest")
    assert nights.value("select count(*) from interactions") == yesterday + 1


def test_rerun_changes_no_row(nights: Nights, catalog: SmallCatalog) -> None:
    spoil(catalog)
    tables = ("items", "users", "interactions", "quarantine", "catalogs", "catalog_events", "catalog_grades")

    def read() -> list[list[tuple[object, ...]]]:
        return [nights.table(name, without=["last_seen_run"]) for name in tables]

    nights.run("ingest")
    before = read()
    report = nights.run("ingest")["ingest"]
    assert read() == before
    assert [note.endswith("0 new, 0 changed, 0 gone") for note in report.notes[:3]] == [True] * 3


def test_mapping_that_does_not_fit_stores_nothing(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    before = nights.rows("select * from items order by all")
    catalog.columns = 'item_id = "id", title = "headline", text = "text"'
    with pytest.raises(SourceError, match="headline"):
        nights.run("ingest")
    assert nights.rows("select * from items order by all") == before


def test_two_catalogs_share_their_users(tmp_path_factory: pytest.TempPathFactory, nights: Nights) -> None:
    books = SmallCatalog(tmp_path_factory.mktemp("books"), "books", n_items=9, n_users=25, seed=2)
    nights.catalogs = [*nights.catalogs, books]
    nights.run("ingest")
    assert nights.value("select count(*) from users where user_space = 'readers' and is_active") == 25
    assert nights.rows("select catalog, count(*) from items group by all order by all") == [("books", 9), ("news", 30)]
