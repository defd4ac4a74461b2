"""Rules and blocks of the catalog file: what nobody gets, what a user never wants, and what a rule keeps back."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tasks.contracts.errors import ConfigError, GateFailedError
from tasks.loading.fields import json_path, typed
from tests.night import Nights, SmallCatalog

STAGES = ("ingest", "embed", "candidates")


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """Items i00 to i29 in turn German, English and of no language, with an attribute; readers of no interest."""
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    catalog.columns += ', language = "lang", price = "price" }\nattributes = ["level", "tags"]\ntypes = { '
    for number, item in enumerate(catalog.items.values()):
        item |= {"lang": ["de", "en", ""][number % 3], "price": number, "level": number % 2, "tags": ["x"]}
    return catalog


def items_of(nights: Nights, user: str = "u00", stage: str = "candidates") -> set[int]:
    found = nights.output(stage)
    return {int(item[1:]) for item in found.filter(pl.col("user_id") == user)["item_id"]}


def write_rule(catalog: SmallCatalog, **rule: object) -> None:
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"name": "try", **rule}.items()]
    catalog.more = "\n".join(["[[rules]]", *lines])


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"item": "language", "test": "one_of", "value": ["de"]}, lambda n: n % 3 != 1),
        ({"item": "language", "test": "equal", "value": "de", "drop_missing": True}, lambda n: n % 3 == 0),
        ({"item": "price", "test": "at_most", "value": 9}, lambda n: n <= 9),
        ({"item": "attributes.level", "test": "equal", "value": 1}, lambda n: n % 2 == 1),
        ({"item": "title", "test": "none_of", "value": ["no such title"]}, lambda n: True),
        ({"item": "age_days", "test": "at_least", "value": 31.5}, lambda n: n >= 20),
    ],
    ids=lambda value: value["item"] if isinstance(value, dict) else "",
)
def test_rule_keeps_back_what_fails_it_and_is_counted(
    nights: Nights, catalog: SmallCatalog, rule: dict[str, object], kept: object
) -> None:
    for number, item in enumerate(catalog.items.values()):
        # Thirty-one and two thirds of a day before the end of 1 November, or sixteen hours later.
        item["published_at"] = "2026-10-01T08:00:00Z" if number >= 20 else "2026-10-02T00:00:00Z"
    write_rule(catalog, **rule)
    report = nights.run(*STAGES)["candidates"]
    catalog.more = ""
    seen = {int(event["item"][1:]) for event in catalog.events if event["user"] == "u00"}
    assert callable(kept)
    assert items_of(nights) == {n for n in range(30) if kept(n)} - seen
    assert (report.dropped.get("rule:try", 0) > 0) == (len({n for n in range(30) if kept(n)}) < 30)


def test_rule_compares_with_a_field_of_the_user(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u00"]["segment"], catalog.users["u01"]["segment"] = "de", "en"
    write_rule(catalog, item="language", test="equal", user="segment", drop_missing=True)
    nights.run(*STAGES)
    assert {n % 3 for n in items_of(nights, "u00")} == {0}
    assert {n % 3 for n in items_of(nights, "u01")} == {1}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"item": "langage", "value": "de"}, "rule 'try': item names the field 'langage', which no items have; did you mean 'language'"),
        ({"item": "attributes.lvl", "value": 1}, "'attributes.lvl', which no items have; did you mean 'attributes.level'"),
        ({"item": "language", "user": "segments"}, "rule 'try': user names the field 'segments', which no users have; did you mean 'segment'"),
        ({"item": "language", "user": "attributes.x"}, "'attributes.x', which no users have; known fields are name, age, job, segment"),
    ],
)  # fmt: skip
def test_field_that_nobody_has_is_told_with_the_nearest(
    nights: Nights, catalog: SmallCatalog, rule: dict[str, object], message: str
) -> None:
    write_rule(catalog, test="equal", **rule)
    with pytest.raises(ConfigError, match=message):
        nights.run(*STAGES)


def test_blocked_item_is_nobodys_and_an_unknown_id_is_told(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.head = 'blocked_items = ["i05", "i99", "i98"]'
    report = nights.run(*STAGES)["candidates"]
    assert "i05" not in set(nights.output("candidates")["item_id"])
    assert report.dropped["blocked"] > 0
    assert "2 of blocked_items are no items of the catalog: 'i99', 'i98'" in report.notes


def test_item_that_a_user_blocked_never_comes_back_to_them(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.head = 'unseen_events = ["view", "hide"]\nblocking_events = ["hide"]'
    catalog.events_weights += "\nhide = 0.0"
    catalog.events = [event for event in catalog.events if (event["user"], event["item"]) not in {("u00", "i05")}]
    for event, at in (("view", "2026-10-03"), ("hide", "2026-10-04")):
        catalog.events.append({"user": "u00", "item": "i05", "event": event, "at": f"{at}T08:00:00Z"})
    late = {"user": "u00", "item": "i08", "event": "hide", "at": "2026-11-02T08:00:00Z"}
    catalog.events = [event for event in catalog.events if (event["user"], event["item"]) != ("u00", "i08")] + [late]
    report = nights.run(*STAGES)["candidates"]
    assert 5 not in items_of(nights)
    assert {5, 8} & items_of(nights) == {8}
    assert 5 in items_of(nights, "u01") | items_of(nights, "u04")
    assert report.dropped["blocked"] > 0


def test_held_out_block_is_not_known_to_its_fold(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.head = 'blocking_events = ["hide"]'
    catalog.events_weights += "\nhide = 0.0"
    catalog.relevance = "grades = { like = 3, view = 1, hide = 0 }"
    catalog.events = [event for event in catalog.events if event["user"] != "u00"]
    for item, day in (("i08", 1), ("i05", 2)):
        catalog.events.append({"user": "u00", "item": item, "event": "hide", "at": f"2026-10-0{day}T08:00:00Z"})
    nights.run(*STAGES)
    assert {5, 8} & items_of(nights) == set()
    proposed = nights.output("candidates-holdout").filter(
        pl.col("fused_rank").is_not_null() & (pl.col("user_id") == "u00")
    )
    assert {"i05", "i08"} & set(proposed["item_id"]) == {"i05"}


def test_blocking_event_without_a_weight_is_an_error_of_the_file(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.head = 'blocking_events = ["vieww"]'
    with pytest.raises(
        ConfigError, match=r"blocking_events names 'vieww', which \[events\] does not; did you mean 'view'"
    ):
        nights.run(*STAGES)


def test_lists_that_rules_cut_short_are_told_and_warned_of(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u00"]["segment"] = "de"
    for number, item in enumerate(catalog.items.values()):
        item["lang"] = "de" if number in (10, 11, 12) else "en"
    write_rule(catalog, item="language", test="equal", user="segment")
    catalog.events = [event for event in catalog.events if event["user"] != "u00"]
    report = nights.run(*STAGES)["candidates"]
    assert items_of(nights) == {10, 11, 12}
    assert "1 users have fewer than 10 items: the catalog has no more for them" in report.notes
    gate = "select expectation, severity, is_success from quality_results where suite = 'candidates' order by all"
    assert nights.rows(gate) == [("few_lists_are_short", "warning", True), ("index_finds_enough", "critical", True)]
    catalog.more += "\n[gates]\nmax_short_lists = 0.04"
    report = nights.run(*STAGES)["candidates"]
    assert report.notes[-1].startswith("warning: few_lists_are_short observed short_share 0.05")


def test_index_that_finds_too_little_stops_the_run(
    nights: Nights, catalog: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.candidates.index_recall_of", lambda sources: 0.9)
    with pytest.raises(GateFailedError, match="index_finds_enough"):
        nights.run(*STAGES)
    catalog.more = "[gates]\nmin_index_recall = 0.9"
    report = nights.run(*STAGES)["candidates"]
    assert "the approximate index finds 90.0% of what exact search finds" in report.notes


@pytest.mark.parametrize(
    ("texts", "kinds", "expected"),
    [
        (["1", "2.5", None], ["UBIGINT", "DOUBLE", None], [1.0, 2.5, None]),
        (["1", "x"], ["UBIGINT", "VARCHAR"], ["1", "x"]),
        (["true", "false", None], ["BOOLEAN", "BOOLEAN", "NULL"], [True, False, None]),
        (['["a", 1]', None], ["ARRAY", None], [["a", "1"], None]),
        (["", None], ["VARCHAR", None], [None, None]),
    ],
)
def test_fields_have_the_type_of_their_values(
    texts: list[str | None], kinds: list[str | None], expected: list[object]
) -> None:
    found = typed(pl.Series(texts, dtype=pl.String), pl.Series(kinds, dtype=pl.String))
    assert found.to_list() == expected


def test_attribute_names_may_hold_anything() -> None:
    assert json_path('attributes.a "b".c') == '$.attributes."a \\"b\\".c"'
