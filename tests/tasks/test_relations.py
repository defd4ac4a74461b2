"""relations: what belongs together by fields, titles, groups, labels, enrichments and by who chose it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tasks.contracts.errors import ConfigError
from tests.night import Nights, SmallCatalog
from tests.warehouse.filled_warehouse import insert
from warehouse.connection import open_warehouse

STAGES = ("ingest", "relations")
OFF = "from_titles = false\nalso_bought = 0\nfields = {}"


def name_items(catalog: SmallCatalog, titles: Iterable[str]) -> None:
    """The catalog's items become these titles, i00, i01, … with attributes to fill."""
    catalog.items = {
        f"i{place:02d}": {**catalog.items["i00"], "id": f"i{place:02d}", "title": title}
        for place, title in enumerate(titles)
    }
    catalog.events = []


def related(nights: Nights, relation: str) -> set[tuple[str, str]]:
    return set(nights.rows(f"select item_id, related_id from item_relations where relation = '{relation}'"))


def with_fields(catalog: SmallCatalog, config: str, *, attributes: str = "") -> None:
    catalog.columns = 'item_id = "id", title = "title", text = "text", author = "by", category = "kind"'
    if attributes:
        catalog.columns += f" }}\nattributes = {attributes}\ntypes = {{ "
    catalog.more = f"[relations]\n{config}"


@pytest.mark.parametrize(
    ("titles", "series", "sequels"),
    [
        (["Dune", "Dune 2"], ["i00 i01"], ["i00 i01"]),
        (["Toy Story (1995)", "Toy Story 2 (1999)"], ["i00 i01"], ["i00 i01"]),
        (["Godfather, The (1972)", "Godfather: Part II, The (1974)"], ["i00 i01"], ["i00 i01"]),
        (["Atlas, Vol. 1", "Atlas, Vol. 3"], ["i00 i01"], ["i00 i01"]),
        (["The Reach: Book Three", "Reach: Part 4 - Home"], ["i00 i01"], ["i00 i01"]),
        (["Trek III: The Search", "Trek IV: Home", "Trek 6: Out"], ["i00 i01", "i00 i02", "i01 i02"], ["i00 i01", "i01 i02"]),
        (["Budget 2025", "Budget 2026"], [], []),
        (["Weekly notes", "Weekly notes"], [], []),
        (["Dune 2", "Dune 2"], [], []),
        (["2", "3"], [], []),
        (["Ten owls", "Eleven owls"], [], []),
    ],
    ids=lambda value: " | ".join(value) if value and isinstance(value[0], str) else None,
)  # fmt: skip
def test_titles_that_differ_in_a_number_are_a_series(
    nights: Nights, catalog: SmallCatalog, titles: list[str], series: list[str], sequels: list[str]
) -> None:
    name_items(catalog, titles)
    nights.run(*STAGES)
    there = {tuple(pair.split()) for pair in series}
    assert related(nights, "series") == there | {(b, a) for a, b in there}
    assert related(nights, "sequel") == {tuple(pair.split()) for pair in sequels}


def test_fields_relate_items_both_ways_whatever_the_case(nights: Nights, catalog: SmallCatalog) -> None:
    name_items(catalog, "abcd")
    for item, by, kind in (("i00", "Ann Lee", "x|y"), ("i01", "ann  lee", "y"), ("i02", "", "z"), ("i03", "", "z|x")):
        catalog.items[item] |= {"by": by, "kind": kind}
    with_fields(catalog, 'fields = { author = "author", brand = "category" }')
    nights.run(*STAGES)
    assert related(nights, "author") == {("i00", "i01"), ("i01", "i00")}
    assert related(nights, "brand") == {
        ("i00", "i01"), ("i01", "i00"), ("i00", "i03"), ("i03", "i00"), ("i02", "i03"), ("i03", "i02"),
    }  # fmt: skip
    assert nights.rows("select distinct relation, source, strength from item_relations order by all") == [
        ("author", "field:author", 0.6),
        ("brand", "field:category", 0.3),
    ]


def test_number_within_the_series_says_which_part_comes_next(nights: Nights, catalog: SmallCatalog) -> None:
    name_items(catalog, "abcd")
    for item, number in (("i00", 2), ("i01", 5), ("i02", 1), ("i03", None)):
        catalog.items[item] |= {"by": "", "kind": "", "cycle": ["Breck"], "no": number}
    config = 'fields = { series = "attributes.cycle" }\nsequel = "attributes.no"'
    with_fields(catalog, config, attributes='["cycle", "no"]')
    nights.run(*STAGES)
    assert related(nights, "sequel") == {("i02", "i00"), ("i00", "i01")}
    assert len(related(nights, "series")) == 12
    assert nights.rows("select distinct relation, strength from item_relations order by all") == [
        ("sequel", 1.0),
        ("series", 0.8),
    ]


def test_value_of_too_many_items_relates_none_and_is_counted(nights: Nights, catalog: SmallCatalog) -> None:
    name_items(catalog, "abcde")
    for place, item in enumerate(catalog.items.values()):
        item |= {"by": "House" if place < 3 else "Ann", "kind": ""}
    with_fields(catalog, "max_items = 2")
    report = nights.run(*STAGES)["relations"]
    assert related(nights, "author") == {("i03", "i04"), ("i04", "i03")}
    assert report.dropped == {"author of field:author: more than 2 items share it": 3}
    assert report.notes == ("relations: 2 author",)
    assert (report.rows_in, report.rows_out) == (5, 2)


