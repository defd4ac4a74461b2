"""Splits of an interactions frame into train and test: who or what is unknown decides what a measurement says.

    by_user         whole users are held out: can it serve people whom it never met, from what they tell it?
    by_time         the last share of all interactions by time: will it be right tomorrow? (Meng et al. 2020)
    leave_last_out  each user's last interactions
    cold_items      a share of the items loses all its interactions: does it know an item by its content?
    cold_users      a share of the users keeps only its first interactions: how does it serve newcomers?
    stratified      a random share within each user, or within each item

Frames: user_id, item_id and any more (value, occurred_at); by_time, leave_last_out and cold_users need occurred_at without
nulls. A pair that comes several times falls on one side as a whole, on the side of its last row; so no pair is in both.
Everything goes by hashes of ids and the seed, and ties in time by the hash of the pair: the same frame in any order
splits the same way. O(rows log rows).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.contracts.hashing import hash_ids, hash_pairs

PAIR = ("user_id", "item_id")


@dataclass(frozen=True)
class Split:
    """train and test hold every row of the frame once, with its columns and in its order; no pair is in both."""

    train: pl.DataFrame
    test: pl.DataFrame


def split_by_user(interactions: pl.DataFrame, *, share: float, seed: int) -> Split:
    """All rows of about `share` of the users are test, by the hash of the user's id."""
    return _split_by_id(interactions, "user_id", share=share, seed=seed)


def split_cold_items(interactions: pl.DataFrame, *, share: float, seed: int) -> Split:
    """All rows of about `share` of the items are test, by the hash of the item's id."""
    return _split_by_id(interactions, "item_id", share=share, seed=seed)


def split_by_time(interactions: pl.DataFrame, *, share: float, seed: int) -> Split:
    """The last `share` of the pairs by time are test, at least one: one moment cuts all users' histories."""
    _check_share(share)
    pairs = _pairs_in_time(interactions, seed)
    n_test = max(1, round(len(pairs) * share)) if len(pairs) else 0
    return _divide(interactions, pairs.sort("occurred_at", "coin").tail(n_test))


def split_leave_last_out(interactions: pl.DataFrame, *, seed: int, n_last: int = 1) -> Split:
    """Each user's last n_last pairs are test, if the user has more than that; others stay in train whole."""
    if n_last < 1:
        raise StepError(f"n_last is {n_last}; leave out at least 1")
    pairs = _pairs_in_time(interactions, seed).sort("user_id", "occurred_at", "coin")
    from_end = pl.int_range(pl.len(), 0, -1).over("user_id")
    return _divide(interactions, pairs.filter((pl.len().over("user_id") > n_last) & (from_end <= n_last)))


def split_cold_users(interactions: pl.DataFrame, *, share: float, seed: int, n_known: int = 0) -> Split:
    """About `share` of the users, by hash, keep their first n_known pairs in train; all their others are test."""
    if n_known < 0:
        raise StepError(f"n_known is {n_known}; a newcomer is known by 0 or more interactions")
    pairs = _pairs_in_time(interactions, seed).sort("user_id", "occurred_at", "coin")
    is_cold = pl.Series(_uniform(hash_ids(pairs["user_id"], seed)) < _check_share(share))
    return _divide(interactions, pairs.filter(is_cold & (pl.int_range(pl.len()).over("user_id") >= n_known)))


def split_stratified(
    interactions: pl.DataFrame, *, share: float, seed: int, by: Literal["user", "item"] = "user"
) -> Split:
    """Of each user's (or item's) n pairs round(n * share) are test, halves to even, drawn by the hash of the pair."""
    _check_share(share)
    key = f"{by}_id"
    pairs = _with_coins(interactions.select(PAIR).unique(), seed).sort(key, "coin")
    n_test = (pl.len().over(key) * share).round(mode="half_to_even")
    return _divide(interactions, pairs.filter(pl.int_range(pl.len()).over(key) < n_test))


def check_disjoint(train: pl.DataFrame, test: pl.DataFrame) -> None:
    """Raise StepError when a pair of user and item is in both frames. Every split here has passed it."""
    shared = train.select(PAIR).join(test.select(PAIR), on=PAIR, how="semi")
    if len(shared):
        user, item = shared.sort(PAIR).row(0)
        raise StepError(
            f"user {user!r} and item {item!r} are in train and test, as are {shared.unique().height - 1} other pairs;"
            " put all rows of a pair on one side"
        )


def _split_by_id(interactions: pl.DataFrame, key: str, *, share: float, seed: int) -> Split:
    ids = interactions.select(key).unique()
    chosen = ids.filter(pl.Series(_uniform(hash_ids(ids[key], seed)) < _check_share(share)))
    return _divide(interactions, chosen)


def _divide(interactions: pl.DataFrame, test: pl.DataFrame) -> Split:
    """test: the ids or pairs that are test."""
    keys = [name for name in PAIR if name in test.columns]
    split = Split(
        train=interactions.join(test.select(keys), on=keys, how="anti", maintain_order="left"),
        test=interactions.join(test.select(keys), on=keys, how="semi", maintain_order="left"),
    )
    check_disjoint(split.train, split.test)
    return split


def _pairs_in_time(interactions: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row a pair with the time of its last row."""
    if "occurred_at" not in interactions.columns or interactions["occurred_at"].null_count():
        raise StepError("an interaction has no occurred_at; leave such rows out, or split at random")
    return _with_coins(interactions.group_by(PAIR).agg(pl.col("occurred_at").max()), seed)


def _with_coins(pairs: pl.DataFrame, seed: int) -> pl.DataFrame:
    return pairs.with_columns(pl.Series("coin", hash_pairs(pairs["user_id"], pairs["item_id"], seed=seed)))


def _uniform(hashes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Hashes as numbers in [0, 1)."""
    return hashes.astype(np.float64) / 2.0**64


def _check_share(share: float) -> float:
    if not 0 < share < 1:
        raise StepError(f"share is {share}; a share of test lies between 0 and 1")
    return share
