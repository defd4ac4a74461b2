"""enrich: what was found is stored as it was given, and vectors that it needs are made once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.contracts.errors import ConfigError
from tests.fake_embedder import HashingEmbedder
from tests.llm.fake_server import FakeServer, completion
from tests.llm_script import DESCRIBED, answer_all
from tests.night import Nights, SmallCatalog, with_key
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


def test_claims_are_counted_and_those_that_the_text_does_not_carry_are_stored(
    nights: Nights, catalog: SmallCatalog
) -> None:
    nights.run("ingest", "enrich")
    assert nights.value("select min(n_claims) from current_enrichments") > 2
    assert nights.column("select distinct len(ungrounded) from current_enrichments") == [0]
    described = {**DESCRIBED, "keywords": ["zeppelins"]}
    with FakeServer(lambda request: completion({"answers": number(described, len(request.fenced))})) as server:
        nights.changes = {"endpoints": with_key(server.url)}
        nights.run("enrich")
    [row] = nights.rows("select distinct n_claims, ungrounded from current_enrichments")
    assert row == (2, ["keyword: 'zeppelins' is not in the text"])


def test_another_labeler_looks_at_every_claim_again(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "enrich")
    catalog.more = '[enrichment]\nverify = "openai"\n[labelers]\nenrich = "embedded"'
    with FakeServer(answer_all) as server:
        nights.changes = {"endpoints": with_key(server.url)}
        report = nights.run("ingest", "enrich")["enrich"]
        assert nights.run("enrich")["enrich"].rows_in == 0
    assert (report.rows_in, report.rows_out, report.requests) == (30, 30, 15)
    assert report.cost_usd > 0
    assert nights.column("select distinct labeler from current_enrichments") == ["embedded:hashing"]
    assert nights.column("select distinct len(ungrounded) from current_enrichments") == [1]


def test_the_embedded_labeler_can_not_verify(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = '[enrichment]\nverify = "embedded"'
    with pytest.raises(ConfigError, match="enrichment.verify = 'embedded', which can't verify; name an endpoint"):
        nights.run("ingest", "enrich")


def number(row: dict[str, Any], n: int) -> list[dict[str, Any]]:
    """The same answer to n questions."""
    return [{"number": place + 1, **row} for place in range(n)]


def test_length_and_voice_of_summaries_make_enrichments_due(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "enrich")
    catalog.more = "[enrichment]\nsummary_words = 10"
    assert nights.run("ingest", "enrich")["enrich"].rows_in == 30
    assert nights.value("select max(len(string_split(summary, ' '))) from current_enrichments") <= 10


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