def test_field_that_no_item_has_is_told_with_the_nearest(nights: Nights, catalog: SmallCatalog) -> None:
    name_items(catalog, "ab")
    for item in catalog.items.values():
        item |= {"by": "", "kind": "", "cycle": "Breck"}
    with_fields(catalog, 'fields = { series = "attributes.cicle" }', attributes='["cycle"]')
    with pytest.raises(
        ConfigError,
        match=r"relations.fields.series names the field 'attributes.cicle', which no items have; did you mean 'attributes.c",
    ):
        nights.run(*STAGES)


def test_groups_and_pairs_of_one_subject_tell_the_same_story(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = f"[relations]\n{OFF}"
    nights.run("ingest")
    content = dict(nights.rows("select item_id, content_hash from items"))
    with open_warehouse(nights.folder) as warehouse:
        for item in ("i01", "i02"):
            insert(warehouse, "item_groups", {"catalog": "news", "item_id": item, "group_id": "i01", "n_items": 2})
        insert(warehouse, "active_fingerprints", {"catalog": "news", "task": "similar", "fingerprint": "f"})
        for a, b, is_similar, is_same in (("i03", "i04", False, True), ("i05", "i06", False, False)):
            hashes = {"hash_a": content[a], "hash_b": content[b], "fingerprint": "f"}
            insert(warehouse, "similarity_labels", {**hashes, "is_similar": is_similar, "is_same_topic": is_same})
    nights.run("relations")
    found = nights.rows("select item_id, related_id, relation, source, strength from item_relations order by all")
    assert found == [
        ("i01", "i02", "same_story", "groups", 0.7),
        ("i02", "i01", "same_story", "groups", 0.7),
        ("i03", "i04", "same_story", "similarity labels", 0.56),
        ("i04", "i03", "same_story", "similarity labels", 0.56),
    ]


def test_aspect_named_series_relates_items_that_share_it_word_by_word(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.aspects = ["Series", "theme"]
    catalog.more = f"[relations]\n{OFF}"
    nights.run("ingest")
    content = dict(nights.rows("select item_id, content_hash from items"))
    said = {"i01": "Night Watch", "i02": "night  watch", "i03": "Night"}
    with open_warehouse(nights.folder) as warehouse:
        insert(warehouse, "active_fingerprints", {"catalog": "news", "task": "enrich", "fingerprint": "f"})
        for item, series in said.items():
            aspects = f'{{"Series": "{series}", "theme": "watch"}}'
            insert(warehouse, "enrichments", {"content_hash": content[item], "fingerprint": "f", "aspects": aspects})
    nights.run("relations")
    found = nights.rows("select item_id, related_id, relation, source, strength from item_relations order by all")
    assert found == [
        ("i01", "i02", "series", "enrichment:Series", 0.56),
        ("i02", "i01", "series", "enrichment:Series", 0.56),
    ]


def test_what_the_same_people_chose_is_also_bought(nights: Nights, catalog: SmallCatalog) -> None:
    at = "2026-10-02T08:00:00Z"
    pairs = [("u00", "i00"), ("u00", "i01"), ("u01", "i00"), ("u01", "i01"), ("u01", "i02"), ("u02", "i09")]
    catalog.events = [{"user": user, "item": item, "event": "like", "at": at} for user, item in pairs]
    catalog.more = "[relations]\nalso_bought = 1\nfrom_titles = false\nfields = {}"
    nights.run(*STAGES)
    # Of i02, as near to i00 as to i01, the lower id is kept.
    assert related(nights, "also_bought") == {("i00", "i01"), ("i01", "i00"), ("i02", "i00")}
    assert nights.value("select count(*) from item_relations where strength > 0 and strength <= 1") == 3


def test_gone_item_still_leads_to_its_sequel_and_is_led_to_by_none(nights: Nights, catalog: SmallCatalog) -> None:
    name_items(catalog, ["Dune", "Dune 2"])
    nights.run("ingest")
    del catalog.items["i00"]
    nights.run(*STAGES)
    assert related(nights, "sequel") == related(nights, "series") == {("i00", "i01")}


def test_relations_are_made_anew_and_the_same(nights: Nights) -> None:
    nights.run(*STAGES)
    before = nights.table("item_relations", without=["run_id"])
    assert before
    nights.run("relations")
    assert nights.table("item_relations", without=["run_id"]) == before
    assert nights.column("select distinct run_id from item_relations") == [nights.run_id]


def test_other_catalogs_keep_their_relations(tmp_path: Path, nights: Nights, catalog: SmallCatalog) -> None:
    other = SmallCatalog(tmp_path / "books", "books")
    for one in (catalog, other):
        name_items(one, ["Dune", "Dune 2"])
    nights.catalogs = [catalog, other]
    nights.run(*STAGES)
    nights.catalogs = [catalog]
    nights.run(*STAGES)
    assert nights.rows("select catalog, count(*) from item_relations group by all order by all") == [
        ("books", 3),
        ("news", 3),
    ]


def test_also_bought_is_no_input_of_the_sources(nights: Nights, catalog: SmallCatalog) -> None:
    name_items(catalog, ["Dune", "Dune 2"])
    nights.run(*STAGES)
    with open_warehouse(nights.folder) as warehouse:
        row = {"catalog": "news", "item_id": "i00", "related_id": "i01", "relation": "also_bought"}
        insert(warehouse, "item_relations", row)
        found = warehouse.query("queries/related_items", catalog="news")
    assert found["relation"].to_list() == ["sequel", "series", "series"]
