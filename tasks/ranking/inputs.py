"""What the features are computed from, beside the candidates: the catalog's arrays, a shard's arrays, facts of items.

The two protocols name the arrays that are read; `retrieval`'s ItemIndex and UserShard fit them, and so does any other
object with these attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tasks.ranking.item_counts import count_choices, first_labels, places_of, share_at_most

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]
IntMatrix = NDArray[np.int64]
BoolVector = NDArray[np.bool_]

BLOCK_ITEMS = 8192
PRIOR_VALUES = 5.0
"""An item's mean value is drawn to the catalog's as if it had this many values of that mean."""


class CatalogArrays(Protocol):
    """n items, one row each; see tasks/retrieval/item_index.py."""

    @property
    def item_ids(self) -> pl.Series: ...
    @property
    def titles(self) -> list[str]: ...
    @property
    def texts(self) -> list[str]: ...
    @property
    def vectors(self) -> FloatMatrix: ...
    @property
    def has_vector(self) -> BoolVector: ...
    @property
    def popularity(self) -> FloatVector: ...
    @property
    def published_days(self) -> FloatVector: ...
    @property
    def group_codes(self) -> IntVector: ...


class SearchTexts(Protocol):
    """Search texts of users: row i is user users[i]'s; vectors (q, d) unit rows; see tasks/retrieval/user_shard.py."""

    @property
    def users(self) -> IntVector: ...
    @property
    def vectors(self) -> FloatMatrix: ...
    @property
    def is_avoided(self) -> BoolVector: ...


class ShardArrays(Protocol):
    """u users and their histories, newest first; see tasks/retrieval/user_shard.py."""

    @property
    def user_ids(self) -> pl.Series: ...
    @property
    def profile_vectors(self) -> FloatMatrix: ...
    @property
    def has_profile(self) -> BoolVector: ...
    @property
    def profile_texts(self) -> list[str]: ...
    @property
    def segments(self) -> list[str]: ...
    @property
    def queries(self) -> SearchTexts | None: ...
    @property
    def indptr(self) -> IntVector: ...
    @property
    def history_items(self) -> IntVector: ...
    @property
    def history_weights(self) -> FloatVector: ...
    @property
    def history_ages(self) -> FloatVector: ...
    @property
    def history_rows(self) -> IntVector: ...
    @property
    def item_vectors(self) -> FloatMatrix: ...
    @property
    def item_titles(self) -> list[str]: ...


@dataclass(frozen=True)
class LabelMatrix:
    """shares (n, l): how much of an item belongs to each name; a row sums to at most 1, an empty row: unknown."""

    names: list[str]
    shares: sparse.csr_matrix


@dataclass(frozen=True)
class ItemFacts:
    """Facts of the n items of the index, one row each; NaN where unknown.

    n_interactions: count, undecayed. mean_value: shrunk mean of the interactions' values (a rating, say).
    label_confidence: of the item's topics, in [0, 1]. topics, categories, authors: see LabelMatrix.
    topic_centroids: (t, d) unit direction of the mean of a topic's item vectors, weighted by their shares.
    neighbours: (n, n), entry (h, i) the similarity of a history item h and an item i; None: not fitted.
    words: by kind ("theme", "keyword", "mood", "audience") what the enrichment says of each item.
    first_age: days since the item's first interaction. daily: (n, days) interactions by age in days; None: no times.
    segments: choices of each item by segment of users, not shares; None: no user has a segment.
    popularity_log: log(1 + popularity). popularity_share: share of the catalog that is at most as popular, in (0, 1].
    text_lengths: characters. length_places, age_places: see places_of. group_sizes: items in the near-duplicate group.
    first_topics: the code of the topic with the largest share, -1 without one. n_dated: interactions with a time, n_a_day
    (days,) the same by age in days.
    """

    n_interactions: FloatVector
    mean_value: FloatVector
    label_confidence: FloatVector
    topics: LabelMatrix
    topic_centroids: FloatMatrix
    categories: LabelMatrix
    authors: LabelMatrix
    first_age: FloatVector
    popularity_log: FloatVector
    popularity_share: FloatVector
    text_lengths: FloatVector
    length_places: FloatVector
    age_places: FloatVector
    group_sizes: IntVector
    first_topics: IntVector
    n_dated: FloatVector
    n_a_day: FloatVector
    neighbours: sparse.csr_matrix | None = None
    words: Mapping[str, LabelMatrix] = field(default_factory=dict)
    daily: sparse.csr_matrix | None = None
    segments: LabelMatrix | None = None

    @cached_property
    def interactions_log(self) -> FloatVector:
        """(n,) log(1 + n_interactions)."""
        return np.log1p(self.n_interactions)

    @cached_property
    def text_log(self) -> FloatVector:
        """(n,) log(1 + text_lengths)."""
        return np.log1p(self.text_lengths)


