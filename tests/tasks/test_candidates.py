"""candidates: what a user may be recommended, and what the ranker is asked about without having been told."""

from __future__ import annotations

import pytest

from tasks.contracts.errors import MissingInputError
from tests.night import Nights, SmallCatalog
from tests.tasks.conftest import Begin

RETRIEVAL = ("ingest", "embed", "similar", "judge", "candidates")


@pytest.fixture
def retrieved(nights: Nights, begin: Begin) -> Nights:
    """Nights over a warehouse with candidates."""
    begin(*RETRIEVAL)
    return nights


def pairs(nights: Nights, stage: str = "candidates") -> set[tuple[str, str]]:
    return set(nights.output(stage).select("user_id", "item_id").iter_rows())


def test_every_active_user_gets_candidates_that_are_new_to_them(retrieved: Nights, catalog: SmallCatalog) -> None:
    found = pairs(retrieved)
    assert {user for user, _ in found} == set(catalog.users)
    assert found.isdisjoint({(event["user"], event["item"]) for event in catalog.events})


def test_gone_item_is_no_candidate(retrieved: Nights, catalog: SmallCatalog) -> None:
    victim = min(item for _, item in pairs(retrieved))
    del catalog.items[victim]
    retrieved.run(*RETRIEVAL)
    assert victim not in {item for _, item in pairs(retrieved)}


def test_user_is_offered_one_of_a_group_and_none_of_a_group_they_know(nights: Nights, catalog: SmallCatalog) -> None:
    read = catalog.events[0]
    for number, item in enumerate(["i04", "i04", read["item"]]):
        catalog.items[f"x{number}"] = {**catalog.items[item], "id": f"x{number}"}
    nights.run(*RETRIEVAL)
    found = pairs(nights)
    offered = [[item for item in ("i04", "x0", "x1") if (user, item) in found] for user in catalog.users]
    assert max(map(len, offered)) == 1
    assert (read["user"], "x2") not in found


def test_item_after_which_one_may_come_back_stays_a_candidate(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.head = 'unseen_events = ["view"]'
    nights.run(*RETRIEVAL)
    found = pairs(nights)
    met = {event: {(e["user"], e["item"]) for e in catalog.events if e["event"] == event} for event in ("view", "like")}
    assert found & met["view"]
    assert not found & met["like"]


def test_event_after_the_day_is_not_known_yet(nights: Nights, catalog: SmallCatalog) -> None:
    late = {"user": "u00", "item": "i01", "event": "like", "at": "2026-11-02T00:00:00Z"}
    catalog.events = [event for event in catalog.events if (event["user"], event["item"]) != ("u00", "i01")] + [late]
    nights.run(*RETRIEVAL)
    assert ("u00", "i01") in pairs(nights)
    catalog.events[-1] = {**late, "at": "2026-11-01T23:59:59Z"}
    nights.run(*RETRIEVAL)
    assert ("u00", "i01") not in pairs(nights)


def test_holdout_asks_about_each_known_pair_and_hides_it(retrieved: Nights) -> None:
    asked = pairs(retrieved, "candidates-holdout")
    judged = set(retrieved.rows("select user_id, item_id from current_judge_labels"))
    assert judged <= asked
    # Of a user's six reads the latest one is held out: seen for serving, a candidate here.
    held_out = asked & set(retrieved.rows("select user_id, item_id from interactions"))
    assert {user for user, _ in held_out} == set(retrieved.column("select distinct user_id from interactions"))
    assert not held_out & pairs(retrieved)


def test_shards_hold_whole_users(retrieved: Nights) -> None:
    folder = retrieved.folder / retrieved.value("select folder from stage_outputs where stage = 'candidates'")
    assert len(list(folder.glob("*.parquet"))) == 3
    whole = retrieved.output("candidates")
    retrieved.run("candidates", shard_users=1000)
    assert retrieved.output("candidates").sort("user_id", "item_id").equals(whole.sort("user_id", "item_id"))


def test_candidates_before_embed_say_what_to_run(nights: Nights) -> None:
    with pytest.raises(MissingInputError, match="catalog 'news' has no embedded item; run `nightjar ingest` and"):
        nights.run("ingest", "candidates")


def test_catalog_without_users_runs_to_its_end_and_says_so(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users, catalog.events = {}, []
    reports = nights.run()
    assert reports["candidates"].notes == (
        "the catalog has no active user, so nobody gets a list; `nightjar simulate-users` makes some up",
        "sources that had nothing to go by: relations, item_to_item, collaborative, recent_popularity",
    )
    assert nights.published("recommendations").height == 0
    assert nights.published("item_topics").height == 30
