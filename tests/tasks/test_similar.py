"""similar: near pairs are found once, verified once, and grouped by what was verified."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.similar import group_items
from tests.night import Nights, SmallCatalog
from tests.scripted_labeler import ScriptedLabeler
from tests.tasks.conftest import Begin
from warehouse.connection import open_warehouse

NIGHT = ("ingest", "embed", "similar")


def add_copy(catalog: SmallCatalog, item: str, copy: str, *, text: str = "") -> None:
    """A second report of the same story; without another text, the very same content."""
    same = catalog.items[item]
    catalog.items[copy] = {**same, "id": copy, "text": f"{same['text']} {text}".strip()}


def groups(nights: Nights) -> list[tuple[str, str, int]]:
    return nights.rows("select item_id, group_id, n_items from item_groups order by all")  # type: ignore[return-value]


def test_near_duplicates_are_grouped_under_the_smallest_id(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    add_copy(catalog, "i04", "a04", text="Again.")
    nights.run(*NIGHT)
    assert groups(nights) == [("a04", "a04", 2), ("i04", "a04", 2)]
    assert len(labeler.take()["similar"]) == nights.value("select count(*) from similar_pairs")


def test_byte_identical_items_are_one_group_without_a_question(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    add_copy(catalog, "i04", "i31")
    add_copy(catalog, "i04", "i32")
    nights.run(*NIGHT)
    assert groups(nights) == [("i04", "i04", 3), ("i31", "i04", 3), ("i32", "i04", 3)]
    assert labeler.take() == {}


def test_pair_that_was_found_different_is_no_group(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    add_copy(catalog, "i04", "i31", text="But this one goes on to tell of other things, of money and of weather.")
    nights.run(*NIGHT)
    assert len(labeler.take()["similar"]) == 1
    assert nights.column("select is_similar from current_similarity_labels") == [False]
    assert groups(nights) == []


def test_second_night_looks_up_and_asks_nothing(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    add_copy(catalog, "i04", "i31", text="Again.")
    nights.run(*NIGHT)
    labeler.take()
    before = groups(nights)
    report = nights.run(*NIGHT)["similar"]
    assert report.notes[1] == "0 contents scanned; 1 groups hold 2 near-duplicates"
    assert labeler.take() == {}
    assert groups(nights) == before


def test_new_item_is_compared_with_the_old_ones(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    add_copy(catalog, "i04", "i31", text="Again.")
    report = nights.run(*NIGHT)["similar"]
    assert report.notes[-1] == "1 contents scanned; 1 groups hold 2 near-duplicates"
    assert len(labeler.take()["similar"]) == 1


def test_gone_item_leaves_its_group_and_comes_back_to_it(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    add_copy(catalog, "i04", "i31", text="Again.")
    begin(*NIGHT)
    gone = catalog.items.pop("i31")
    nights.run(*NIGHT)
    assert groups(nights) == []
    catalog.items["i31"] = gone
    nights.run(*NIGHT)
    assert groups(nights) == [("i04", "i04", 2), ("i31", "i04", 2)]
    assert labeler.take() == {}


def test_item_that_comes_back_meets_what_came_in_between(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    gone = catalog.items.pop("i04")
    nights.run(*NIGHT)
    catalog.items["i31"] = {**gone, "id": "i31", "text": f"{gone['text']} Again."}
    nights.run(*NIGHT)
    catalog.items["i04"] = gone
    nights.run(*NIGHT)
    assert groups(nights) == [("i04", "i04", 2), ("i31", "i04", 2)]


def test_lower_threshold_looks_everything_up_again(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    catalog.more = "[similar]\nmin_cosine = 0.3"
    report = nights.run(*NIGHT)["similar"]
    assert report.notes[-1].startswith("30 contents scanned")
    assert report.rows_in == nights.value("select count(*) from similar_pairs") > 0
    assert nights.value("select min(cosine) from similar_pairs") >= 0.3


def test_index_finds_what_exact_search_finds_and_tells_how_much(
    nights: Nights, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    catalog.more = "[similar]\nmin_cosine = 0.3"
    nights.run(*NIGHT)
    exact = nights.rows("select hash_a, hash_b, cosine from similar_pairs order by all")
    catalog.more += "\nexact_up_to = 1"
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute("delete from similar_pairs; delete from neighbour_scans")
    report = nights.run(*NIGHT)["similar"]
    assert nights.rows("select hash_a, hash_b, cosine from similar_pairs order by all") == exact != []
    assert any("the approximate index finds 100.00% of the" in note for note in report.notes)


def test_pair_is_stored_once_though_both_its_items_find_it(
    nights: Nights, begin: Begin, catalog: SmallCatalog, labeler: ScriptedLabeler
) -> None:
    begin(*NIGHT)
    add_copy(catalog, "i04", "i31", text="Again.")
    add_copy(catalog, "i04", "i32", text="Once more.")
    nights.run(*NIGHT)
    gone = catalog.items.pop("i31")
    nights.run(*NIGHT)
    catalog.items["i31"] = gone
    assert nights.run(*NIGHT)["similar"].notes[-1].startswith("1 contents scanned")
    assert nights.rows("select hash_a, hash_b from similar_pairs group by all having count(*) > 1") == []
    assert nights.rows("select content_hash from neighbour_scans group by all having count(*) > 1") == []


def test_topics_of_both_items_are_known_to_the_verifier(nights: Nights, catalog: SmallCatalog) -> None:
    add_copy(catalog, "i04", "i31", text="But this one goes on to tell of other things, of money and of weather.")
    catalog.more = "[similar]\nmin_cosine = 0.3"
    nights.run("ingest", "embed", "similar")
    assert nights.column("select distinct is_same_topic from similarity_labels where not is_similar") == [None]
    nights.run("topics")
    with open_warehouse(nights.folder) as warehouse:
        warehouse.connection.execute("delete from similarity_labels")
    nights.run("similar")
    labeled = nights.rows("""
        select labels.is_similar, labels.is_same_topic, a.primary_topic = b.primary_topic
        from similarity_labels as labels
        join current_topic_labels as a on a.content_hash = labels.hash_a
        join current_topic_labels as b on b.content_hash = labels.hash_b
    """)
    assert {False, True} == {same for _, same, _ in labeled}
    assert all(same == (similar or equal) for similar, same, equal in labeled)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([], []),
        ([("b", "a")], [("a", "a", 2), ("b", "a", 2)]),
        ([("a", "b"), ("c", "b")], [("a", "a", 3), ("b", "a", 3), ("c", "a", 3)]),
        ([("a", "d"), ("b", "c")], [("a", "a", 2), ("b", "b", 2), ("c", "b", 2), ("d", "a", 2)]),
        ([("a", "a")], []),
    ],
    ids=["none", "pair", "chain", "two groups", "itself"],
)
def test_groups_are_the_connected_components(
    edges: list[tuple[str, str]], expected: list[tuple[str, str, int]]
) -> None:
    frame = pl.DataFrame(edges, schema={"item_a": pl.String, "item_b": pl.String}, orient="row")
    assert group_items(frame).select("item_id", "group_id", "n_items").rows() == expected