@dataclass(frozen=True)
class PairRows:
    """Pairs as positions: the user's row in the shard, the item's in the index."""

    users: IntVector
    items: IntVector

    def __len__(self) -> int:
        return len(self.users)


def build_item_facts(
    catalog: CatalogArrays,
    *,
    topics: pl.DataFrame,
    categories: pl.DataFrame,
    authors: pl.DataFrame,
    interactions: pl.DataFrame,
    neighbours: sparse.csr_matrix | None = None,
    words: pl.DataFrame | None = None,
    segment_popularity: pl.DataFrame | None = None,
) -> ItemFacts:
    """Facts of the catalog's items.

    topics: item_id, label, share (the label's confidence). categories and authors: item_id, label; an item may have
    several rows, an empty label is none. interactions: what count_choices gives, or what it takes; in training the history
    part only. Rows of other items are ignored. neighbours: what retrieval's fit_neighbours
    gave, from the same interactions. words: item_id, kind, label of enrichments. segment_popularity: segment, item_id,
    popularity. O(rows log rows).
    """
    confidence = topics.group_by("item_id").agg(pl.col("share").max().alias("confidence"))
    ids = pl.DataFrame({"item_id": catalog.item_ids})
    aligned = ids.join(confidence, on="item_id", how="left", maintain_order="left")
    choices = _known_choices(
        catalog.item_ids, interactions if "n" in interactions.columns else count_choices(interactions)
    )
    daily, first_age = _count_days(choices, n_items=len(ids))
    n_choices, known, total = (_sum_by_item(choices, name, n_items=len(ids)) for name in ("n", "n_values", "total"))
    labels = build_labels(catalog.item_ids, topics)
    mean = total.sum() / known.sum() if known.sum() else np.nan
    lengths = pl.Series(catalog.texts, dtype=pl.String).str.len_chars().cast(pl.Float64).to_numpy()
    return ItemFacts(
        n_interactions=n_choices,
        mean_value=(total + PRIOR_VALUES * mean) / (known + PRIOR_VALUES),
        label_confidence=aligned["confidence"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        topics=labels,
        topic_centroids=_find_centroids(labels, catalog.vectors),
        categories=build_labels(catalog.item_ids, categories.with_columns(share=pl.lit(1.0))),
        authors=build_labels(catalog.item_ids, authors.with_columns(share=pl.lit(1.0))),
        first_age=first_age,
        popularity_log=np.log1p(catalog.popularity),
        popularity_share=share_at_most(catalog.popularity),
        text_lengths=lengths,
        length_places=places_of(lengths),
        age_places=places_of(catalog.published_days),
        group_sizes=np.bincount(catalog.group_codes)[catalog.group_codes] if len(ids) else catalog.group_codes,
        first_topics=first_labels(labels.shares),
        n_dated=np.zeros(len(ids)) if daily is None else np.asarray(daily.sum(axis=1), dtype=np.float64).ravel(),
        n_a_day=np.zeros(0) if daily is None else np.asarray(daily.sum(axis=0), dtype=np.float64).ravel(),
        neighbours=neighbours,
        words={} if words is None else _build_words(catalog.item_ids, words),
        daily=daily,
        segments=None if segment_popularity is None else _count_segments(catalog.item_ids, segment_popularity),
    )


def build_labels(item_ids: pl.Series, labels: pl.DataFrame) -> LabelMatrix:
    """Labels aligned with item_ids. labels: item_id, label, share >= 0; rows that sum to more than 1 are scaled."""
    positions = pl.DataFrame({"item_id": item_ids, "item": np.arange(len(item_ids))})
    kept = labels.filter(pl.col("label").is_not_null() & (pl.col("label") != "") & (pl.col("share") > 0))
    found = kept.select("item_id", "label", "share").unique(["item_id", "label"], keep="first", maintain_order=True)
    rows = found.join(positions, on="item_id", maintain_order="left")
    names = rows["label"].unique().sort()
    codes = rows["label"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    places = rows["item"].to_numpy()
    total = np.bincount(places, weights=rows["share"].to_numpy(), minlength=len(item_ids))
    shares = rows["share"].to_numpy() / np.maximum(total, 1.0)[places]
    matrix = sparse.csr_matrix((shares, (places, codes)), shape=(len(item_ids), len(names)))
    return LabelMatrix(names.to_list(), matrix)


def _build_words(item_ids: pl.Series, words: pl.DataFrame) -> dict[str, LabelMatrix]:
    kinds = words.partition_by("kind", as_dict=True)
    labels = {str(kind): rows.select("item_id", "label", share=pl.lit(1.0)) for (kind,), rows in kinds.items()}
    return {kind: build_labels(item_ids, rows) for kind, rows in sorted(labels.items())}


def _known_choices(item_ids: pl.Series, counted: pl.DataFrame) -> pl.DataFrame:
    """counted (see count_choices) with the positions of its items as the column item, without those of other items."""
    # Rows of an item lie together as a rule: only one of them is looked up.
    runs = counted["item_id"].rle().struct
    positions = pl.DataFrame({"item_id": item_ids, "item": np.arange(len(item_ids))})
    asked = runs.field("value").alias("item_id").to_frame()
    places = asked.join(positions, on="item_id", how="left", maintain_order="left")["item"].fill_null(-1).to_numpy()
    items = np.repeat(places, runs.field("len").to_numpy())
    placed = counted.drop("item_id").with_columns(item=pl.Series(items, dtype=pl.Int64))
    return placed if (items >= 0).all() else placed.filter(pl.col("item") >= 0)


def _sum_by_item(choices: pl.DataFrame, name: str, *, n_items: int) -> FloatVector:
    """(n_items,) the sum of a column of _known_choices, in the order of its rows."""
    weights = choices[name].cast(pl.Float64).to_numpy()
    return np.asarray(np.bincount(choices["item"].to_numpy(), weights=weights, minlength=n_items), dtype=np.float64)


def _count_days(choices: pl.DataFrame, *, n_items: int) -> tuple[sparse.csr_matrix | None, FloatVector]:
    """daily and first_age of ItemFacts, of what _known_choices gives."""
    rows = choices if not choices["day"].null_count() else choices.filter(pl.col("day").is_not_null())
    if rows.is_empty():
        return None, np.full(n_items, np.nan)
    items, days = rows["item"].to_numpy(), rows["day"].to_numpy()
    first_age = np.full(n_items, -np.inf)
    np.maximum.at(first_age, items, rows["age_days"].to_numpy())
    daily = sparse.csr_matrix(
        (rows["n"].cast(pl.Float64).to_numpy(), (items, days)), shape=(n_items, int(days.max()) + 1)
    )
    return daily, np.where(np.isfinite(first_age), first_age, np.nan)


def _count_segments(item_ids: pl.Series, popularity: pl.DataFrame) -> LabelMatrix | None:
    positions = pl.DataFrame({"item_id": item_ids, "item": np.arange(len(item_ids))})
    rows = popularity.filter(pl.col("segment") != "").join(positions, on="item_id").sort("segment", "item")
    if rows.is_empty():
        return None
    names = rows["segment"].unique().sort()
    entries = (
        rows["popularity"].to_numpy(),
        (rows["item"].to_numpy(), names.search_sorted(rows["segment"]).to_numpy()),
    )
    return LabelMatrix(names.to_list(), sparse.csr_matrix(entries, shape=(len(item_ids), len(names))))


def _find_centroids(topics: LabelMatrix, vectors: FloatMatrix) -> FloatMatrix:
    # A block at a time: the product is made in 64 bits, and so is a copy of the vectors.
    sums = np.zeros((len(topics.names), vectors.shape[1]))
    for start in range(0, len(vectors) if topics.names else 0, BLOCK_ITEMS):
        part = slice(start, start + BLOCK_ITEMS)
        sums += topics.shares[part].T @ vectors[part]
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
