"""Computes the columns that the ranker sees; what each one means stands in feature_table.

Never among them: an id, a label of the judge, anything that happened after as_of or in the held-out part.
Missing is NaN. "within the user" compares with the user's candidates only (rows with a fused_rank), so a judged pair
that joins the candidates in training is measured as one that is scored at night.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from tasks.contracts.errors import StepError
from tasks.ranking.affinity import (
    label_affinity,
    label_lift,
    profile_shares,
    user_shares,
)
from tasks.ranking.feature import names_of
from tasks.ranking.feature_table import FEATURE_NAMES
from tasks.ranking.history_features import COSINE_NAMES, history_cosines, mean_over_liked
from tasks.ranking.inputs import (
    CatalogArrays,
    FloatVector,
    IntVector,
    ItemFacts,
    LabelMatrix,
    PairRows,
    ShardArrays,
)
from tasks.ranking.neighbour_features import neighbour_sums
from tasks.ranking.overlap_features import OVERLAP_FEATURES, overlap_columns
from tasks.ranking.pair_places import locate_pairs
from tasks.ranking.profile_features import PROFILE_FEATURES, profile_columns
from tasks.ranking.query_features import QUERY_FEATURES, query_columns
from tasks.ranking.source_features import SOURCE_FEATURES, source_columns, standardise_column
from tasks.ranking.time_features import TIME_FEATURES, time_columns

EPOCH = datetime(1970, 1, 1)
SECONDS_A_DAY = 86_400.0

Family = Callable[[], dict[str, FloatVector]]
"""Makes some features that are cheaper together than alone."""

ALL_NAMES = frozenset(FEATURE_NAMES)
ITEM_NAMES = (
    "popularity_log", "popularity_percentile", "interactions_log", "mean_value", "age_days", "text_log", "label_confidence",
    "group_size",
)  # fmt: skip
USER_NAMES = ("popularity_gap", "age_gap_days", "history_log", "has_profile")
NEIGHBOUR_NAMES = ("neighbour_recent", "neighbour_recent_z", "neighbour_max", "neighbour_disliked")
TOPIC_NAMES = ("topic_affinity", "topic_lift")
CATEGORY_NAMES = ("category_affinity", "category_lift")
AUTHOR_NAMES = ("author_affinity",)


def build_features(
    candidates: pl.DataFrame, *, catalog: CatalogArrays, shard: ShardArrays, facts: ItemFacts, as_of: datetime
) -> pl.DataFrame:
    """user_id, item_id and FEATURE_NAMES (f32), one row a candidate, in the same order; see feature_columns."""
    columns = feature_columns(candidates, catalog=catalog, shard=shard, facts=facts, as_of=as_of)
    values = [pl.Series(name, np.asarray(columns[name], dtype=np.float32)) for name in FEATURE_NAMES]
    return candidates.select("user_id", "item_id").with_columns(values)


def feature_columns(
    candidates: pl.DataFrame,
    *,
    catalog: CatalogArrays,
    shard: ShardArrays,
    facts: ItemFacts,
    as_of: datetime,
    names: frozenset[str] = ALL_NAMES,
) -> dict[str, FloatVector]:
    """At least the features of those names, (rows,) each; those that have nothing to do with them are not computed.

    candidates: the frame of retrieval's candidates_for_shard or add_pairs; a source that is not configured leaves NaN.
    as_of: in UTC. Raises StepError on an id that the shard or the catalog lacks.
    """
    rows = locate_pairs(candidates, user_ids=shard.user_ids, item_ids=catalog.item_ids)
    families: tuple[tuple[Iterable[str], Family], ...] = (
        (names_of(SOURCE_FEATURES), lambda: source_columns(candidates, rows, names)),
        (ITEM_NAMES, lambda: _item_columns(catalog, facts, rows, as_of, names)),
        (USER_NAMES, lambda: _user_columns(catalog, shard, facts, rows)),
        (names_of(TIME_FEATURES), lambda: time_columns(candidates, shard, facts, rows)),
        (names_of(OVERLAP_FEATURES), lambda: overlap_columns(shard, facts, rows)),
        (names_of(PROFILE_FEATURES), lambda: _profile_columns(catalog, shard, facts, rows)),
        (names_of(QUERY_FEATURES), lambda: query_columns(shard.queries, len(shard.user_ids), facts, rows)),
        (COSINE_NAMES, lambda: history_cosines(shard, catalog, rows)),
        (NEIGHBOUR_NAMES, lambda: _neighbour_columns(candidates, shard, facts, rows)),
        (TOPIC_NAMES, lambda: _label_columns(TOPIC_NAMES, facts.topics, shard, facts, rows)),
        (CATEGORY_NAMES, lambda: _label_columns(CATEGORY_NAMES, facts.categories, shard, facts, rows)),
        (AUTHOR_NAMES, lambda: _label_columns(AUTHOR_NAMES, facts.authors, shard, facts, rows)),
        (
            ["profile_topic_affinity"],
            lambda: {"profile_topic_affinity": label_affinity(profile_shares(shard, facts), facts.topics, rows)},
        ),
    )
    columns: dict[str, FloatVector] = {}
    for family, make in families:
        if not names.isdisjoint(family):
            columns |= make()
    return columns


def check_features(frame: pl.DataFrame, names: tuple[str, ...] = FEATURE_NAMES) -> None:
    """Raise StepError that names the first of the feature columns that frame lacks."""
    check_names(frame.columns, names)


def check_names(known: Collection[str], names: tuple[str, ...]) -> None:
    """Raise StepError that names the first of names that is not known."""
    missing = [name for name in names if name not in known]
    if missing:
        raise StepError(f"features lack {missing[0]!r} and {len(missing) - 1} more; build them again with this version")


def _neighbour_columns(
    candidates: pl.DataFrame, shard: ShardArrays, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    columns = neighbour_sums(shard, facts.neighbours, rows)
    return {**columns, "neighbour_recent_z": standardise_column(candidates, columns["neighbour_recent"], rows)}


def _item_columns(
    catalog: CatalogArrays, facts: ItemFacts, rows: PairRows, as_of: datetime, names: frozenset[str]
) -> dict[str, FloatVector]:
    """Those of ITEM_NAMES that names has."""
    of_items: dict[str, Callable[[], FloatVector | IntVector]] = {
        "popularity_log": lambda: facts.popularity_log,
        "popularity_percentile": lambda: facts.popularity_share,
        "interactions_log": lambda: facts.interactions_log,
        "mean_value": lambda: facts.mean_value,
        "age_days": lambda: _as_of_days(as_of) - catalog.published_days,
        "text_log": lambda: facts.text_log,
        "label_confidence": lambda: facts.label_confidence,
        "group_size": lambda: facts.group_sizes,
    }
    return {name: of_items[name]()[rows.items].astype(np.float64, copy=False) for name in ITEM_NAMES if name in names}


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


def _profile_columns(
    catalog: CatalogArrays, shard: ShardArrays, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    return profile_columns(
        shard.profile_texts,
        catalog.titles,
        catalog.texts,
        rows,
        length_places=facts.length_places,
        age_places=facts.age_places,
    )


def _label_columns(
    names: Sequence[str], labels: LabelMatrix, shard: ShardArrays, facts: ItemFacts, rows: PairRows
) -> dict[str, FloatVector]:
    """names: of the affinity to the labels, and of the lift where it is a feature."""
    shares = user_shares(shard, labels)
    values = [label_affinity(shares, labels, rows)]
    if len(names) > 1:
        values.append(label_lift(shares, labels, facts.n_interactions, rows))
    return dict(zip(names, values, strict=True))


def _as_of_days(as_of: datetime) -> float:
    utc = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    return (utc - EPOCH).total_seconds() / SECONDS_A_DAY
