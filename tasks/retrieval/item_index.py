"""The catalog as arrays: what the sources search in. Built once a catalog and run, shared by all shards.

Reads frames and vectors that a step hands in; writes nothing. An item's position in the index is its place in the order
of item ids, so that "ties go to the lower position" means the same in every run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.errors import StepError
from tasks.retrieval.id_table import IdTable

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]
BoolVector = NDArray[np.bool_]

ITEM_COLUMNS = ("item_id", "title", "text", "published_at", "is_active", "group_id")
MICROSECONDS_A_DAY = 86_400_000_000
UNIT_ROWS = 8192


@dataclass(frozen=True)
class ItemIndex:
    """n items in the order of their ids; every array has n rows.

    vectors: (n, d), unit length, a zero row where has_vector is False. popularity: >= 0, decayed count of interactions.
    published_days: days since 1970, NaN where unknown. group_codes: equal for near-duplicates, dense from 0.
    is_blocked: nobody gets it. fields: the columns that the catalog's rules read, by their name in the rule.
    """

    item_ids: pl.Series
    titles: list[str]
    texts: list[str]
    vectors: FloatMatrix
    has_vector: BoolVector
    popularity: FloatVector
    published_days: FloatVector
    is_active: BoolVector
    group_codes: IntVector
    is_blocked: BoolVector
    fields: Mapping[str, pl.Series] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item_ids)

    @cached_property
    def positions(self) -> pl.DataFrame:
        """item_id and its position `item` (u32); join with it to translate ids."""
        return pl.DataFrame({"item_id": self.item_ids, "item": np.arange(len(self), dtype=np.uint32)})

    @cached_property
    def _table(self) -> IdTable:
        return IdTable(self.item_ids)

    @cached_property
    def group_sizes(self) -> IntVector:
        """(n,) how many items are in the item's group, itself included."""
        return np.bincount(self.group_codes)[self.group_codes].astype(np.int64) if len(self) else self.group_codes

    @cached_property
    def group_members(self) -> tuple[IntVector, IntVector]:
        """Positions of the items, group by group, and where each group begins; the last start is their number."""
        sizes = np.bincount(self.group_codes)
        return np.argsort(self.group_codes, kind="stable"), np.r_[0, np.cumsum(sizes)].astype(np.int64)

    @cached_property
    def is_group_blocked(self) -> BoolVector:
        """(n,) whether nobody gets the item, because it or a near-duplicate of it is blocked."""
        return np.isin(self.group_codes, np.unique(self.group_codes[self.is_blocked]))

    @cached_property
    def n_possible(self) -> int:
        """How many items of different groups anybody could get."""
        return len(np.unique(self.group_codes[self.is_active & ~self.is_group_blocked]))

    def locate(self, item_ids: pl.Series) -> IntVector:
        """Positions of the ids, -1 where the index has no such item. O(ids); the first time O(n)."""
        return self._table.locate(item_ids.cast(self.item_ids.dtype))


def build_item_index(
    items: pl.DataFrame,
    vectors: FloatMatrix,
    *,
    popularity: FloatVector | None = None,
    blocked: Collection[str] = (),
    fields: pl.DataFrame | None = None,
    in_place: bool = False,
) -> ItemIndex:
    """Index the items of one catalog; blocked holds ids that nobody gets, row i of fields belongs to row i of items.

    in_place: the caller gives the vectors away, so that no second copy of them is made where items come in order.

    items has the columns ITEM_COLUMNS (title, text, published_at and group_id may be null; group_id null: a group of
    its own). Row i of vectors (n, d) and of popularity (n,) belongs to row i of items; a zero or NaN vector: none.
    Raises StepError on a missing column, a repeated id or arrays of another length. O(n log n + n d).
    """
    _check_items(items, vectors, popularity)
    order = items["item_id"].arg_sort().to_numpy()
    ordered = items[order]
    is_ordered = bool((order == np.arange(len(order))).all())
    unit, has_vector = unit_rows(vectors if is_ordered else np.asarray(vectors)[order], in_place=in_place)
    weights = np.zeros(len(items)) if popularity is None else np.asarray(popularity, dtype=np.float64)[order]
    return ItemIndex(
        item_ids=ordered["item_id"],
        titles=ordered["title"].fill_null("").to_list(),
        texts=ordered["text"].fill_null("").to_list(),
        vectors=unit,
        has_vector=has_vector,
        popularity=weights,
        published_days=_days(ordered["published_at"]),
        is_active=ordered["is_active"].fill_null(value=True).to_numpy().astype(np.bool_),
        group_codes=_dense_groups(ordered["group_id"]),
        is_blocked=ordered["item_id"].is_in(list(blocked)).to_numpy().astype(np.bool_),
        fields={} if fields is None else {column.name: column for column in fields[order].get_columns()},
    )


