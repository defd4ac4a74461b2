"""The top of each user's list: ordered, without near-duplicates, ranked from 1 without a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.ranking.inputs import BoolVector, FloatVector, IntVector

FALLBACK_SOURCE = "fallback"
"""The source of a row that no candidate source found."""


def take_top(scored: pl.DataFrame, *, n: int, groups: pl.DataFrame | None = None) -> pl.DataFrame:
    """The n best rows of each user: all columns of `scored`, and rank (u32, from 1).

    scored: user_id, item_id, score, and any more; equal scores go by fused_rank where there is one, then by item_id.
    groups: item_id, group_code of near-duplicates, of which only the best stays; or scored has the column group_code itself.
    Raises StepError on a NaN score. O(rows log rows).
    """
    if scored["score"].is_nan().any() or scored["score"].null_count():
        bad = scored.filter(pl.col("score").is_nan() | pl.col("score").is_null())["item_id"][0]
        raise StepError(f"item {bad!r} has no score; score every row before the top is taken")
    ties = ["fused_rank"] if "fused_rank" in scored.columns else []
    keys = ["user_id", "score", *ties, "item_id"]
    best = scored.sort(keys, descending=[key == "score" for key in keys], nulls_last=True)
    best = best.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    if "group_code" in best.columns:
        best = best.unique(["user_id", "group_code"], keep="first", maintain_order=True)
    elif groups is not None:
        coded = best.join(groups.select("item_id", "group_code"), on="item_id", how="left", maintain_order="left")
        alone = pl.struct(pl.col("group_code"), pl.when(pl.col("group_code").is_null()).then(pl.col("item_id")))
        best = coded.with_columns(alone.alias("group_code"))
        best = best.unique(["user_id", "group_code"], keep="first", maintain_order=True).drop("group_code")
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user_id")
    return best.with_columns(rank=rank).filter(pl.col("rank") <= n)


@dataclass(frozen=True)
class BestRows:
    """rows: places in what was asked about, users in their order, of each the best first. ranks: (len(rows),) from 1."""

    rows: IntVector
    ranks: IntVector


def take_best(
    users: IntVector,
    scores: FloatVector,
    groups: IntVector,
    *,
    is_shared: BoolVector,
    ties: Sequence[IntVector],
    n: int,
) -> BestRows:
    """What take_top takes, of numbers: users (r,) in any order, finite scores, codes of near-duplicates.

    A user has no item twice. is_shared: the row's group has more than one item. ties: what decides between equal scores, the
    lower first. O(rows log rows).
    """
    by_score = np.argsort(-scores)
    order = by_score[np.argsort(_small(users)[by_score], kind="stable")]
    order = _settle_ties(order, users, scores, ties)
    order = order[~_is_repeated(users[order], groups[order], is_shared[order])]
    of_user = users[order]
    starts = np.flatnonzero(np.r_[True, of_user[1:] != of_user[:-1]][: len(order)])
    ranks = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)])) + 1
    kept = ranks <= n
    return BestRows(order[kept], ranks[kept])


def _small(users: IntVector) -> NDArray[np.integer[Any]]:
    """users in 16 bits where they fit, which numpy sorts by counting."""
    return users.astype(np.uint16) if users.max(initial=0) < 1 << 16 else users


def _settle_ties(order: IntVector, users: IntVector, scores: FloatVector, ties: Sequence[IntVector]) -> IntVector:
    is_same = (users[order][1:] == users[order][:-1]) & (scores[order][1:] == scores[order][:-1])
    if not is_same.any():
        return order
    run = np.cumsum(np.r_[True, ~is_same])
    tied = np.flatnonzero(np.r_[is_same, False] | np.r_[False, is_same])
    rows = order[tied]
    settled = order.copy()
    settled[tied] = rows[np.lexsort((*(tie[rows] for tie in reversed(ties)), run[tied]))]
    return settled


def _is_repeated(users: IntVector, groups: IntVector, is_shared: BoolVector) -> BoolVector:
    """Whether a row of the same user and group stands further up."""
    repeated = np.zeros(len(users), dtype=np.bool_)
    shared = np.flatnonzero(is_shared)
    ordered = shared[np.lexsort((shared, groups[shared], users[shared]))]
    same = (users[ordered][1:] == users[ordered][:-1]) & (groups[ordered][1:] == groups[ordered][:-1])
    repeated[ordered[1:][same]] = True
    return repeated


def list_sources(candidates: pl.DataFrame, *, within: int | None = None) -> pl.Series:
    """For each row the names of the sources that found it, best rank first; ["fallback"] where none did.

    within: only sources that have it among their first so many.
    """
    # By name, so that of equal places the first name comes first.
    names = sorted(
        name.removesuffix("_rank") for name in candidates.columns if name.endswith("_rank") and name != "fused_rank"
    )
    last = np.iinfo(np.uint32).max
    columns = [candidates[f"{name}_rank"].cast(pl.UInt32).fill_null(last).to_numpy() for name in names]
    ranks = np.stack([*columns, np.full(candidates.height, last, dtype=np.uint32)], axis=1)
    is_found = ranks <= (last - 1 if within is None else within)
    is_found[:, -1] = ~is_found.any(axis=1)
    order = np.argsort(ranks, axis=1, kind="stable")
    codes = order[np.take_along_axis(is_found, order, axis=1)]
    offsets = np.r_[0, np.cumsum(is_found.sum(axis=1))].astype(np.int64)
    flat = pl.Series([*names, FALLBACK_SOURCE]).gather(codes).to_arrow()
    return pl.Series("sources", pa.LargeListArray.from_arrays(pa.array(offsets), flat), dtype=pl.List(pl.String))
