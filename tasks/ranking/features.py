"""Computes the columns that the ranker sees; what each one means stands in feature_table.

Never among them: an id, a label of the judge, anything that happened after as_of or in the held-out part.
Missing is NaN. "within the user" compares with the user's candidates only (rows with a fused_rank), so a judged pair
that joins the candidates in training is measured as one that is scored at night.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.ranking.affinity import label_affinity, label_lift, profile_shares, user_shares
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.history_features import history_cosines, mean_over_liked
from tasks.ranking.inputs import CatalogArrays, FloatVector, ItemFacts, PairRows, ShardArrays, locate_pairs
from tasks.ranking.neighbour_features import neighbour_sums
from tasks.ranking.overlap_features import overlap_columns
from tasks.ranking.profile_features import profile_columns
from tasks.ranking.query_features import query_columns
from tasks.ranking.source_features import source_columns, standardise_column
from tasks.ranking.time_features import time_columns

EPOCH = datetime(1970, 1, 1)
SECONDS_A_DAY = 86_400.0


def build_features(
    candidates: pl.DataFrame, *, catalog: CatalogArrays, shard: ShardArrays, facts: ItemFacts, as_of: datetime
) -> pl.DataFrame:
    """user_id, item_id and FEATURE_NAMES (f32), one row a candidate, in the same order.

    candidates: the frame of retrieval's candidates_for_shard or add_pairs; a source that is not configured leaves NaN.
    as_of: in UTC. Raises StepError on an id that the shard or the catalog lacks.
    """
    rows = locate_pairs(candidates, user_ids=shard.user_ids, item_ids=catalog.item_ids)
    columns = {
        **source_columns(candidates, rows),
        **_item_columns(catalog, facts, rows, as_of),
        **_user_columns(catalog, shard, facts, rows),
        **time_columns(candidates, shard, facts, rows),
        **overlap_columns(shard, facts, rows),
        **profile_columns(
            shard.profile_texts,
            catalog.titles,
            catalog.texts,
            rows,
            length_places=facts.length_places,
            age_places=facts.age_places,
        ),
        **query_columns(shard.queries, len(shard.user_ids), facts, rows),
        **history_cosines(shard, catalog, rows),
        **_neighbour_columns(candidates, shard, facts, rows),
        "topic_affinity": label_affinity(user_shares(shard, facts.topics), facts.topics, rows),
        "profile_topic_affinity": label_affinity(profile_shares(shard, facts), facts.topics, rows),
        "category_affinity": label_affinity(user_shares(shard, facts.categories), facts.categories, rows),
        "author_affinity": label_affinity(user_shares(shard, facts.authors), facts.authors, rows),
        "topic_lift": label_lift(user_shares(shard, facts.topics), facts.topics, facts.n_interactions, rows),
        "category_lift": label_lift(user_shares(shard, facts.categories), facts.categories, facts.n_interactions, rows),
    }
    values = [pl.Series(name, np.asarray(columns[name], dtype=np.float32)) for name in FEATURE_NAMES]
    return candidates.select("user_id", "item_id").with_columns(values)


def check_features(frame: pl.DataFrame, names: tuple[str, ...] = FEATURE_NAMES) -> None:
    """Raise StepError that names the first of the feature columns that frame lacks."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise StepError(f"features lack {missing[0]!r} and {len(missing) - 1} more; build them again with this version")


def _neighbour_columns(
    candidates: pl.DataFrame, shard: ShardArrays, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    columns = neighbour_sums(shard, facts.neighbours, rows)
    return {**columns, "neighbour_recent_z": standardise_column(candidates, columns["neighbour_recent"], rows)}


def _item_columns(catalog: CatalogArrays, facts: ItemFacts, rows: PairRows, as_of: datetime) -> dict[str, FloatVector]:
    items = rows.items
    return {
        "popularity_log": facts.popularity_log[items],
        "popularity_percentile": facts.popularity_share[items],
        "interactions_log": np.log1p(facts.n_interactions[items]),
        "mean_value": facts.mean_value[items],
        "age_days": _as_of_days(as_of) - catalog.published_days[items],
        "text_log": np.log1p(facts.text_lengths[items]),
        "label_confidence": facts.label_confidence[items],
        "group_size": facts.group_sizes[items].astype(np.float64),
    }


def _user_columns(
    catalog: CatalogArrays, shard: ShardArrays, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    sizes = np.diff(shard.indptr)
    gap = facts.popularity_log[rows.items] - mean_over_liked(shard, facts.popularity_log)[rows.users]
    liked_days = mean_over_liked(shard, catalog.published_days)[rows.users]
    return {
        "popularity_gap": gap,
        "age_gap_days": liked_days - catalog.published_days[rows.items],
        "history_log": np.log1p(sizes)[rows.users],
        "has_profile": shard.has_profile.astype(np.float64)[rows.users],
    }


def _as_of_days(as_of: datetime) -> float:
    utc = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    return (utc - EPOCH).total_seconds() / SECONDS_A_DAY
