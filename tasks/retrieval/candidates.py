"""Candidates of one shard of users: every source, the filters, the fusion; and the sources' scores of any other pair.

One row a pair: user_id, item_id, fused_score, fused_rank, n_sources and, for each source, `<source>_score` and
`<source>_rank`. A score is filled for every pair that the source can score, whether or not it retrieved it, and null
where it can't (no profile, no history); a rank is null where the source did not retrieve the pair. So a row says the
same in training, where judged pairs join the candidates, as in serving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from tasks.contracts.errors import StepError
from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.bm25 import Bm25
from tasks.retrieval.collaborative import Collaborative, fit_neighbours
from tasks.retrieval.dense_history import DenseHistory
from tasks.retrieval.dense_profile import DenseProfile
from tasks.retrieval.exact_search import ExactSearch
from tasks.retrieval.fallback import fill_short_lists
from tasks.retrieval.filters import Exclusions, count_excluded, drop_duplicates, drop_excluded, find_exclusions
from tasks.retrieval.fusion import fuse_lists
from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.popularity import Popularity
from tasks.retrieval.source import Pairs, Source
from tasks.retrieval.user_shard import UserShard


@dataclass(frozen=True)
class CandidateShard:
    """frame: as above, ordered by user (as in the shard) and fused_rank. dropped: pairs by reason.

    Reasons: seen, duplicate_of_seen, duplicate (see filters) and beyond_total (below the `total` best of a user).
    """

    frame: pl.DataFrame
    dropped: dict[str, int]


def build_sources(
    index: ItemIndex, config: CandidatesConfig, *, interactions: pl.DataFrame | None = None
) -> list[Source]:
    """The configured sources, fitted once for all shards.

    interactions (user_id, item_id, weight) of all users are what `collaborative` learns from; without them, or with
    none, it is left out. In training pass the history part only.
    """
    search = ExactSearch(index.vectors, index.is_active & index.has_vector)
    sources: list[Source] = []
    for name in config.sources:
        if name == "dense_profile":
            sources.append(DenseProfile(index, search))
        elif name == "dense_history":
            sources.append(DenseHistory(index, search, history_items=config.history_items))
        elif name == "bm25":
            sources.append(Bm25(index, history_items=config.history_items))
        elif name == "popularity":
            sources.append(Popularity(index))
        elif interactions is not None and len(interactions):
            similarity = fit_neighbours(interactions, index, neighbours=config.neighbours, shrinkage=config.shrinkage)
            sources.append(Collaborative(index, similarity))
    return sources


def similarity_of(sources: Sequence[Source]) -> sparse.csr_matrix | None:
    """The fitted item similarities (n, n) of the source `collaborative`, for the features; None without it."""
    return next((source.similarity for source in sources if isinstance(source, Collaborative)), None)


def candidates_for_shard(
    index: ItemIndex, shard: UserShard, *, sources: Sequence[Source], config: CandidatesConfig
) -> CandidateShard:
    """The config.total best candidates of each user, unseen, active, one of each near-duplicate group.

    A list is short only where few items are left for the user: who is unknown to every source gets popular, then new
    items. Memory: O(users * sources * (per_source + seen)).
    """
    if not sources:
        raise StepError("no candidate source is left; name one in [candidates.sources]")
    exclusions = find_exclusions(index, shard)
    lists, dropped = _retrieve(shard, sources, exclusions, config.per_source)
    weights = {str(name): weight for name, weight in config.sources.items()}
    fused = fuse_lists(lists, weights=weights, rrf_k=config.rrf_k)
    fused, dropped["duplicate"] = drop_duplicates(fused, index)
    kept = fused.filter(pl.int_range(pl.len()).over("user") < config.total)
    dropped["beyond_total"] = len(fused) - len(kept)
    target = min(config.per_source, config.total)
    filled = fill_short_lists(kept, n_users=len(shard), target=target, index=index, exclusions=exclusions)
    ranked = filled.with_columns(fused_rank=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user"))
    return CandidateShard(_finish(ranked, index, shard, sources), dropped)


def pair_features_for(
    index: ItemIndex, shard: UserShard, *, sources: Sequence[Source], pairs: pl.DataFrame
) -> pl.DataFrame:
    """Rows of the same columns for any pairs (user_id, item_id): scores filled, ranks null, fused_score 0.

    Pairs of other users or of items that the index lacks are left out. Repeated pairs become one.
    """
    rows = pl.DataFrame({"user_id": shard.user_ids, "user": np.arange(len(shard), dtype=np.uint32)})
    ranks = [pl.lit(None, dtype=pl.UInt32).alias(f"{source.name}_rank") for source in sources]
    known = pairs.select("user_id", "item_id").unique().join(rows, on="user_id").join(index.positions, on="item_id")
    blank = (
        known.select("user", "item")
        .sort("user", "item")
        .with_columns(
            *ranks,
            fused_score=pl.lit(0.0),
            fused_rank=pl.lit(None, dtype=pl.UInt32),
            n_sources=pl.lit(0, dtype=pl.UInt32),
        )
    )
    return _finish(blank, index, shard, sources)


def add_pairs(
    candidates: pl.DataFrame, pairs: pl.DataFrame, *, index: ItemIndex, shard: UserShard, sources: Sequence[Source]
) -> pl.DataFrame:
    """candidates, and below them a row of pair_features_for for each of the pairs that is not among them."""
    missing = pairs.join(candidates, on=["user_id", "item_id"], how="anti")
    return pl.concat([candidates, pair_features_for(index, shard, sources=sources, pairs=missing)])


def _retrieve(
    shard: UserShard, sources: Sequence[Source], exclusions: Exclusions, per_source: int
) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    lists, dropped_keys = {}, []
    for source in sources:
        found, dropped = drop_excluded(source.retrieve(shard, per_source + exclusions.counts), exclusions)
        ranked = found.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("user"))
        lists[source.name] = ranked.filter(pl.col("rank") <= per_source)
        dropped_keys.append(dropped)
    return lists, count_excluded(np.concatenate(dropped_keys), exclusions)


def _finish(rows: pl.DataFrame, index: ItemIndex, shard: UserShard, sources: Sequence[Source]) -> pl.DataFrame:
    """rows (user, item, ...) with the sources' scores and with ids in place of positions."""
    users, items = rows["user"].cast(pl.Int64).to_numpy(), rows["item"].cast(pl.Int64).to_numpy()
    scores = {f"{s.name}_score": s.score_pairs(shard, Pairs(users, items)).astype(np.float32) for s in sources}
    columns = [name for source in sources for name in (f"{source.name}_score", f"{source.name}_rank")]
    return rows.with_columns(
        *pl.DataFrame(scores).fill_nan(None).get_columns(),
        shard.user_ids.gather(users).alias("user_id"),
        index.item_ids.gather(items).alias("item_id"),
    ).select("user_id", "item_id", "fused_score", "fused_rank", "n_sources", *columns)
