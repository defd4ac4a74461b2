"""From the ranker's scores to the list that is served: one of each near-duplicate group, diverse, of the user's own mix.

With diversity, calibration and exploration_slots 0 it is what `take_top` takes. Else the POOL best of a user are arranged
by `greedy`, and the last places go to `exploration`. Frames in, frames out. Time O(users * top_n * pool * (d + topics)),
memory O(rows + BLOCK_CELLS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import RecommendConfig
from tasks.ranking.affinity import user_shares
from tasks.ranking.exploration import fill_slots
from tasks.ranking.greedy import Pools, pick_in_turn, scale_within
from tasks.ranking.inputs import CatalogArrays, FloatVector, IntVector, LabelMatrix, PairRows, ShardArrays
from tasks.ranking.pair_places import locate_pairs
from tasks.ranking.top_n import BestRows, take_best

POOL = 100
"""How many of a user's best are arranged, or twice top_n where that is more."""

BLOCK_CELLS = 16_000_000
LAST = (1 << 32) - 1
"""Where a row without a place in the fused list stands among equal scores."""


@dataclass(frozen=True)
class Arrangement:
    """frame: the rows of the lists with rank (u32, from 1) and propensity (f64, null but for explored items).

    n_short: lists with fewer than top_n items. n_unfilled: exploration slots for which no item was left.
    """

    frame: pl.DataFrame
    n_short: int
    n_unfilled: int


def arrange_lists(
    scored: pl.DataFrame,
    *,
    catalog: CatalogArrays,
    shard: ShardArrays,
    topics: LabelMatrix,
    config: RecommendConfig,
    seed: int,
) -> Arrangement:
    """The list of each user of scored: user_id, item_id, score (finite), and any more, such as fused_rank, propensity.

    Of near-duplicates the best stays. propensity: the chance with which the source exploration drew the row, null for
    rows that it did not draw. seed: of the draw that fills the slots. Raises StepError on a missing score or unknown id.
    """
    rows = locate_pairs(scored, user_ids=shard.user_ids, item_ids=catalog.item_ids)
    scores = _known_scores(scored)
    groups = catalog.group_codes[rows.items]
    ties = [rows.items]
    if "fused_rank" in scored.columns:
        ties.insert(0, scored["fused_rank"].fill_null(LAST).cast(pl.Int64).to_numpy())
    is_arranged = config.diversity > 0 or config.calibration > 0
    n = max(POOL, 2 * config.top_n) if is_arranged else config.top_n
    is_shared = (np.bincount(catalog.group_codes) > 1)[groups]
    best = take_best(rows.users, scores, groups, is_shared=is_shared, ties=ties, n=n)
    if is_arranged:
        best = _arrange(best, rows, scores, catalog=catalog, shard=shard, topics=topics, config=config)
    lists = scored[best.rows].with_columns(pl.Series("rank", best.ranks, dtype=pl.UInt32))
    users, n_unfilled = rows.users[best.rows], 0
    slots = min(config.exploration_slots, config.top_n)
    if slots and "propensity" in scored.columns:
        coded = scored.with_columns(pl.Series("group_code", groups))
        with_groups = lists.with_columns(pl.Series("group_code", groups[best.rows]))
        filled = fill_slots(with_groups, coded, slots=slots, top_n=config.top_n, seed=seed)
        lists, n_unfilled = filled.frame.drop("group_code"), filled.n_unfilled
    else:
        lists, n_unfilled = lists.with_columns(propensity=pl.lit(None, dtype=pl.Float64)), slots * len(np.unique(users))
    lengths = lists.group_by("user_id").len()["len"]
    n_short = int((lengths < config.top_n).sum()) + len(np.unique(rows.users)) - len(lengths)
    return Arrangement(lists, n_short, n_unfilled)


def _known_scores(scored: pl.DataFrame) -> FloatVector:
    """(rows,) the scores. Raises StepError where one is missing."""
    bad = scored["score"].is_nan() | scored["score"].is_null()
    if bad.any():
        item = scored.filter(bad)["item_id"][0]
        raise StepError(f"item {item!r} has no score; score every row before the top is taken")
    return scored["score"].cast(pl.Float64).to_numpy()


def _arrange(
    best: BestRows,
    pairs: PairRows,
    scores: FloatVector,
    *,
    catalog: CatalogArrays,
    shard: ShardArrays,
    topics: LabelMatrix,
    config: RecommendConfig,
) -> BestRows:
    """The first top_n of each user in the order of the greedy pass; best is sorted by user and rank."""
    if not len(best.rows):
        return best
    rows = PairRows(pairs.users[best.rows], pairs.items[best.rows])
    starts = np.flatnonzero(np.r_[True, rows.users[1:] != rows.users[:-1]])
    sizes = np.diff(np.r_[starts, len(rows)])
    of_user = np.repeat(np.arange(len(starts)), sizes)
    relevance = scale_within(scores[best.rows], of_user, len(starts))
    shares = _distributions(topics)
    wanted = user_shares(shard, LabelMatrix(topics.names, shares))[rows.users[starts]]
    width, depth = int(sizes.max()), catalog.vectors.shape[1] + shares.shape[1]
    # One width whatever the block: the same list comes out in whatever company a user is arranged.
    width = max(width, POOL)
    block = max(1, BLOCK_CELLS // (width * depth))
    parts, ranks = [], []
    for start in range(0, len(starts), block):
        stop = min(start + block, len(starts))
        places = starts[start:stop, None] + np.arange(width)
        is_there = np.arange(width) < sizes[start:stop, None]
        places = np.where(is_there, places, starts[start:stop, None])
        pools = Pools(
            is_there=is_there,
            relevance=relevance[places],
            vectors=catalog.vectors[rows.items[places]],
            topics=_dense(shares, rows.items[places]),
            wanted=wanted[start:stop].toarray(),
        )
        picked = pick_in_turn(pools, n=config.top_n, diversity=config.diversity, calibration=config.calibration)
        taken = starts[start:stop, None] + picked
        parts.append(taken[picked >= 0])
        ranks.append(np.broadcast_to(np.arange(1, config.top_n + 1), picked.shape)[picked >= 0])
    return BestRows(best.rows[np.concatenate(parts)], np.concatenate(ranks))


def _distributions(topics: LabelMatrix) -> sparse.csr_matrix:
    """(n, t): each item's topics as shares that sum to 1; an empty row where it has none."""
    totals = np.asarray(topics.shares.sum(axis=1)).ravel()
    scale = np.divide(1.0, totals, out=np.zeros(len(totals)), where=totals > 0)
    return sparse.csr_matrix(sparse.diags(scale) @ topics.shares)


def _dense(shares: sparse.csr_matrix, items: IntVector) -> NDArray[np.float64]:
    return np.asarray(shares[items.ravel()].toarray()).reshape(*items.shape, shares.shape[1])
