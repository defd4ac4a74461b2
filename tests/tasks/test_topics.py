"""topics: prototypes are fitted once and kept, so that yesterday's labels don't drift by themselves."""

from __future__ import annotations

import json
import random

import pytest

from tasks.contracts.errors import MissingInputError
from tasks.topics import plan_topics
from tests.night import Nights, SmallCatalog, make_item
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import Begin

NIGHT = ("ingest", "embed", "topics")


def labels(nights: Nights) -> dict[str, str]:
    return dict(nights.rows("select item_id, primary_topic from current_topic_labels"))


def add_items(catalog: SmallCatalog, count: int) -> None:
    for number in range(count):
        catalog.items[f"x{number}"] = make_item(f"x{number}", "space", chance=random.Random(number))


def test_items_get_the_topic_of_their_words(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    begin(*NIGHT)
    found = labels(nights)
    right = [found[item] == ("sport", "space", "food")[int(item[1:]) % 3] for item in catalog.items]
    assert sum(right) >= 27


def test_prototypes_stay_while_the_catalog_grows_a_little(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    begin(*NIGHT)
    before = labels(nights)
    add_items(catalog, 7)
    report = nights.run(*NIGHT)["topics"]
    assert report.rows_in == 7
    assert nights.value("select count(*) from topic_prototypes") == 1
    assert {item: topic for item, topic in labels(nights).items() if item in before} == before


def test_prototypes_are_fitted_anew_when_the_catalog_has_outgrown_them(
    nights: Nights, begin: Begin, catalog: SmallCatalog
) -> None:
    begin(*NIGHT)
    add_items(catalog, 8)
    nights.run("ingest", "embed")
    assert plan_topics(nights.context())[0].rows_due == 38
    assert nights.run("topics")["topics"].rows_in == 38
    assert nights.value("select count(*) from topic_prototypes") == 2
    assert nights.run(*NIGHT)["topics"].rows_in == 0


def test_asked_to_fit_anew_the_same_items_give_the_same_prototypes(
    nights: Nights, begin: Begin, catalog: SmallCatalog
) -> None:
    begin(*NIGHT)
    assert nights.run("topics", refit_topics=True)["topics"].rows_in == 0
    add_items(catalog, 2)
    nights.run(*NIGHT)
    assert nights.run("topics", refit_topics=True)["topics"].rows_in == 32


def test_prototypes_of_a_large_catalog_are_fitted_to_a_part_of_it(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.labeling.build.FIT_ITEMS", 12)
    nights.run(*NIGHT)
    assert json.loads(nights.value("select prototypes from topic_prototypes"))["n_items"] == 12
    assert nights.value("select n_items from topic_prototypes") == 30
    found = labels(nights)
    assert sum(found[item] == ("sport", "space", "food")[int(item[1:]) % 3] for item in catalog.items) >= 25
    assert nights.run(*NIGHT)["topics"].rows_in == 0


def test_another_taxonomy_makes_all_labels_due(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    begin(*NIGHT)
    catalog.more = '[[taxonomy]]\nname = "money"\ndescription = "Prices, wages, banks."'
    assert nights.run(*NIGHT)["topics"].rows_in == 30


def test_topics_before_embed_say_what_to_run(nights: Nights) -> None:
    with pytest.raises(MissingInputError, match="catalog 'news' has no embedded item; run `nightjar embed` first"):
        nights.run("ingest", "topics")


def test_catalog_without_a_taxonomy_has_no_topics(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.has_taxonomy = False
    report = nights.run(*NIGHT)["topics"]
    assert (report.rows_in, report.notes) == (0, ("the catalog has no taxonomy: no topics",))
    assert plan_topics(nights.context())[0].note == "the catalog has no taxonomy"


def test_topics_are_stored_best_first(nights: Nights, labeler: ScriptedLabeler) -> None:
    nights.run("ingest", "topics")
    [row] = nights.rows(
        "select primary_topic, topics, confidence, reason from current_topic_labels where item_id = 'i07'"
    )
    scored = [{"topic": "sport", "confidence": 0.8}, {"topic": "food", "confidence": 0.2}]
    assert row == ("sport", scored, 0.8, "so it seems")
