"""Who chose what, as sparse matrices: what the collaborative models are fitted to, and what they are asked with.

Reads frames and shards that a step hands in; writes nothing.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from tasks.contracts.errors import StepError
from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.user_shard import UserShard

FIT_ITEMS_PER_USER = 500
"""Of a user the heaviest so many items count in a fit, so that a robot does not decide what goes with what."""

HISTORY_ITEMS = 500
"""Of a user's history the newest so many liked items are asked with."""

SITTING_DAYS = 10.0 / (24 * 60)
"""What a user chose within ten minutes was chosen in one sitting."""


def choice_matrix(interactions: pl.DataFrame, index: ItemIndex) -> sparse.csr_matrix:
    """Weights (users, n), users in the order of their ids; a pair's weights add up.

    interactions: user_id, item_id, weight; weights <= 0 and items that the index lacks are left out. O(m log m).
    """
    return _matrix(_choices(interactions, index), "user", n_items=len(index))


def sitting_matrix(interactions: pl.DataFrame, index: ItemIndex, *, share: float) -> sparse.csr_matrix:
    """Rows whose products count what was chosen in one sitting more than what only the same user chose.

    A row for each user, weighted 1 - share, and one for each user and ten minutes, weighted share: once for the tens
    from the full hour, once for those that begin five minutes later. So product(a, b) of the columns of two items is
    sum_u w_ua w_ub (1 - share + share * k_u), where k_u falls from 1 for choices at one moment to 0 for ten minutes
    between them, and product(a, a) is what choice_matrix gives. interactions: as there, and age_days; those whose age is
    unknown count as one sitting of their user. Raises StepError unless 0 <= share <= 1. O(m log m).

    Rows in bins are random features of a kernel: Rahimi and Recht, "Random features for large-scale kernel machines",
    NIPS 2007.
    """
    if not 0.0 <= share <= 1.0:
        raise StepError(f"the share of sittings is {share}; it must be between 0 and 1")
    rows = _choices(interactions, index)
    place = pl.col("age_days") / SITTING_DAYS
    parts = [np.sqrt(1.0 - share) * _matrix(rows, "user", n_items=len(index))]
    for offset in (0.0, 0.5):
        sittings = rows.with_columns(
            sitting=pl.struct("user", (place + offset).floor().alias("place")).rank("dense") - 1
        )
        parts.append(np.sqrt(share / 2.0) * _matrix(sittings, "sitting", n_items=len(index)))
    return sparse.csr_matrix(sparse.vstack(parts, format="csr", dtype=np.float32))


def history_matrix(shard: UserShard, n_items: int) -> sparse.csr_matrix:
    """(u, n): weights of each user's liked history items of this catalog, relative to the largest: in (0, 1]."""
    users, entries = shard.liked_entries(HISTORY_ITEMS)
    is_own = shard.history_items[entries] >= 0
    users, entries = users[is_own], entries[is_own]
    largest = np.zeros(len(shard))
    np.maximum.at(largest, users, shard.history_weights[entries])
    weights = (shard.history_weights[entries] / largest[users]).astype(np.float32)
    return sparse.csr_matrix((weights, (users, shard.history_items[entries])), shape=(len(shard), n_items))


def _choices(interactions: pl.DataFrame, index: ItemIndex) -> pl.DataFrame:
    """user (from 0), item, weight, age_days: one row a pair, the youngest age."""
    age = pl.col("age_days") if "age_days" in interactions.columns else pl.lit(None)
    return (
        interactions.select("user_id", "item_id", "weight", age.cast(pl.Float64).alias("age_days"))
        .join(index.positions, on="item_id")
        .group_by("user_id", "item")
        .agg(pl.col("weight").cast(pl.Float64).sort().sum(), pl.col("age_days").min())
        .filter(pl.col("weight") > 0)
        .sort("user_id", "weight", "item", descending=[False, True, False])
        .with_columns(nth=pl.int_range(pl.len()).over("user_id"), user=pl.col("user_id").rank("dense") - 1)
        .filter(pl.col("nth") < FIT_ITEMS_PER_USER)
        .select("user", "item", "weight", "age_days")
    )


def _matrix(rows: pl.DataFrame, row: str, *, n_items: int) -> sparse.csr_matrix:
    places = rows[row].cast(pl.Int64).to_numpy()
    entries = (rows["weight"].cast(pl.Float32).to_numpy(), (places, rows["item"].cast(pl.Int64).to_numpy()))
    return sparse.csr_matrix(entries, shape=(int(places.max()) + 1 if len(places) else 0, n_items))
