"""New users: onboarding answers become history and profile, a segment stands in for both, and nobody gets an empty list."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.loading.arrays import load_catalog_arrays, load_shard
from tasks.loading.history import make_history
from tasks.loading.truth import read_truth
from tasks.retrieval.user_shard import UserShard
from tests.night import Nights, SmallCatalog
from tests.warehouse.filled_warehouse import insert
from warehouse.connection import open_warehouse

STAGES = ("ingest", "embed", "candidates")
BLANK = {"interests": "", "summary": ""}


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """Three newcomers, u97 to u99, of whom the test says more."""
    catalog.judge = "pairs_per_user = 0\nevaluation_pairs_per_user = 0"
    for user in ("u97", "u98", "u99"):
        catalog.users[user] = {"id": user, **BLANK}
    return catalog


def first_items(nights: Nights, user: str, n: int = 5) -> list[str]:
    found = nights.output("candidates")
    return found.filter(found["user_id"] == user).sort("fused_rank")["item_id"].head(n).to_list()


def load(nights: Nights, *users: str, fold: int | None = None) -> UserShard:
    with open_warehouse(nights.folder) as warehouse:
        context = nights.context()
        make_history(warehouse, context)
        index = load_catalog_arrays(warehouse, context, fold=fold).index
        return load_shard(warehouse, context, index, user_ids=users, fold=fold)


def history_of(shard: UserShard) -> list[int]:
    return [int(item) for item in shard.history_items]


def test_user_of_whom_nothing_is_known_gets_what_is_popular(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more = "[candidates.sources]\npopularity = 1.0"
    nights.run(*STAGES)
    chosen = nights.rows("select item_id, sum(weight) from weighted_interactions group by all order by 2 desc, 1")
    assert set(first_items(nights, "u97", 3)) <= {item for item, _ in chosen[:6]}
    assert len(first_items(nights, "u97", 100)) == 30


def test_user_with_a_segment_gets_what_is_popular_there(nights: Nights, catalog: SmallCatalog) -> None:
    for number in range(20):
        catalog.users[f"u{number:02d}"]["segment"] = "cooks" if number % 3 == 2 else "others"
    catalog.users["u98"]["segment"] = "cooks"
    catalog.users["u99"]["segment"] = "nobody else"
    nights.run(*STAGES)
    liked = "select item_id from weighted_interactions join users using (user_id) where segment = 'cooks' and event = 'like'"
    assert set(first_items(nights, "u98", 3)) <= set(nights.column(liked))
    assert first_items(nights, "u99", 30) == first_items(nights, "u97", 30) != first_items(nights, "u98", 30)


def test_answers_that_name_items_are_history_that_is_seen(nights: Nights, catalog: SmallCatalog) -> None:
    title = catalog.items["i08"]["title"]
    catalog.users["u98"]["onboarding"] = f"i05;{title.upper()};food"
    nights.run(*STAGES)
    shard = load(nights, "u97", "u98")
    assert history_of(shard) == [5, 8]
    assert (shard.history_weights.tolist(), shard.history_ages.tolist()) == ([1.0, 1.0], [0.0, 0.0])
    assert shard.seen_items.tolist() == [5, 8]
    assert shard.profile_texts == ["", "food"]
    assert shard.has_profile.tolist() == [False, True]
    found = first_items(nights, "u98", 100)
    assert len(found) == 28
    assert {"i05", "i08"}.isdisjoint(found)
    # i05 and i08 are of food, as are i02, i11, …
    assert all(int(item[1:]) % 3 == 2 for item in found[:3])


def test_five_answers_count_and_more_are_told(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u98"]["onboarding"] = "i05;bread;soup;cheese;market;i08"
    catalog.users["u99"]["onboarding"] = "bread"
    report = nights.run(*STAGES)["candidates"]
    shard = load(nights, "u98", "u99")
    assert shard.profile_texts == ["bread, soup, cheese, market", "bread"]
    assert history_of(shard) == [5]
    assert "1 users gave more than 5 onboarding answers: the first count" in report.notes


def test_answers_change_the_hash_of_a_profile_and_a_segment_does_not(nights: Nights, catalog: SmallCatalog) -> None:
    query = "select profile_hash from users where user_id in ('u00', 'u98', 'u99') order by user_id"
    nights.run("ingest")
    before = nights.column(query)
    catalog.users["u98"]["segment"] = "cooks"
    catalog.users["u99"]["onboarding"] = "bread"
    nights.run("ingest")
    assert [new == old for new, old in zip(nights.column(query), before, strict=True)] == [True, True, False]
    assert nights.rows("select segment, onboarding from users where user_id >= 'u98' order by user_id") == [
        ("cooks", []),
        ("", ["bread"]),
    ]


def test_what_a_user_did_counts_before_what_they_said(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u98"]["onboarding"] = "i05;i08"
    catalog.events_weights = "view = 0.3\nlike = 1.0\nskip = -1.0"
    catalog.events.append({"user": "u98", "item": "i05", "event": "skip", "at": "2026-10-20T08:00:00Z"})
    nights.run(*STAGES)
    shard = load(nights, "u98")
    assert dict(zip(shard.history_items.tolist(), np.sign(shard.history_weights), strict=True)) == {5: -1.0, 8: 1.0}


def test_held_out_item_is_not_known_by_its_onboarding_answer(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u98"]["onboarding"] = "i05;i11"
    for item, day in (("i08", 1), ("i05", 2)):
        catalog.events.append({"user": "u98", "item": item, "event": "like", "at": f"2026-10-0{day}T08:00:00Z"})
    nights.run(*STAGES)
    assert sorted(history_of(load(nights, "u98"))) == [5, 8, 11]
    held_out = load(nights, "u98", fold=0)
    assert sorted(history_of(held_out)) == [8, 11]
    assert held_out.seen_items.tolist() == [8, 11]


def test_judged_pair_that_the_user_named_is_no_truth(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.users["u98"]["onboarding"] = "i05"
    nights.run("ingest")
    hashes = dict(nights.rows("select item_id, content_hash from items"))
    profile = nights.value("select profile_hash from users where user_id = 'u98'")
    with open_warehouse(nights.folder) as warehouse:
        for task in ("judge", "judge_design"):
            insert(warehouse, "active_fingerprints", {"catalog": "news", "task": task, "fingerprint": "f"})
        for item in ("i05", "i06"):
            pair = {"profile_hash": profile, "content_hash": hashes[item]}
            sample = {**pair, "catalog": "news", "user_id": "u98", "item_id": item, "design": "f"}
            insert(warehouse, "judge_samples", {**sample, "sampling_probability": 1.0})
            insert(warehouse, "judge_labels", {**pair, "fingerprint": "f", "relevance": 3})
    with open_warehouse(nights.folder) as warehouse:
        make_history(warehouse, nights.context())
        truth = read_truth(warehouse, nights.context(), ["u98"], fold=0)
    assert truth["item_id"].to_list() == ["i06"]


def test_item_of_another_catalog_that_is_named_is_foreign_history(nights: Nights, catalog: SmallCatalog) -> None:
    other = SmallCatalog(catalog.folder.parent / "books", "books", n_users=0, seed=2)
    other.has_users, other.events = False, []
    other.items = {"b1": {**other.items["i02"], "id": "b1", "title": "A Bread Book"}}
    catalog.users["u98"]["onboarding"] = "a bread book"
    nights.catalogs = [catalog, other]
    nights.run("ingest", "embed")
    shard = load(nights, "u98")
    assert history_of(shard) == [-1]
    assert shard.item_titles == ["A Bread Book"]
    assert shard.profile_texts == [""]
