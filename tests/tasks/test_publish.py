"""publish: readers see a whole publication, and no catalog loses its lists because another one ran."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.contracts.errors import MissingInputError
from tests.night import Nights, SmallCatalog
from warehouse.publication import TABLES, list_publications, resolve_latest, verify_publication


def test_second_night_publishes_the_same_rows(finished: Nights) -> None:
    before = {table: finished.published(table) for table in TABLES}
    finished.run()
    assert resolve_latest(finished.folder / "published").run_id == "r002"
    for table in TABLES:
        assert finished.published(table).equals(before[table]), table


def test_latest_resolves_to_a_whole_publication_that_is_on_record(finished: Nights) -> None:
    publication = verify_publication(finished.folder / "published")
    assert finished.rows("select publication_id, manifest_sha256, n_rows from publications") == [
        (publication.publication_id, publication.manifest_sha256, publication.n_rows)
    ]
    assert publication.manifest["as_of"] == "2026-11-01"
    assert {gate["suite"] for gate in publication.manifest["gates"]} >= {"ingest", "labels", "recommendations"}
    assert [model["catalog"] for model in publication.manifest["models"]] == ["news"]


def test_catalog_that_did_not_run_tonight_keeps_its_lists(finished: Nights, tmp_path: Path) -> None:
    news = finished.published("recommendations")
    books = SmallCatalog(tmp_path / "books", "books", n_items=24, seed=2)
    only_books = Nights(finished.folder, [books], n_runs=1)
    only_books.run()
    both = only_books.published("recommendations")
    assert set(both["catalog"]) == {"news", "books"}
    assert both.filter(pl.col("catalog") == "news").equals(news)
    assert set(only_books.published("metrics")["catalog"]) == {"news", "books"}


def test_gone_item_is_published_no_more(finished: Nights, catalog: SmallCatalog) -> None:
    [victim] = finished.published("recommendations")["item_id"].mode(maintain_order=True).head(1)
    del catalog.items[victim]
    finished.run("ingest", "similar", "candidates", "score", "publish")
    for table in ("recommendations", "item_topics", "item_enrichments", "labels"):
        assert victim not in finished.published(table)["item_id"], table


def test_old_publications_and_run_folders_are_retired(finished: Nights) -> None:
    for _ in range(4):
        finished.run("score", "publish", keep_publications=2, keep_hours=0.0, keep_runs=2)
    kept = [publication.run_id for publication in list_publications(finished.folder / "published")]
    assert kept == ["r005", "r004"]
    # The first run's candidates are still the latest ones, so its folder stays.
    assert sorted(path.name for path in (finished.folder / "runs").iterdir()) == ["r001", "r004", "r005"]


def test_publish_before_score_says_what_to_run(nights: Nights) -> None:
    with pytest.raises(MissingInputError, match="nothing is scored yet; run `nightjar score` first"):
        nights.run("ingest", "publish")
    assert not (nights.folder / "published").exists()
