"""The item index, the sources, item facts and one shard of users. Reads items, labels, vectors and pair_history.

fold: the pairs of that fold are left out everywhere, so that what the ranker learns on knows nothing of what it is asked;
None, for serving: nothing is left out.
Memory O(items x dimension), and O(shard) for users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.context import StepContext
from tasks.contracts.errors import MissingInputError
from tasks.loading.fields import load_item_fields, load_user_fields
from tasks.loading.inputs import load_source_inputs
from tasks.loading.profile_texts import profile_texts
from tasks.loading.queries import load_user_queries
from tasks.loading.shard_history import load_shard_history
from tasks.ranking.inputs import ItemFacts, build_item_facts
from tasks.retrieval.candidates import build_sources, similarity_of
from tasks.retrieval.item_index import ItemIndex, build_item_index
from tasks.retrieval.source import Source
from tasks.retrieval.user_shard import ForeignHistory, UserShard, build_user_shard
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors


@dataclass(frozen=True)
class CatalogArrays:
    """One catalog as arrays: the index, the sources fitted to it, and the popularity in each segment (see SourceInputs)."""

    index: ItemIndex
    sources: list[Source]
    segment_popularity: pl.DataFrame | None = None


def load_catalog_arrays(warehouse: Warehouse, context: StepContext, *, fold: int | None) -> CatalogArrays:
    """Index and sources. Raises MissingInputError when the catalog has no active item with a vector."""
    catalog = context.catalog
    items = warehouse.query("queries/index_items", catalog=catalog.name, as_of_end=context.as_of_end)
    found, known = read_vectors(warehouse, "queries/index_vectors", catalog=catalog.name)
    if found.is_empty():
        raise MissingInputError(
            f"catalog {catalog.name!r} has no embedded item; run `nightjar ingest` and `nightjar embed` first"
        )
    vectors = aligned(items["item_id"], found["item_id"], known)
    popular = warehouse.query(
        "queries/popularity", half_life_days=catalog.candidates.popularity_half_life_days, fold=fold
    )
    joined = items.select("item_id").join(popular, on="item_id", how="left", maintain_order="left")
    popularity = joined["popularity"].fill_null(0.0).to_numpy()
    index = build_item_index(
        items,
        vectors,
        popularity=popularity,
        blocked=catalog.blocked_items,
        fields=load_item_fields(warehouse, context, items["item_id"]),
    )
    inputs = load_source_inputs(warehouse, context, index, fold=fold)
    return CatalogArrays(index, build_sources(index, catalog.candidates, inputs=inputs), inputs.segment_popularity)


def load_facts(warehouse: Warehouse, context: StepContext, arrays: CatalogArrays, *, fold: int | None) -> ItemFacts:
    """Facts of the index's items, as the features need them."""
    scope = {"catalog": context.catalog.name}
    return build_item_facts(
        arrays.index,
        topics=warehouse.query("queries/item_topic_shares", **scope),
        categories=warehouse.query("queries/item_categories", **scope),
        authors=warehouse.query("queries/item_authors", **scope),
        interactions=warehouse.query("queries/item_values", as_of_end=context.as_of_end, fold=fold, **scope),
        neighbours=similarity_of(arrays.sources),
        words=warehouse.query("queries/item_words", **scope),
        segment_popularity=arrays.segment_popularity,
    )


def load_shard(
    warehouse: Warehouse, context: StepContext, index: ItemIndex, *, user_ids: Sequence[str], fold: int | None
) -> UserShard:
    """Some users: profiles, histories in this and in other catalogs of their space, and what they have seen."""
    catalog, ids = context.catalog, list(user_ids)
    scope = {"user_space": catalog.user_space, "user_ids": ids}
    profiles = warehouse.query("queries/shard_profiles", **scope)
    users = profile_texts(profiles).select("user_id", "segment", "profile_text", "wanted_text")
    users = users.with_columns(load_user_fields(warehouse, context, users["user_id"]).get_columns())
    found, known = read_vectors(warehouse, "queries/user_vectors", catalog=catalog.name, **scope)
    width = index.vectors.shape[1]
    vectors = (
        aligned(users["user_id"], found["user_id"], known)
        if len(known)
        else np.zeros((users.height, width), np.float32)
    )
    known_of = load_shard_history(warehouse, context, ids, fold=fold)
    return build_user_shard(
        users,
        vectors,
        index=index,
        history=known_of.liked,
        half_life_days=catalog.candidates.history_half_life_days,
        seen=known_of.seen,
        foreign=_load_foreign(warehouse, context, ids),
        blocked=known_of.blocked,
        queries=load_user_queries(warehouse, context, users["user_id"].to_list(), fold=fold),
    )


def aligned(wanted: pl.Series, found: pl.Series, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """vectors (rows in the order of `found`) in the order of `wanted`; a zero row where there is none."""
    places = pl.DataFrame({"id": found}).with_row_index("row")
    row = pl.DataFrame({"id": wanted}).join(places, on="id", how="left", maintain_order="left")["row"]
    result = np.zeros((len(wanted), vectors.shape[1]), dtype=np.float32)
    has_row = row.is_not_null().to_numpy()
    result[has_row] = vectors[row.drop_nulls().to_numpy()]
    return result


def _load_foreign(warehouse: Warehouse, context: StepContext, user_ids: list[str]) -> ForeignHistory | None:
    catalog = context.catalog
    model = warehouse.value("queries/embedding_model", catalog=catalog.name)
    rows = warehouse.query(
        "queries/foreign_history",
        catalog=catalog.name,
        user_space=catalog.user_space,
        user_ids=user_ids,
        as_of_end=context.as_of_end,
        model=model,
    )
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
