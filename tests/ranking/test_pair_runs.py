"""What the features add up without a loop over users is what a loop gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tasks.ranking import history_features, pair_runs, time_features
from tasks.ranking.evidence import nearest_liked
from tasks.ranking.history_features import history_cosines
from tasks.ranking.inputs import PairRows
from tasks.ranking.item_counts import count_choices
from tasks.ranking.neighbour_features import neighbour_sums
from tasks.ranking.pair_runs import find_entries, look_up
from tasks.ranking.source_features import standardise_column

N_USERS, N_ITEMS, N_PAIRS = 12, 30, 150


@pytest.fixture
def drawn():
    """A shard with histories of different lengths, dislikes and items without a vector, and pairs in no order."""
    draw = np.random.default_rng(5)
    sizes = draw.integers(0, 9, N_USERS)
    n = int(sizes.sum())
    vectors = draw.normal(size=(N_ITEMS, 6)).astype(np.float32)
    vectors[::7] = 0.0
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    items = draw.integers(0, N_ITEMS, n)
    shard = SimpleNamespace(
        user_ids=pl.Series([f"u{user:02}" for user in range(N_USERS)]),
        indptr=np.r_[0, np.cumsum(sizes)],
        history_items=items,
        history_rows=items,
        history_weights=np.where(draw.random(n) < 0.3, -1.0, 1.0),
        history_ages=draw.random(n) * 90,
        item_vectors=vectors,
    )
    catalog = SimpleNamespace(vectors=vectors, has_vector=vectors.any(axis=1))
    rows = PairRows(draw.integers(0, N_USERS, N_PAIRS), draw.integers(0, N_ITEMS, N_PAIRS))
    return SimpleNamespace(shard=shard, catalog=catalog, rows=rows, draw=draw)


def history_of(shard, user, *, liked):
    entries = np.arange(shard.indptr[user], shard.indptr[user + 1])
    return entries[(shard.history_weights[entries] > 0) == liked]


@pytest.mark.parametrize("compiled_items", [0, 10**9])
def test_cosines_with_a_history_are_those_of_a_loop(drawn, monkeypatch, compiled_items):
    monkeypatch.setattr(history_features, "COMPILED_ITEMS", compiled_items)
    found = history_cosines(drawn.shard, drawn.catalog, drawn.rows)
    nearest, cosines = nearest_liked(drawn.shard, drawn.catalog, drawn.rows)
    for pair, (user, item) in enumerate(zip(drawn.rows.users, drawn.rows.items, strict=True)):
        for liked, names in ((True, ("history_max_cosine", "history_mean_cosine")), (False, ("disliked_max_cosine",))):
            entries = history_of(drawn.shard, user, liked=liked)
            entries = entries[drawn.catalog.has_vector[drawn.shard.history_rows[entries]]]
            values = drawn.shard.item_vectors[drawn.shard.history_rows[entries]] @ drawn.catalog.vectors[item]
            is_known = len(entries) > 0 and drawn.catalog.has_vector[item]
            for name, value in zip(names, (values.max(initial=-9), values.sum() / max(1, len(values))), strict=False):
                assert found[name][pair] == pytest.approx(value if is_known else np.nan, abs=2e-6, nan_ok=True)
        liked = history_of(drawn.shard, user, liked=True)
        if len(liked) and drawn.catalog.has_vector[item]:
            values = drawn.shard.item_vectors[drawn.shard.history_rows[liked]] @ drawn.catalog.vectors[item]
            assert cosines[pair] == pytest.approx(values.max(), abs=2e-6)
            assert values[list(liked).index(nearest[pair])] == pytest.approx(values.max(), abs=2e-6)
        else:
            assert nearest[pair] == -1


def test_sums_over_neighbours_are_those_of_a_loop(drawn):
    near = sparse.csr_matrix(drawn.draw.random((N_ITEMS, N_ITEMS)) * (drawn.draw.random((N_ITEMS, N_ITEMS)) < 0.3))
    found = neighbour_sums(drawn.shard, near, drawn.rows)
    table = near.toarray()
    for pair, (user, item) in enumerate(zip(drawn.rows.users, drawn.rows.items, strict=True)):
        liked = history_of(drawn.shard, user, liked=True)
        recency = np.exp2(-(liked - drawn.shard.indptr[user]) / 10.0)
        similar = table[drawn.shard.history_items[liked], item]
        expected = ((similar * recency).sum(), similar.max(initial=0.0)) if len(liked) else (np.nan, np.nan)
        for name, value in zip(("neighbour_recent", "neighbour_max"), expected, strict=True):
            assert found[name][pair] == pytest.approx(value, abs=2e-6, nan_ok=True)


@pytest.mark.parametrize("cost", [0, 10**9])
def test_choices_then_are_the_same_by_product_and_by_entry(drawn, monkeypatch, cost):
    monkeypatch.setattr(time_features, "COST_OF_ENTRY", cost)
    activity = drawn.draw.random((N_USERS, 15))
    daily = sparse.csr_matrix(drawn.draw.integers(0, 3, (N_ITEMS, 15)).astype(np.float64))
    found = time_features._choices_then(activity, daily, drawn.rows)
    assert found == pytest.approx((activity @ daily.toarray().T)[drawn.rows.users, drawn.rows.items])


def test_days_are_spread_as_a_triangle():
    days = np.zeros((2, 70))
    days[0, 3], days[1, 60] = 1.0, 0.5
    distance = np.abs(np.arange(70) - np.array([[3], [60]]))
    expected = np.array([[1.0], [0.5]]) * np.maximum(0.0, 1.0 - distance / time_features.KERNEL_DAYS)
    assert time_features._spread(sparse.csr_matrix(days)) == pytest.approx(expected, abs=1e-9)
    few = time_features._spread(sparse.csr_matrix(days[:1, :5]))
    assert few == pytest.approx(expected[:1, :5], abs=1e-9)


@pytest.mark.parametrize("cells", [0, 10**9])
def test_a_table_is_looked_up_in_either_way(drawn, monkeypatch, cells):
    monkeypatch.setattr(pair_runs, "DENSE_CELLS", cells)
    table = sparse.csr_matrix(drawn.draw.random((N_USERS, 9)) * (drawn.draw.random((N_USERS, 9)) < 0.4))
    rows, columns = drawn.draw.integers(0, N_USERS, 99), drawn.draw.integers(0, 9, 99)
    assert look_up(table, rows, columns) == pytest.approx(table.toarray()[rows, columns])
    assert look_up(sparse.csr_matrix((N_USERS, 9)), rows, columns).sum() == 0.0


def test_entries_of_pairs_add_up_by_pair(drawn):
    labels = sparse.csr_matrix(drawn.draw.random((N_ITEMS, 4)) * (drawn.draw.random((N_ITEMS, 4)) < 0.5))
    entries = find_entries(labels, drawn.rows)
    assert entries.sum_up(entries.shares) == pytest.approx(np.asarray(labels.sum(axis=1)).ravel()[drawn.rows.items])
    assert entries.has_any().tolist() == (np.diff(labels.indptr)[drawn.rows.items] > 0).tolist()


def test_standard_scores_are_polars_own(drawn):
    values = np.where(drawn.draw.random(N_PAIRS) < 0.2, np.nan, drawn.draw.integers(0, 4, N_PAIRS) * 0.1)
    values[drawn.rows.users == 3] = 0.7
    rank = pl.Series("fused_rank", [None if one < 0.3 else 1 for one in drawn.draw.random(N_PAIRS)], dtype=pl.UInt32)
    frame = pl.DataFrame({"user": drawn.rows.users, "fused_rank": rank, "value": pl.Series(values).fill_nan(None)})
    among = pl.col("value").filter(pl.col("fused_rank").is_not_null())
    spread, mean = among.std(ddof=0).over("user"), among.mean().over("user")
    score = pl.when(spread > 1e-9).then((pl.col("value") - mean) / spread).otherwise(pl.col("value") * 0.0)
    expected = frame.select(score.fill_null(float("nan")).alias("z"))["z"].to_numpy()
    found = standardise_column(frame, values, drawn.rows)
    known = ~np.isnan(values)
    assert found[known] == pytest.approx(np.nan_to_num(expected[known]), abs=1e-8)
    assert np.isnan(found[~known]).all()


def test_choices_are_counted_by_item_and_day():
    raw = pl.DataFrame(
        {"item_id": ["a", "a", "a", "b"], "value": [4.0, None, 1.0, None], "age_days": [0.2, 0.9, None, 5000.0]}
    )
    assert count_choices(raw).rows() == [
        ("a", None, None, 1, 1, 1.0),
        ("a", 0, 0.9, 2, 1, 4.0),
        ("b", 1099, 5000.0, 1, 0, 0.0),
    ]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_entries_are_summed_alike_by_the_compiled_loop(drawn, monkeypatch, kind):
    draw = drawn.draw
    matrix = sparse.csr_matrix((draw.random((N_ITEMS, 9)) * 7 * (draw.random((N_ITEMS, 9)) < 0.4)).astype(kind))
    table = draw.random((N_USERS, 9))
    found = pair_runs.sum_entries(matrix, drawn.rows, table)
    assert found == pytest.approx((table @ matrix.toarray().T)[drawn.rows.users, drawn.rows.items])
    monkeypatch.setattr(pair_runs, "COMPILED_PAIRS", 0)
    assert pair_runs.sum_entries(matrix, drawn.rows, table).tolist() == found.tolist()
