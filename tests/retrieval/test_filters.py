from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tasks.contracts.recommending import CandidatesConfig, RuleConfig
from tasks.retrieval import allowed_lists
from tasks.retrieval.build import build_sources
from tasks.retrieval.candidates import candidates_for_shard
from tasks.retrieval.filters import find_exclusions
from tasks.retrieval.source import rank_hits

POPULAR = CandidatesConfig(sources={"popularity": 1.0}, per_source=10, total=10)
ENGLISH = RuleConfig(name="language", item="language", test="equal", value="en")


def find(index, shard, config=POPULAR, **more):
    return candidates_for_shard(index, shard, sources=build_sources(index, config), config=config, **more)


def lists_of(frame):
    return {user: rows["item_id"].to_list() for (user,), rows in frame.group_by("user_id", maintain_order=True)}


def test_every_reason_is_counted_once_and_keeps_the_item_out(make_index, make_shard):
    index = make_index(
        list("abcdefgh"),
        popularity=range(8, 0, -1),
        group_id=["g", "g", "h", "h", None, None, None, None],
        blocked=["a"],
        fields=pl.DataFrame({"language": ["en"] * 5 + ["de", "de", "en"]}),
    )
    shard = make_shard(index, ["u"], history=[("u", item, 1.0, 0.0) for item in "bcf"])
    found = find(index, shard, rules=[ENGLISH])
    assert lists_of(found.frame) == {"u": ["e", "h"]}
    reasons = {"blocked": 2, "seen": 2, "duplicate_of_seen": 1, "rule:language": 1}
    assert found.dropped == {"inactive": 0, **reasons, "duplicate": 0, "beyond_total": 0}


def test_a_block_of_one_user_is_no_block_of_others(make_index, make_shard):
    index = make_index(list("abc"), popularity=[3, 2, 1], group_id=["g", "g", None])
    blocked = pl.DataFrame({"user_id": ["u"], "item_id": ["b"]})
    found = find(index, make_shard(index, ["u", "v"], blocked=blocked))
    assert lists_of(found.frame) == {"u": ["c"], "v": ["a", "c"]}
    assert found.dropped["blocked"] == 2


def test_the_first_rule_that_fails_counts(make_index, make_shard):
    fields = pl.DataFrame({"language": ["en", "de", "en"], "price": [1.0, 9.0, 9.0]})
    cheap = RuleConfig(name="cheap", item="price", test="at_most", value=5)
    index = make_index(list("abc"), popularity=[3, 2, 1], fields=fields)
    found = find(index, make_shard(index, ["u"]), rules=[ENGLISH, cheap])
    assert lists_of(found.frame) == {"u": ["a"]}
    assert (found.dropped["rule:language"], found.dropped["rule:cheap"]) == (1, 1)


class Careless:
    """A source that proposes what is inactive, too."""

    name = "popularity"

    def retrieve(self, shard, depth):
        items = np.arange(min(int(depth[0]), 3))
        return rank_hits(np.zeros(len(items), np.int64), items, 9.0 - items, depth=depth)

    def score_pairs(self, shard, pairs):
        return 9.0 - pairs.items


def test_an_inactive_item_of_a_source_is_dropped_and_counted(make_index, make_shard):
    index = make_index(list("abc"), is_active=[True, False, True])
    found = candidates_for_shard(index, make_shard(index, ["u"]), sources=[Careless()], config=POPULAR)
    assert lists_of(found.frame) == {"u": ["a", "c"]}
    assert found.dropped["inactive"] == 1


def test_a_rule_that_hides_most_items_leaves_a_full_list(make_index, make_shard, monkeypatch):
    monkeypatch.setattr(allowed_lists, "BLOCK_HITS", 50)
    n = 600
    language = ["en" if place % 40 == 39 else "de" for place in range(n)]
    index = make_index(
        [f"{place:03}" for place in range(n)], popularity=range(n, 0, -1), fields=pl.DataFrame({"language": language})
    )
    shard = make_shard(index, [f"u{user}" for user in range(7)], history=[("u3", "039", 1.0, 0.0)])
    found = find(index, shard, rules=[ENGLISH])
    expected = [f"{place:03}" for place in range(39, n, 40)]
    assert lists_of(found.frame)["u0"] == expected[:10]
    assert lists_of(found.frame)["u3"] == expected[1:11]
    assert found.frame["popularity_rank"].max() == 10
    # All that stands above the tenth item that may be shown was dropped by the rule: 10 * 39 for six users, one more 40.
    assert found.dropped["rule:language"] == 6 * 390 + 429


