"""enrich: what was found is stored as it was given, and vectors that it needs are made once."""

from __future__ import annotations

import json

from tests.fake_embedder import HashingEmbedder
from tests.night import Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler


def test_enrichment_is_stored_as_it_was_given(nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler) -> None:
    nights.run("ingest", "enrich")
    [row] = nights.rows(
        "select summary, themes, mood, audience, keywords, aspects, confidence from current_enrichments where item_id = 'i07'"
    )
    assert (*row[:5], json.loads(row[5]), row[6]) == (
        catalog.items["i07"]["title"], ["theme"], "sober", "all", ["key"], {"place": "here"}, 0.5,
    )  # fmt: skip


def test_embedded_labeler_extracts_from_the_item(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "enrich")
    for item, summary, keywords in nights.rows("select item_id, summary, keywords from current_enrichments"):
        text = f"{catalog.items[item]['title']} {catalog.items[item]['text']}".lower()
        assert summary.lower() in text or all(part in text for part in summary.lower().split(". "))
        assert all(keyword.lower() in text for keyword in keywords)


def test_items_are_embedded_once_for_enriching_and_all_that_follows(nights: Nights, embedder: HashingEmbedder) -> None:
    nights.run("ingest", "enrich")
    assert nights.value("select count(*) from embeddings") == 30
    embedder.n_encoded = 0
    report = nights.run("embed")["embed"]
    assert embedder.n_encoded == 20
    assert report.notes[0].endswith("and 20 users embedded with hashing")


def test_another_labeler_needs_no_vectors(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run("ingest", "enrich")
    assert nights.value("select count(*) from embeddings") == 0


def test_new_aspects_make_all_enrichments_due(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "enrich")
    catalog.aspects = ["place"]
    assert nights.run("ingest", "enrich")["enrich"].rows_in == 30
    assert nights.value("select count(*) from enrichments") == 60
    assert nights.value("select count(*) from current_enrichments") == 30
