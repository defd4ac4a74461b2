from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tasks.contracts.errors import StepError
from tasks.evaluation.splits import (
    check_disjoint,
    split_by_time,
    split_by_user,
    split_cold_items,
    split_cold_users,
    split_leave_last_out,
    split_stratified,
)

START = datetime(2026, 1, 1)
SPLITTERS = {
    "by_user": lambda rows, seed: split_by_user(rows, share=0.3, seed=seed),
    "by_time": lambda rows, seed: split_by_time(rows, share=0.2, seed=seed),
    "leave_last_out": lambda rows, seed: split_leave_last_out(rows, seed=seed),
    "cold_items": lambda rows, seed: split_cold_items(rows, share=0.3, seed=seed),
    "cold_users": lambda rows, seed: split_cold_users(rows, share=0.3, seed=seed, n_known=2),
    "stratified_user": lambda rows, seed: split_stratified(rows, share=0.25, seed=seed),
    "stratified_item": lambda rows, seed: split_stratified(rows, share=0.25, seed=seed, by="item"),
}


@pytest.fixture(scope="module")
def interactions():
    """30 users, 20 items, pairs that repeat and times that tie."""
    draw = np.random.default_rng(3)
    rows = [
        (f"u{user:02}", f"i{item:02}", float(draw.integers(1, 6)), START + timedelta(days=int(draw.integers(0, 40))))
        for user in range(30)
        for item in draw.choice(20, size=int(draw.integers(3, 15)))
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "value", "occurred_at"], orient="row")


@pytest.mark.parametrize("name", SPLITTERS)
def test_every_row_is_on_one_side_and_no_pair_on_both(interactions, name):
    split = SPLITTERS[name](interactions, 1)
    assert len(split.train) > 0
    assert len(split.test) > 0
    assert pl.concat([split.train, split.test]).sort(pl.all()).equals(interactions.sort(pl.all()))
    assert not set(split.train.select("user_id", "item_id").rows()) & set(
        split.test.select("user_id", "item_id").rows()
    )


@pytest.mark.parametrize("name", SPLITTERS)
def test_the_order_of_rows_changes_nothing(interactions, name):
    split = SPLITTERS[name](interactions, 1)
    again = SPLITTERS[name](interactions.sample(fraction=1.0, shuffle=True, seed=9), 1)
    assert again.test.sort(pl.all()).equals(split.test.sort(pl.all()))


@pytest.mark.parametrize("name", sorted(set(SPLITTERS) - {"by_time", "leave_last_out"}))
def test_another_seed_splits_otherwise(interactions, name):
    assert not SPLITTERS[name](interactions, 1).test.equals(SPLITTERS[name](interactions, 2).test)


def test_by_user_and_cold_items_share_no_id(interactions):
    users, items = split_by_user(interactions, share=0.3, seed=1), split_cold_items(interactions, share=0.3, seed=1)
    assert not set(users.train["user_id"]) & set(users.test["user_id"])
    assert not set(items.train["item_id"]) & set(items.test["item_id"])


def test_by_time_nothing_known_is_later_than_what_is_asked(interactions):
    split = split_by_time(interactions, share=0.2, seed=1)
    last = split.test.group_by("user_id", "item_id").agg(pl.col("occurred_at").max())
    assert split.train["occurred_at"].max() <= last["occurred_at"].min()
    n_pairs = interactions.select("user_id", "item_id").n_unique()
    assert len(last) == round(0.2 * n_pairs)


def test_leave_last_out_takes_each_users_last_pair(interactions):
    split = split_leave_last_out(interactions, seed=1)
    assert (split.test.select("user_id", "item_id").unique().group_by("user_id").len()["len"] == 1).all()
    known = split.train.group_by("user_id").agg(known=pl.col("occurred_at").max())
    asked = split.test.group_by("user_id").agg(asked=pl.col("occurred_at").max())
    assert known.join(asked, on="user_id").select((pl.col("known") <= pl.col("asked")).all()).item()


def test_leave_last_out_leaves_a_user_with_one_pair_alone():
    rows = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "occurred_at": [START]})
    assert split_leave_last_out(rows, seed=0).test.is_empty()


def test_cold_users_keep_their_first_pairs(interactions):
    split = split_cold_users(interactions, share=0.3, seed=1, n_known=2)
    cold = split.train.join(split.test.select("user_id"), on="user_id", how="semi")
    assert (cold.select("user_id", "item_id").unique().group_by("user_id").len()["len"] == 2).all()


def test_stratified_takes_the_share_of_each_group(interactions):
    split = split_stratified(interactions, share=0.25, seed=1, by="item")
    pairs = interactions.select("user_id", "item_id").unique().group_by("item_id").len("n")
    taken = split.test.select("user_id", "item_id").unique().group_by("item_id").len("taken")
    both = pairs.join(taken, on="item_id", how="left").fill_null(0)
    assert [round(n * 0.25) for n in both["n"]] == both["taken"].to_list()


def test_a_pair_on_both_sides_is_named():
    frame = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]})
    with pytest.raises(StepError, match="user 'v' and item 'b' are in train and test, as are 0 other pairs"):
        check_disjoint(frame, frame.tail(1))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (lambda rows: split_by_time(rows.drop("occurred_at"), share=0.2, seed=0), "no occurred_at"),
        (lambda rows: split_by_user(rows, share=1.0, seed=0), r"share is 1\.0"),
        (lambda rows: split_leave_last_out(rows, seed=0, n_last=0), "n_last is 0"),
        (lambda rows: split_cold_users(rows, share=0.2, seed=0, n_known=-1), "n_known is -1"),
    ],
)
def test_impossible_splits_are_refused(interactions, split, message):
    with pytest.raises(StepError, match=message):
        split(interactions)
