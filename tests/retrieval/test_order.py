"""Lists are ordered as columns would be, whether they fit one number or not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.contracts.dots import run_dots
from tasks.retrieval.best_query import Queries, score_best
from tasks.retrieval.interests import find_all_interests, find_interests
from tasks.retrieval.item_index import unit_rows
from tasks.retrieval.order import order_hits
from tasks.retrieval.source import Pairs
from tasks.retrieval.vector_search import pair_dots


@pytest.mark.parametrize("scale", [1.0, 1e12])
@pytest.mark.parametrize("is_repeated", [False, True])
def test_hits_are_ordered_as_by_columns(scale, is_repeated):
    draw = np.random.default_rng(3)
    rows = pl.DataFrame({
        "user": draw.integers(0, 40, 3000), "item": draw.integers(0, 60, 3000),
        # Few values, so that there are ties; a large scale does not fit one number with the rest.
        "score": draw.integers(-50, 50, 3000) / 100 * scale,
    })  # fmt: skip
    if not is_repeated:
        rows = rows.unique(["user", "item"], maintain_order=True)
    found = order_hits(*(rows[name].to_numpy() for name in ("user", "item", "score")), is_repeated=is_repeated)
    expected = rows.group_by("user", "item").agg(pl.col("score").max())
    expected = expected.sort("user", "score", "item", descending=[False, True, False])
    assert found.users.tolist() == expected["user"].to_list()
    assert found.items.tolist() == expected["item"].to_list()
    assert found.scores == pytest.approx(expected["score"].to_numpy(), rel=1e-12)
    assert found.ranks.tolist() == expected.select(pl.int_range(1, pl.len() + 1).over("user")).to_series().to_list()


def test_no_hits_have_no_order():
    nothing = np.empty(0, dtype=np.int64)
    assert order_hits(nothing, nothing, np.empty(0)).ranks.tolist() == []


def test_dots_of_runs_are_those_of_their_pairs():
    draw = np.random.default_rng(1)
    left, right = (draw.normal(size=(n, 24)).astype(np.float32) for n in (7, 90))
    items = draw.integers(0, 90, 300)
    starts, lengths = np.array([0, 0, 70, 299, 10]), np.array([70, 33, 200, 1, 0])
    found = run_dots(left, np.array([3, 4, 0, 6, 1]), right, items, starts=starts, lengths=lengths)
    rows = np.repeat([3, 4, 0, 6, 1], lengths)
    places = np.concatenate([items[start : start + n] for start, n in zip(starts, lengths, strict=True)])
    assert found == pytest.approx(np.einsum("ij,ij->i", left[rows], right[places], dtype=np.float64), abs=1e-5)
    shuffled = draw.permutation(300)
    alone = pair_dots(left, shuffled % 7, right, items[shuffled])
    together = pair_dots(left, np.sort(shuffled % 7), right, items[shuffled][np.argsort(shuffled % 7, kind="stable")])
    # In whatever company a pair is scored, its score is the same.
    assert alone[np.argsort(shuffled % 7, kind="stable")].tolist() == together.tolist()


def test_the_best_query_is_that_of_a_loop_over_users():
    draw = np.random.default_rng(2)
    vectors, _ = unit_rows(draw.normal(size=(40, 8)).astype(np.float32))
    owners = np.sort(draw.integers(0, 9, 30))
    queries = Queries(owners, draw.integers(0, 40, 30), -draw.random(30) / 10, vectors)
    pairs = Pairs(draw.integers(0, 11, 200), draw.integers(0, 40, 200))
    scores, best = score_best(queries, pairs, vectors)
    for user, item, score, first in zip(pairs.users, pairs.items, scores, best, strict=True):
        mine = np.flatnonzero(owners == user)
        if not len(mine):
            assert (np.isnan(score), first) == (True, -1)
            continue
        worth = np.round(np.round(vectors[queries.rows[mine]] @ vectors[item], 6) + queries.offsets[mine], 6)
        assert score == pytest.approx(worth.max(), abs=2e-6)
        assert worth[list(mine).index(first)] == pytest.approx(worth.max(), abs=2e-6)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_interests_of_many_users_are_those_of_each(is_compiled):
    draw = np.random.default_rng(4)
    centres = draw.normal(size=(5, 16))
    sizes = [1, 7, 20, 3, 12]
    users = np.repeat([0, 2, 3, 7, 9], sizes)
    vectors, _ = unit_rows(
        (centres[draw.integers(0, 5, len(users))] + 0.3 * draw.normal(size=(len(users), 16))).astype("f4")
    )
    weights = draw.random(len(users)) + 0.1
    together = find_all_interests(
        vectors, np.arange(len(users)), weights, users=users, limit=4, is_compiled=is_compiled
    )
    assert set(together.users) == {0, 2, 3, 7, 9}
    for user in np.unique(users):
        mine, own = users == user, together.users == user
        alone = find_interests(vectors[mine], weights[mine], limit=4)
        assert together.centroids[own] == pytest.approx(alone.centroids, abs=1e-6)
        assert together.shares[own] == pytest.approx(alone.shares)


@pytest.mark.parametrize("limit", [1, 3, 6])
def test_compiled_interests_are_those_of_numpy(limit):
    draw = np.random.default_rng(limit)
    users = np.sort(draw.integers(0, 40, 300))
    vectors = unit_rows(draw.normal(size=(80, 8)).astype("f4"))[0]
    vectors[1] = vectors[0]
    rows, weights = draw.integers(0, 80, 300), draw.integers(1, 4, 300) / 3.0
    expected = find_all_interests(vectors, rows, weights, users=users, limit=limit)
    found = find_all_interests(vectors, rows, weights, users=users, limit=limit, is_compiled=True)
    assert found.users.tolist() == expected.users.tolist()
    assert found.shares == pytest.approx(expected.shares)
    assert found.centroids == pytest.approx(expected.centroids, abs=1e-6)
    nothing = find_all_interests(vectors, rows[:0], weights[:0], users=users[:0], limit=limit, is_compiled=True)
    assert nothing.centroids.shape == (0, 8)
