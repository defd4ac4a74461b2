"""What enrichment says of an item, against what it says of the items that the user liked; and what the segment likes."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tasks.ranking.feature import Feature
from tasks.ranking.inputs import FloatVector, ItemFacts, LabelMatrix, PairRows, ShardArrays
from tasks.ranking.pair_runs import find_entries, look_up

WORD_KINDS = {"theme": "themes", "keyword": "keywords", "mood": "mood", "audience": "audience"}
"""Kinds of words of an enrichment, and what they are called in a feature's meaning."""

PRIOR_CHOICES = 5.0
"""A segment's part of an item's choices is drawn to its part of all choices, as if the item had so many of those."""

OVERLAP_FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"{kind}_overlap",
            f"share of the item's {name} that items in the liked history have too",
            "enrichments",
            "history and item have an enrichment",
            1,
        )
        for kind, name in WORD_KINDS.items()
    ),
    Feature(
        "segment_affinity",
        "log of how much more of the item's choices come from the user's segment than of all choices",
        "interactions",
        "user has a segment",
        1,
    ),
)


def overlap_columns(shard: ShardArrays, facts: ItemFacts, rows: PairRows) -> dict[str, FloatVector]:
    """The columns of OVERLAP_FEATURES. O(pairs * words of an item)."""
    columns = {f"{kind}_overlap": _overlap(shard, facts.words.get(kind), rows) for kind in WORD_KINDS}
    return {**columns, "segment_affinity": _segment_affinity(shard, facts, rows)}


def _overlap(shard: ShardArrays, words: LabelMatrix | None, rows: PairRows) -> FloatVector:
    if words is None:
        return np.full(len(rows), np.nan)
    users = np.repeat(np.arange(len(shard.user_ids)), np.diff(shard.indptr))
    liked = (shard.history_weights > 0) & (shard.history_items >= 0)
    entries = (np.ones(liked.sum()), (users[liked], shard.history_items[liked]))
    histories = sparse.csr_matrix(entries, shape=(len(shard.user_ids), words.shares.shape[0]))
    known = (histories @ words.shares).tocsr()
    known.data = np.ones(len(known.data))
    of_items = find_entries(words.shares, rows)
    shared = of_items.sum_up(look_up(known, rows.users[of_items.pairs], of_items.columns))
    counts = np.diff(words.shares.indptr)[rows.items]
    is_known = (np.diff(known.indptr)[rows.users] > 0) & (counts > 0)
    return np.where(is_known, shared / np.maximum(counts, 1), np.nan)


def _segment_affinity(shard: ShardArrays, facts: ItemFacts, rows: PairRows) -> FloatVector:
    segments = facts.segments
    if segments is None:
        return np.full(len(rows), np.nan)
    codes = {name: place for place, name in enumerate(segments.names)}
    of_user = np.array([codes.get(name, -1) for name in shard.segments], dtype=np.int64)
    if (of_user < 0).all():
        return np.full(len(rows), np.nan)
    segment = of_user[rows.users]
    of_segment = np.asarray(segments.shares.sum(axis=0)).ravel()
    part = (of_segment / of_segment.sum())[segment]
    chosen = np.asarray(segments.shares[rows.items, np.maximum(segment, 0)]).ravel()
    total = np.asarray(segments.shares.sum(axis=1)).ravel()[rows.items]
    affinity = np.log((chosen + PRIOR_CHOICES * part) / (total + PRIOR_CHOICES) / part)
    return np.where(segment >= 0, affinity, np.nan)
