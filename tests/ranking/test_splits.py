from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.errors import StepError
from tasks.ranking.hashing import hash_ids, hash_pairs
from tasks.ranking.splits import check_splits, is_comparison, split_of


def split(ids, seed=7):
    return split_of(pl.Series(ids, dtype=pl.String), seed=seed, validation_share=0.2, test_share=0.25)


def test_shares_hold_on_average():
    counts = split([f"user {n}" for n in range(20_000)]).value_counts()
    shares = {name: count / 20_000 for name, count in counts.iter_rows()}
    assert shares == pytest.approx({"train": 0.55, "validation": 0.2, "test": 0.25}, abs=0.015)


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.lists(st.text(min_size=1), unique=True))
def test_new_users_move_nobody(ids, more):
    alone = dict(zip(ids, split(ids), strict=True))
    together = dict(zip(more + ids, split(more + ids), strict=True))
    assert {user: together[user] for user in ids} == alone


def test_split_is_the_same_on_every_machine():
    assert hash_ids(pl.Series(["u01"]), 7).tolist() == [2503677465151130996]


def test_half_of_each_split_compares():
    ids = pl.Series([f"user {n}" for n in range(20_000)])
    halves = pl.DataFrame({"split": split(ids.to_list()), "half": is_comparison(ids, seed=7)})
    shares = halves.group_by("split").agg(pl.col("half").mean())["half"].to_list()
    assert shares == pytest.approx([0.5] * 3, abs=0.02)


def test_seed_changes_the_split():
    ids = [f"user {n}" for n in range(200)]
    assert split(ids).to_list() != split(ids, seed=8).to_list()


def test_an_empty_split_is_an_error_with_a_mend():
    with pytest.raises(
        StepError, match=r"split 'validation' has none of the 2 users \(1 train, 0 validation, 1 test\)"
    ):
        check_splits(pl.Series(["train", "test"]))
    check_splits(pl.Series(["train", "test", "validation"]))


def test_pairs_hash_by_both_ids_and_their_order():
    users, items = pl.Series(["a", "a", "b"]), pl.Series(["b", "c", "a"])
    assert len(set(hash_pairs(users, items, seed=1).tolist())) == 3
    assert hash_pairs(users, items, seed=1).tolist() != hash_pairs(users, items, seed=2).tolist()


def test_nothing_hashes_to_nothing():
    assert len(hash_ids(pl.Series([], dtype=pl.String), 1)) == 0
    assert len(split([])) == 0
