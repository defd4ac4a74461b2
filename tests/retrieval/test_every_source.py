"""What every source promises (see Source), for all of them at once: on a random catalog with everything in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.contracts.recommending import CandidatesConfig, SourceName
from tasks.retrieval.build import build_sources, index_recall_of, similarity_of
from tasks.retrieval.candidates import candidates_for_shard
from tasks.retrieval.item_index import unit_rows
from tasks.retrieval.source import AspectVectors, Pairs, SourceInputs
from tasks.retrieval.user_shard import UserQueries

NAMES = get_args(SourceName)
N_ITEMS, N_USERS, DAY = 90, 24, 20_000.0
CONFIG = CandidatesConfig(
    sources=dict.fromkeys(NAMES, 1.0), per_source=15, total=40, exploration_items=4, recent_days=30.0, als_factors=8
)


def make_world(make_index, make_shard, seed=3):
    draw = np.random.default_rng(seed)
    ids = [f"i{n:02}" for n in range(N_ITEMS)]
    vectors = draw.normal(size=(N_ITEMS, 6)).astype(np.float32)
    vectors[::17] = 0.0
    index = make_index(
        ids,
        vectors,
        text=[f"word{n % 7} word{n % 11}" for n in range(N_ITEMS)],
        popularity=draw.integers(0, 5, size=N_ITEMS),
        is_active=[n % 13 != 5 for n in range(N_ITEMS)],
        group_id=[f"g{n // 2}" if n % 10 < 2 else None for n in range(N_ITEMS)],
        published_at=[None if n % 9 == 0 else datetime(1970, 1, 1) + timedelta(days=DAY - n) for n in range(N_ITEMS)],
    )
    users = [f"u{n:02}" for n in range(N_USERS)]
    profiles = draw.normal(size=(N_USERS, 6)).astype(np.float32)
    profiles[::5] = 0.0
    history = [
        (user, str(item), float(draw.uniform(-0.2, 1)), float(draw.integers(0, 60)))
        for user in users[:-3]
        for item in draw.choice(ids, size=6, replace=False)
    ]
    chosen = pl.DataFrame(history, schema=["user_id", "item_id", "weight", "age_days"], orient="row")
    related = pl.DataFrame(
        {
            "item_id": draw.choice(ids, 300),
            "related_id": draw.choice(ids, 300),
            "relation": draw.choice(["author", "series", "sequel"], 300),
            "strength": draw.choice([0.5, 0.8, 1.0], 300),
        }
    )
    told = draw.permutation(N_ITEMS * 2)[: int(N_ITEMS * 1.4)]
    aspects = AspectVectors(
        names=["theme", "setting"],
        items=told // 2,
        aspects=told % 2,
        texts=[f"text {n}" for n in told],
        vectors=unit_rows(draw.normal(size=(len(told), 5)).astype(np.float32))[0],
    )
    asked = UserQueries(
        users=np.repeat(np.arange(0, N_USERS, 2), 3),
        vectors=unit_rows(draw.normal(size=(N_USERS // 2 * 3, 6)).astype(np.float32))[0],
        is_avoided=np.tile([False, False, True], N_USERS // 2),
    )
    inputs = SourceInputs(
        interactions=chosen.filter(pl.col("weight") > 0), relations=related, aspects=aspects, as_of_day=DAY
    )

    def shard_of(places):
        places = np.asarray(places, dtype=np.int64)
        of = np.isin(asked.users, places)
        row = np.full(N_USERS, -1)
        row[places] = np.arange(len(places))
        order = np.argsort(row[asked.users[of]], kind="stable")
        queries = UserQueries(row[asked.users[of]][order], asked.vectors[of][order], asked.is_avoided[of][order])
        names = [users[place] for place in places]
        return make_shard(
            index,
            names,
            profiles=profiles[places],
            texts=[f"word{place % 7}" if place % 4 else "" for place in places],
            history=history,
            queries=queries,
            half_life_days=30.0,
        )

    sources = {source.name: source for source in build_sources(index, CONFIG, inputs=inputs)}
    return SimpleNamespace(index=index, sources=sources, shard_of=shard_of, users=users)


@pytest.fixture
def world(make_index, make_shard):
    return make_world(make_index, make_shard)


def all_pairs(n_users):
    users, items = np.divmod(np.arange(n_users * N_ITEMS), N_ITEMS)
    return Pairs(users, items)


def test_all_sources_are_built_in_the_order_of_the_file(world):
    assert tuple(world.sources) == NAMES
    assert similarity_of(list(world.sources.values())) is not None
    assert index_recall_of(list(world.sources.values())) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [3, 4])
def test_a_list_holds_the_best_scores_of_the_active_items(make_index, make_shard, name, seed):
    world = make_world(make_index, make_shard, seed=seed)
    source, shard = world.sources[name], world.shard_of(range(N_USERS))
    depth = np.arange(N_USERS) * 4 % 31
    found = source.retrieve(shard, depth)
    assert found.schema == {"user": pl.UInt32, "item": pl.UInt32, "score": pl.Float32, "rank": pl.UInt32}
    assert len(found) > 50
    scores = source.score_pairs(shard, all_pairs(N_USERS)).reshape(N_USERS, N_ITEMS)
    for user in range(N_USERS):
        mine = found.filter(pl.col("user") == user)
        items = mine["item"].cast(pl.Int64).to_numpy()
        assert len(items) <= depth[user]
        assert mine["rank"].to_list() == list(range(1, len(items) + 1))
        assert world.index.is_active[items].all()
        assert mine["score"].to_numpy() == pytest.approx(scores[user, items], abs=2e-6)
        rest = np.setdiff1d(np.flatnonzero(world.index.is_active & ~np.isnan(scores[user])), items)
        if 0 < len(items) == depth[user]:
            assert (scores[user, rest] <= scores[user, items[-1]] + 2e-6).all()
        elif depth[user]:
            assert (scores[user, rest] <= 0).all()  # what a source leaves out, it has nothing to say for


@pytest.mark.parametrize("name", NAMES)
def test_a_list_and_its_scores_do_not_depend_on_the_users_around(world, name):
    source, whole = world.sources[name], world.shard_of(range(N_USERS))
    together = source.retrieve(whole, np.full(N_USERS, 12))
    scores = source.score_pairs(whole, all_pairs(N_USERS)).reshape(N_USERS, N_ITEMS)
    for part in ([0], [7, 2], list(range(20, N_USERS))):
        shard = world.shard_of(part)
        alone = source.retrieve(shard, np.full(len(part), 12))
        alone_scores = source.score_pairs(shard, all_pairs(len(part))).reshape(len(part), N_ITEMS)
        for row, user in enumerate(part):
            mine = together.filter(pl.col("user") == user).drop("user")
            assert alone.filter(pl.col("user") == row).drop("user").equals(mine)
            assert np.array_equal(alone_scores[row], scores[user], equal_nan=True)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    part=st.lists(st.integers(0, N_USERS - 1), min_size=1, max_size=6, unique=True),
    fusion=st.sampled_from(["reciprocal-rank", "weighted-scores"]),
)
def test_candidates_do_not_depend_on_the_users_around(world, part, fusion):
    config = CONFIG.model_copy(update={"fusion": fusion})
    sources = list(world.sources.values())
    together = candidates_for_shard(world.index, world.shard_of(range(N_USERS)), sources=sources, config=config)
    alone = candidates_for_shard(world.index, world.shard_of(part), sources=sources, config=config)
    for user in part:
        of = pl.col("user_id") == world.users[user]
        assert alone.frame.filter(of).equals(together.frame.filter(of))


@pytest.mark.parametrize("name", NAMES)
def test_a_source_without_its_input_is_left_out(make_index, name):
    config = CandidatesConfig(sources={name: 1.0})
    built = build_sources(make_index(["a", "b"], np.eye(2)), config, inputs=SourceInputs())
    needs_nothing = {"dense_profile", "dense_history", "bm25", "rewritten_query", "popularity", "exploration"}
    assert [source.name for source in built] == ([name] if name in needs_nothing else [])
