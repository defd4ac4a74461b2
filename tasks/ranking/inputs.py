"""What the features are computed from, beside the candidates: the catalog's arrays, a shard's arrays, facts of items.

The two protocols name the arrays that are read; `retrieval`'s ItemIndex and UserShard fit them, and so does any other
object with these attributes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from tasks.contracts.errors import StepError

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]
BoolVector = NDArray[np.bool_]

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


class ShardArrays(Protocol):
    """u users and their histories, newest first; see tasks/retrieval/user_shard.py."""

    @property
    def user_ids(self) -> pl.Series: ...
    @property
    def profile_vectors(self) -> FloatMatrix: ...
    @property
    def has_profile(self) -> BoolVector: ...
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
    """

    n_interactions: FloatVector
    mean_value: FloatVector
    label_confidence: FloatVector
    topics: LabelMatrix
    topic_centroids: FloatMatrix
    categories: LabelMatrix
    authors: LabelMatrix
    neighbours: sparse.csr_matrix | None = None


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
) -> ItemFacts:
    """Facts of the catalog's items.

    topics: item_id, label, share (the label's confidence). categories and authors: item_id, label; an item may have
    several rows, an empty label is none. interactions: item_id, value (may be null); in training the history part only.
    Rows of other items are ignored. neighbours: what retrieval's fit_neighbours gave, from the same interactions.
    """
    confidence = topics.group_by("item_id").agg(pl.col("share").max().alias("confidence"))
    values = interactions.group_by("item_id").agg(
        pl.len().alias("n"), pl.col("value").sum().alias("total"), pl.col("value").count().alias("known")
    )
    ids = pl.DataFrame({"item_id": catalog.item_ids})
    aligned = ids.join(confidence, on="item_id", how="left", maintain_order="left").join(
        values, on="item_id", how="left", maintain_order="left"
    )
    known = aligned["known"].fill_null(0).to_numpy().astype(np.float64)
    total = aligned["total"].fill_null(0.0).to_numpy().astype(np.float64)
    labels = build_labels(catalog.item_ids, topics)
    mean = total.sum() / known.sum() if known.sum() else np.nan
    return ItemFacts(
        n_interactions=aligned["n"].fill_null(0).to_numpy().astype(np.float64),
        mean_value=(total + PRIOR_VALUES * mean) / (known + PRIOR_VALUES),
        label_confidence=aligned["confidence"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        topics=labels,
        topic_centroids=_find_centroids(labels, catalog.vectors),
        categories=build_labels(catalog.item_ids, categories.with_columns(share=pl.lit(1.0))),
        authors=build_labels(catalog.item_ids, authors.with_columns(share=pl.lit(1.0))),
        neighbours=neighbours,
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


def _find_centroids(topics: LabelMatrix, vectors: FloatMatrix) -> FloatMatrix:
    sums = np.asarray(topics.shares.T @ vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def locate_pairs(frame: pl.DataFrame, *, user_ids: pl.Series, item_ids: pl.Series) -> PairRows:
    """Positions of frame's user_id and item_id. Raises StepError on an id that the shard or the index lacks."""
    users = _positions(frame["user_id"], user_ids, "shard")
    return PairRows(users, _positions(frame["item_id"], item_ids, "index"))


def _positions(ids: pl.Series, known: pl.Series, place: str) -> IntVector:
    table = pl.DataFrame({"id": known, "position": np.arange(len(known), dtype=np.int64)})
    found = pl.DataFrame({"id": ids}).join(table, on="id", how="left", maintain_order="left")["position"]
    if found.null_count():
        unknown = ids.filter(found.is_null())[0]
        raise StepError(f"{ids.name} {unknown!r} is not in the {place}; pass the candidates of this very {place}")
    return found.to_numpy()
