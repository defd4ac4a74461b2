"""embed: exactly what has no vector is embedded, and each content once."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.contracts.errors import ConfigError
from tasks.embed import plan_embed
from tasks.labeling.vectors import fields_of, render_text
from tests.fake_embedder import HashingEmbedder
from tests.night import Nights, SmallCatalog, plug_embedder
from tests.tasks.conftest import Begin
from warehouse.connection import open_warehouse
from warehouse.vectors import read_vectors


def test_second_run_embeds_nothing(nights: Nights, embedder: HashingEmbedder) -> None:
    report = nights.run("ingest", "embed")["embed"]
    assert (report.rows_in, report.rows_out, embedder.n_encoded) == (50, 50, 50)
    report = nights.run("ingest", "embed")["embed"]
    assert (report.rows_in, report.rows_out, embedder.n_encoded) == (0, 0, 50)


def test_exactly_what_changed_is_embedded(
    nights: Nights, begin: Begin, catalog: SmallCatalog, embedder: HashingEmbedder
) -> None:
    begin("ingest", "embed")
    catalog.items["i03"]["text"] += " More is known by now."
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30", "title": "Something new"}
    del catalog.items["i05"]
    catalog.users["u02"]["summary"] = "Reader u02 has changed."
    embedder.n_encoded = 0
    report = nights.run("ingest", "embed")["embed"]
    assert report.notes == ("2 items and 1 users embedded with hashing",)
    assert embedder.n_encoded == 3
    new = nights.column(
        "select item_id from items join embeddings using (content_hash) where run_id = 'r002' order by 1"
    )
    assert new == ["i03", "i30"]


def test_byte_identical_items_share_one_vector(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.items["i30"] = {**catalog.items["i04"], "id": "i30"}
    report = nights.run("ingest", "embed")["embed"]
    assert report.rows_out == 50
    hashes = nights.column("select content_hash from current_item_vectors where item_id in ('i04', 'i30')")
    assert len(hashes) == 2
    assert len(set(hashes)) == 1


def test_user_without_a_profile_gets_no_vector(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u03"] |= {"interests": "", "summary": ""}
    nights.run("ingest", "embed")
    assert "u03" not in nights.column("select user_id from current_user_vectors")
    assert nights.value("select count(*) from current_user_vectors") == 19


def test_aspects_are_embedded_once_a_text_where_they_are_a_source(
    nights: Nights, catalog: SmallCatalog, embedder: HashingEmbedder
) -> None:
    nights.run("ingest", "enrich", "embed")
    assert nights.value("select count(*) from active_fingerprints where task = 'embed_aspects'") == 0
    with open_warehouse(nights.folder) as warehouse:
        told = "json_object('theme', content_hash[1:1], 'the \"setting\"', 'here', 'plot', ' ')"
        warehouse.connection.execute(f"update enrichments set aspects = {told}")
    catalog.more = "[candidates.sources]\naspects = 1.0"
    report = nights.run("embed")["embed"]
    themes = nights.rows("select item_id, content_hash[1:1] from current_enrichments")
    said = {"here", *(theme for _, theme in themes)}
    assert (report.rows_out, report.notes) == (
        len(said), (f"0 items and 0 users, {len(said)} texts of aspects embedded with hashing",)
    )  # fmt: skip
    assert nights.run("embed")["embed"].rows_out == 0
    with open_warehouse(nights.folder) as warehouse:
        found, vectors = read_vectors(warehouse, "queries/aspect_vectors", catalog="news")
    assert set(found.rows()) == {(item, "theme", theme) for item, theme in themes} | {
        (item, 'the "setting"', "here") for item, _ in themes
    }
    assert all(
        np.allclose(vector, embedder.encode([text])[0]) for text, vector in zip(found["text"], vectors, strict=True)
    )


def test_onboarding_answers_that_are_no_items_are_embedded_with_the_profile(
    nights: Nights, catalog: SmallCatalog, embedder: HashingEmbedder
) -> None:
    catalog.users["u03"] |= {
        "interests": "",
        "summary": "",
        "onboarding": f"i05;{catalog.items['i06']['title'].upper()}",
    }
    catalog.users["u04"] |= {"interests": "", "summary": "", "onboarding": "space;long walks;i05"}
    nights.run("ingest", "embed")
    with open_warehouse(nights.folder) as warehouse:
        scope = {"catalog": "news", "user_space": "readers"}
        found, vectors = read_vectors(warehouse, "queries/user_vectors", user_ids=["u03", "u04"], **scope)
    assert found["user_id"].to_list() == ["u04"]
    assert np.allclose(vectors[0], embedder.encode(["space, long walks"])[0])


def test_another_model_embeds_all_again_and_keeps_the_old_vectors(
    nights: Nights, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin("ingest", "embed")
    plug_embedder(monkeypatch, HashingEmbedder(version="2"))
    nights.run("ingest", "embed")
    assert nights.value("select count(*) from embeddings") == 100
    assert nights.rows("select count(*), count(distinct item_id) from current_item_vectors") == [(30, 30)]


def test_another_template_embeds_the_items_again(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    begin("ingest", "embed")
    catalog.more = '[text]\nitem = "{title}"'
    report = nights.run("ingest", "embed")["embed"]
    assert report.notes == ("30 items and 0 users embedded with hashing",)


def test_template_of_enriched_fields_embeds_again_when_the_enrichment_changes(
    nights: Nights, catalog: SmallCatalog
) -> None:
    catalog.more = '[text]\nitem = "{title} {keywords}"'
    nights.run("ingest", "enrich", "embed")
    assert nights.run("ingest", "enrich", "embed")["embed"].rows_out == 0
    catalog.aspects = ["place"]
    assert nights.run("ingest", "enrich", "embed")["embed"].notes == ("30 items and 0 users embedded with hashing",)


def test_work_is_committed_batch_by_batch(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.labeling.vectors.BATCH", 10)
    embedder = HashingEmbedder()
    encode = embedder.encode

    def break_down(texts: list[str], **kwargs: object) -> object:
        if embedder.n_encoded == 20:
            raise MemoryError("out of memory")
        return encode(texts)

    monkeypatch.setattr(embedder, "encode", break_down)
    plug_embedder(monkeypatch, embedder)
    with pytest.raises(MemoryError, match="out of memory"):
        nights.run("ingest", "embed")
    assert nights.value("select count(*) from embeddings") == 20
    monkeypatch.setattr(embedder, "encode", encode)
    assert nights.run("ingest", "embed")["embed"].rows_out == 30


def test_vectors_are_stored_as_they_were_made(nights: Nights, catalog: SmallCatalog, embedder: HashingEmbedder) -> None:
    nights.run("ingest", "embed")
    item = catalog.items["i07"]
    [(stored,)] = nights.rows("select vector from current_item_vectors where item_id = 'i07'")
    assert np.array_equal(np.array(stored, dtype=np.float32), embedder.encode([f"{item['title']}\n{item['text']}"])[0])


def test_plan_counts_what_a_run_would_embed(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest")
    assert plan_embed(nights.context()).rows_due == 50
    nights.run("ingest", "embed")
    assert plan_embed(nights.context()).rows_due == 0
    catalog.more = '[text]\nitem = "{title}"'
    nights.run("ingest")
    assert plan_embed(nights.context()).rows_due == 30


def test_unknown_field_of_a_template_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"text.item names the field 'titel'; known fields are text, title"):
        fields_of("{titel}", allowed=frozenset({"title", "text"}), key="text.item")
    with pytest.raises(ConfigError, match=r"text.item = '\{title' is no template"):
        fields_of("{title", allowed=frozenset({"title"}), key="text.item")


def test_text_leaves_out_absent_fields_and_is_cut() -> None:
    row = {"title": "Rain", "text": None, "author": "  A \t B "}
    assert render_text("{title}\n{text}\nby {author}", row, max_chars=100) == "Rain\nby A B"
    assert render_text("{title}", row, max_chars=2) == "Ra"
