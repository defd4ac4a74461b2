"""The last places of each list, kept for items that were drawn at random, with the chance that each had.

What is shown by chance can be weighted by the inverse of that chance, and so tells without bias what users would make of
items that the ranker never shows. Time O(rows log rows).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tasks.ranking.hashing import hash_pairs


@dataclass(frozen=True)
class Filled:
    """frame: lists with rank; propensity is null but for drawn items. n_unfilled: slots that stayed the ranker's."""

    frame: pl.DataFrame
    n_unfilled: int


def fill_slots(lists: pl.DataFrame, scored: pl.DataFrame, *, slots: int, top_n: int, seed: int) -> Filled:
    """The first top_n - slots of each list, then drawn items; a slot without an eligible item keeps the list's own.

    lists: user_id, item_id, group_code, rank (from 1), sorted by user and rank, at most top_n each. scored: the same
    columns but rank, with propensity: rows where it is not null are drawn from. Eligible is what stands in no higher
    place, nor a near-duplicate of it. Of m eligible items min(slots, m) are taken by a hash of user, item and seed, each
    with the chance propensity * min(1, slots / m).
    """
    blank = lists.with_columns(propensity=pl.lit(None, dtype=pl.Float64))
    if slots == 0:
        return Filled(blank, 0)
    keys, place = ["user_id", "group_code"], pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    head = blank.filter(pl.col("rank") <= top_n - slots)
    explored = scored.filter(pl.col("propensity").is_not_null()).join(head, on=keys, how="anti")
    coins = pl.Series("coin", hash_pairs(explored["user_id"], explored["item_id"], seed=seed), dtype=pl.UInt64)
    by_coin = explored.with_columns(coins).sort("user_id", "coin", "item_id")
    eligible = by_coin.unique(keys, keep="first", maintain_order=True)
    chance = pl.col("propensity") * (slots / pl.len().over("user_id")).clip(upper_bound=1.0)
    drawn = eligible.with_columns(rank=place, propensity=chance).filter(pl.col("rank") <= slots)
    # Nothing drawn is in the head, so that only the places below it can lose a row here.
    others = blank.join(drawn, on=keys, how="anti", maintain_order="left")
    counts = drawn.group_by("user_id").agg(n_drawn=pl.len())
    room = top_n - pl.col("n_drawn").fill_null(0).cast(pl.Int64)
    kept = others.join(counts, on="user_id", how="left", maintain_order="left").filter(place <= room)
    parts = [kept.select(blank.columns), drawn.select(blank.columns)]
    whole = pl.concat([part.with_columns(part=number) for number, part in enumerate(parts)])
    ordered = whole.sort("user_id", "part", "rank").drop("part").with_columns(rank=place)
    return Filled(ordered, lists["user_id"].n_unique() * slots - drawn.height)
