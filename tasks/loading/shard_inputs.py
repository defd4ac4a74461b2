"""What a shard of users is made of, read from the warehouse; and, without it, the shard made of that.

Two halves, so that the second runs where there is no warehouse. Reads users, embeddings, pair_history, foreign_pairs,
onboarding answers and search texts. Memory O(shard).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.context import StepContext
from tasks.loading.fields import load_user_fields
from tasks.loading.profile_texts import profile_texts
from tasks.loading.queries import load_user_queries
from tasks.loading.shard_history import ShardHistory, load_shard_history
from tasks.retrieval.item_index import ItemIndex
from tasks.retrieval.user_shard import ForeignHistory, UserQueries, UserShard, build_user_shard
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors


@dataclass(frozen=True)
class ShardInputs:
    """Some users as frames and arrays.

    users: user_id, segment, profile_text, wanted_text, and the fields of the catalog's rules. profile_ids (k,) and
    profile_vectors (k, d): of those users who have a profile vector; (0, 0) where nobody has one.
    """

    users: pl.DataFrame
    profile_ids: pl.Series
    profile_vectors: NDArray[np.float32]
    history: ShardHistory
    foreign: ForeignHistory | None
    queries: UserQueries | None


def read_shard_inputs(
    warehouse: Warehouse, context: StepContext, *, user_ids: Sequence[str], fold: int | None
) -> ShardInputs:
    """Profiles, histories in this and in other catalogs of the users' space, and what they have seen. Needs make_history."""
    catalog, ids = context.catalog, list(user_ids)
    scope = {"user_space": catalog.user_space, "user_ids": ids}
    profiles = warehouse.query("queries/shard_profiles", **scope)
    users = profile_texts(profiles).select("user_id", "segment", "profile_text", "wanted_text")
    users = users.with_columns(load_user_fields(warehouse, context, users["user_id"]).get_columns())
    found, vectors = read_vectors(warehouse, "queries/user_vectors", catalog=catalog.name, **scope)
    return ShardInputs(
        users=users,
        profile_ids=found["user_id"],
        profile_vectors=vectors,
        history=load_shard_history(warehouse, context, ids, fold=fold),
        foreign=_read_foreign(warehouse, ids),
        queries=load_user_queries(warehouse, context, users["user_id"].to_list(), fold=fold),
    )


def build_shard(inputs: ShardInputs, index: ItemIndex, *, half_life_days: float) -> UserShard:
    """The shard's arrays. half_life_days: after which an event of the history counts half. Pure."""
    users = inputs.users
    vectors = (
        aligned(users["user_id"], inputs.profile_ids, inputs.profile_vectors)
        if len(inputs.profile_ids)
        else np.zeros((users.height, index.vectors.shape[1]), np.float32)
    )
    return build_user_shard(
        users,
        vectors,
        index=index,
        history=inputs.history.liked,
        half_life_days=half_life_days,
        seen=inputs.history.seen,
        foreign=inputs.foreign,
        blocked=inputs.history.blocked,
        queries=inputs.queries,
    )


def aligned(wanted: pl.Series, found: pl.Series, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """vectors (rows in the order of `found`) in the order of `wanted`; a zero row where there is none."""
    places = pl.DataFrame({"id": found}).with_row_index("row")
    row = pl.DataFrame({"id": wanted}).join(places, on="id", how="left", maintain_order="left")["row"]
    result = np.zeros((len(wanted), vectors.shape[1]), dtype=np.float32)
    has_row = row.is_not_null().to_numpy()
    result[has_row] = vectors[row.drop_nulls().to_numpy()]
    return result


def _read_foreign(warehouse: Warehouse, user_ids: list[str]) -> ForeignHistory | None:
    rows = warehouse.query("queries/foreign_history", user_ids=user_ids)
    if rows.is_empty():
        return None
    items = rows.unique("item_id").sort("item_id")
    found, vectors = read_vectors(warehouse, "queries/foreign_vectors", item_ids=items["item_id"].to_list())
    return ForeignHistory(
        rows=rows.select("user_id", "item_id", "weight", "age_days"),
        item_ids=items["item_id"],
        titles=items["title"].to_list(),
        vectors=aligned(items["item_id"], found["item_id"], vectors),
    )