def decay_popularity(interactions: pl.DataFrame, item_ids: pl.Series, *, half_life_days: float) -> FloatVector:
    """Popularity aligned with item_ids: the sum of max(weight, 0) * 0.5 ** (age_days / half_life_days).

    interactions: item_id, weight, age_days (null age counts as 0). Interactions with other items are ignored.
    >>> seen = pl.DataFrame({"item_id": ["a", "a"], "weight": [1.0, 2.0], "age_days": [0.0, 10.0]})
    >>> decay_popularity(seen, pl.Series(["a", "b"]), half_life_days=10.0).tolist()
    [2.0, 0.0]
    """
    age = pl.col("age_days").fill_null(0.0).clip(0.0)
    decayed = pl.col("weight").clip(0.0) * (-age / half_life_days * np.log(2.0)).exp()
    sums = interactions.group_by("item_id").agg(decayed.sort().sum().alias("popularity"))
    aligned = pl.DataFrame({"item_id": item_ids}).join(sums, on="item_id", how="left", maintain_order="left")
    return aligned["popularity"].fill_null(0.0).to_numpy().astype(np.float64)


def unit_rows(vectors: FloatMatrix, *, in_place: bool = False) -> tuple[FloatMatrix, BoolVector]:
    """Rows scaled to length 1 and a mask of those that have a direction; the others become zero. Memory: the result."""
    rows = np.asarray(vectors, dtype=np.float32)
    scaled = rows if in_place and rows.flags.c_contiguous else np.empty(rows.shape, dtype=np.float32)
    has_vector = np.zeros(len(rows), dtype=np.bool_)
    for start in range(0, len(rows), UNIT_ROWS):
        part = slice(start, start + UNIT_ROWS)
        finite = np.nan_to_num(rows[part], nan=0.0, posinf=0.0, neginf=0.0)
        length = np.sqrt(np.einsum("ij,ij->i", finite, finite))
        has_vector[part] = length > 0
        np.divide(finite, np.where(length > 0, length, 1.0)[:, None], out=scaled[part])
    return scaled, has_vector


def _check_items(items: pl.DataFrame, vectors: FloatMatrix, popularity: FloatVector | None) -> None:
    missing = [name for name in ITEM_COLUMNS if name not in items.columns]
    if missing:
        raise StepError(f"items lack the column {missing[0]!r}; give {', '.join(ITEM_COLUMNS)}")
    if items["item_id"].null_count():
        raise StepError(f"{items['item_id'].null_count()} items have no item_id; quarantine them before indexing")
    twice = items["item_id"].filter(items["item_id"].is_duplicated())
    if len(twice):
        raise StepError(f"item_id {twice[0]!r} occurs more than once; give one row an item")
    if vectors.ndim != 2 or len(vectors) != len(items):
        raise StepError(f"vectors have shape {vectors.shape} for {len(items)} items; give one row an item")
    if popularity is not None and len(popularity) != len(items):
        raise StepError(f"popularity has {len(popularity)} values for {len(items)} items; give one an item")


def _days(published_at: pl.Series) -> FloatVector:
    if published_at.dtype == pl.Null:
        return np.full(len(published_at), np.nan)
    micros = published_at.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64) / MICROSECONDS_A_DAY
    return micros.fill_null(float("nan")).to_numpy().astype(np.float64)


def _dense_groups(group_id: pl.Series) -> IntVector:
    """Codes by first appearance; a null is a group of its own."""
    # The row numbers are a column: inside over() an int_range would count within the group.
    rows = pl.DataFrame({"group": group_id}).with_row_index("row")
    is_alone = pl.col("group").is_null()
    first = rows.select(pl.when(is_alone).then("row").otherwise(pl.col("row").min().over("group")).alias("first"))
    return (first["first"].rank("dense").cast(pl.Int64) - 1).to_numpy()
