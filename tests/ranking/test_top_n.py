from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.errors import StepError
from tasks.ranking.top_n import list_sources, take_best, take_top

SCORED = st.lists(
    st.tuples(st.sampled_from("uvw"), st.sampled_from("abcdefgh"), st.integers(0, 3)),
    unique_by=lambda row: row[:2],
    max_size=24,
)
SCHEMA = {"user_id": pl.String, "item_id": pl.String, "score": pl.Float64}
GROUPS = pl.DataFrame({"item_id": list("abcd"), "group_code": [1, 1, 2, 3]})


def scored(rows):
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@settings(max_examples=80, deadline=None)
@given(SCORED, st.integers(1, 5), st.randoms())
def test_lists_are_gapless_ordered_and_independent_of_the_order_of_rows(rows, n, random):
    top = take_top(scored(rows), n=n, groups=GROUPS)
    codes = dict(GROUPS.iter_rows())
    for (user,), own in top.group_by("user_id"):
        assert own["rank"].to_list() == list(range(1, len(own) + 1))
        assert own["score"].to_list() == sorted(own["score"], reverse=True)
        assert len({codes.get(item, item) for item in own["item_id"]}) == len(own)
        assert len(own) == min(n, len({codes.get(row[1], row[1]) for row in rows if row[0] == user}))
    random.shuffle(rows)
    assert take_top(scored(rows), n=n, groups=GROUPS).equals(top)


def test_equal_scores_go_by_fused_rank_then_item():
    frame = scored([("u", "c", 1.0), ("u", "a", 1.0), ("u", "b", 1.0)]).with_columns(fused_rank=pl.Series([2, 2, 1]))
    assert take_top(frame, n=3)["item_id"].to_list() == ["b", "a", "c"]


def test_the_best_of_a_group_stays():
    top = take_top(scored([("u", "a", 1.0), ("u", "b", 2.0), ("u", "c", 0.5)]), n=3, groups=GROUPS)
    assert top["item_id"].to_list() == ["b", "c"]


def test_a_row_without_a_score_is_refused():
    with pytest.raises(StepError, match="item 'a' has no score"):
        take_top(scored([("u", "a", float("nan"))]), n=1)


def test_sources_are_named_best_rank_first():
    frame = pl.DataFrame(
        {"fused_rank": [1, 2], "bm25_rank": [4, None], "popularity_rank": [2, None], "bm25_score": [1, 1]}
    )
    assert list_sources(frame).to_list() == [["popularity", "bm25"], ["fallback"]]
    assert list_sources(frame, within=3).to_list() == [["popularity"], ["fallback"]]


@pytest.mark.parametrize("seed", range(8))
def test_best_rows_are_those_of_the_frame(seed: int) -> None:
    """Few scores, so that there are many ties; few groups, so that much falls out; users in disorder; some without any row."""
    chance = np.random.default_rng(seed)
    n_users, n_items = 9, 30
    pairs = chance.permutation(n_users * n_items)[:150]
    users, items = np.divmod(pairs, n_items)
    users[users == 4] = 5
    kept = np.unique(users * n_items + items, return_index=True)[1]
    users, items = users[kept], items[kept]
    scores = chance.integers(0, 4, len(users)) / 4
    places = chance.permutation(len(users))
    codes = chance.integers(0, 20, n_items)
    sizes = np.bincount(codes, minlength=20)
    frame = pl.DataFrame({
        "user_id": [f"u{user}" for user in users], "item_id": [f"i{item:02d}" for item in items], "score": scores,
        "fused_rank": places, "row": np.arange(len(users)), "group_code": codes[items],
    })  # fmt: skip
    expected = take_top(frame, n=4)
    found = take_best(users, scores, codes[items], is_shared=(sizes > 1)[codes[items]], ties=[places, items], n=4)
    assert found.rows.tolist() == expected["row"].to_list()
    assert found.ranks.tolist() == expected["rank"].to_list()