def test_allowed_items_are_counted_for_each_user(make_index, make_shard):
    draw = np.random.default_rng(0)
    ids = [f"{n:02}" for n in range(60)]
    fields = pl.DataFrame({"language": draw.choice(["en", "de"], 60), "min_age": draw.choice([0, 12, 18], 60)})
    index = make_index(
        ids, fields=fields, blocked=["03"], is_active=draw.random(60) > 0.2, group_id=[f"g{n // 2}" for n in range(60)]
    )
    history = [(f"u{user}", str(item), 1.0, 0.0) for user in range(9) for item in draw.choice(ids, 5, replace=False)]
    shard = make_shard(index, [f"u{n}" for n in range(9)], history=history, fields={"age": draw.integers(5, 30, 9)})
    rules = [ENGLISH, RuleConfig(name="age", item="min_age", test="at_most", user="age")]
    exclusions = find_exclusions(index, shard, rules)
    users, items = np.divmod(np.arange(9 * 60), 60)
    is_allowed = exclusions.codes_of(users, items).reshape(9, 60) == 0
    assert exclusions.count_allowed().tolist() == is_allowed.sum(axis=1).tolist()
    half = exclusions.only(np.arange(60) % 2 == 0)
    assert half.count_allowed().tolist() == is_allowed[:, ::2].sum(axis=1).tolist()


def test_a_new_user_gets_what_is_popular_in_the_segment_first(make_index, make_shard):
    index = make_index(list("abcd"), popularity=[9, 0, 1, 0], published_at=[None, None, None, datetime(2024, 1, 1)])
    segments = pl.DataFrame(
        {
            "segment": ["de", "de", "de", "fr"],
            "item_id": ["b", "d", "gone", "c"],
            "popularity": [2.0, 1.0, 9.0, 1.0],
        }
    )
    shard = make_shard(
        index,
        ["new", "regular", "stranger"],
        history=[("regular", "b", 1.0, 0.0)],
        fields={"segment": ["de", "de", None]},
    )
    config = CandidatesConfig(sources={"dense_profile": 1.0}, per_source=10, total=10)
    found = find(index, shard, config, segment_popularity=segments)
    assert lists_of(found.frame) == {"new": list("bdac"), "regular": list("acd"), "stranger": list("acdb")}


def test_the_fallback_respects_every_filter_and_near_duplicates(make_index, make_shard):
    index = make_index(
        list("abcdef"),
        blocked=["a"],
        group_id=["g", "g", None, None, "h", "h"],
        fields=pl.DataFrame({"language": ["en", "en", "de", "en", "de", "en"]}),
    )
    config = CandidatesConfig(sources={"dense_profile": 1.0}, per_source=10, total=10)
    found = find(index, make_shard(index, ["u", "v"], history=[("u", "d", 1.0, 0.0)]), config, rules=[ENGLISH])
    assert lists_of(found.frame) == {"u": ["f"], "v": ["d", "f"]}


@pytest.mark.parametrize(("top_n", "n_short"), [(None, 1), (2, 0), (3, 1), (50, 1)])
def test_short_lists_are_told_where_the_catalog_has_enough(make_index, make_shard, top_n, n_short):
    index = make_index([f"{n}" for n in range(6)], popularity=range(6), group_id=["g", "g", None, None, None, None])
    shard = make_shard(index, ["u", "v"], history=[("u", item, 1.0, 0.0) for item in ("2", "3", "4")])
    found = find(index, shard, CandidatesConfig(sources={"popularity": 1.0}, per_source=4, total=4), top_n=top_n)
    assert {user: len(items) for user, items in lists_of(found.frame).items()} == {"u": 2, "v": 5 if top_n == 50 else 4}
    assert found.n_short == n_short


def test_nobody_has_an_empty_list_while_an_item_is_allowed(make_index, make_shard):
    draw = np.random.default_rng(5)
    ids = [f"{n:02}" for n in range(30)]
    index = make_index(ids, draw.normal(size=(30, 4)), popularity=draw.integers(0, 3, 30))
    users = [f"u{n}" for n in range(40)]
    history = [
        (user, str(item), 1.0, 0.0)
        for n, user in enumerate(users)
        for item in draw.choice(ids, min(n, 29), replace=False)
    ]
    found = find(index, make_shard(index, users, history=history), CandidatesConfig(per_source=3, total=3))
    assert set(found.frame["user_id"]) == set(users)
