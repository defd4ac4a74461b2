"""The item index, the sources, item facts and one shard of users. Reads items, labels, vectors and pair_history.

fold: the pairs of that fold are left out everywhere, so that what the ranker learns on knows nothing of what it is asked;
None, for serving: nothing is left out.
Memory O(items x dimension), and O(shard) for users.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.context import StepContext
from tasks.contracts.errors import MissingInputError
from tasks.contracts.recommending import SourceName
from tasks.loading.fields import load_item_fields
from tasks.loading.inputs import load_source_inputs
from tasks.loading.shard_inputs import build_shard, read_shard_inputs
from tasks.ranking.inputs import ItemFacts, build_item_facts
from tasks.ranking.item_counts import MAX_DAYS
from tasks.retrieval.build import build_sources, item_search_of, similarity_of
from tasks.retrieval.item_index import ItemIndex, build_item_index
from tasks.retrieval.source import Source
from tasks.retrieval.user_shard import UserShard
from warehouse.connection import Warehouse
from warehouse.vectors import fill_vectors

FOR_FEATURES: tuple[SourceName, ...] = ("item_to_item",)


@dataclass(frozen=True)
class CatalogArrays:
    """One catalog as arrays: the index, the sources fitted to it, and the popularity in each segment (see SourceInputs)."""

    index: ItemIndex
    sources: list[Source]
    segment_popularity: pl.DataFrame | None = None

    def shared(self) -> CatalogArrays:
        """What is the same in every fold: the index, and of the sources those that share the search of its vectors.

        The others' models, gigabytes in a large catalog, can then go before those of a fold are fitted.
        """
        return CatalogArrays(self.index, [one for one in self.sources if item_search_of([one]) is not None])


def load_catalog_arrays(
    warehouse: Warehouse,
    context: StepContext,
    *,
    fold: int | None,
    only: Collection[SourceName] | None = None,
    known: CatalogArrays | None = None,
) -> CatalogArrays:
    """Index and sources. Raises MissingInputError when the catalog has no active item with a vector.

    only: of the configured sources fit no others; FOR_FEATURES are those that features are made with. known: arrays of
    another fold, whose vectors and their search are the same and are shared.
    """
    config = context.catalog.candidates
    if only is not None:
        config = config.model_copy(
            update={"sources": {name: weight for name, weight in config.sources.items() if name in only}}
        )
    index = _load_index(warehouse, context, fold=fold, known=known)
    inputs = load_source_inputs(warehouse, context, index, config, fold=fold)
    search = None if known is None else item_search_of(known.sources)
    sources = build_sources(index, config, inputs=inputs, search=search)
    return CatalogArrays(index, sources, inputs.segment_popularity)


def _load_index(
    warehouse: Warehouse, context: StepContext, *, fold: int | None, known: CatalogArrays | None
) -> ItemIndex:
    catalog = context.catalog
    popular = warehouse.query(
        "queries/popularity", half_life_days=catalog.candidates.popularity_half_life_days, fold=fold
    )
    if known is not None:
        return replace(known.index, popularity=_popularity_of(known.index.item_ids, popular))
    items = warehouse.query("queries/index_items", catalog=catalog.name, as_of_end=context.as_of_end)
    vectors = fill_vectors(warehouse, "queries/index_vectors", items["item_id"], catalog=catalog.name)
    if vectors is None:
        raise MissingInputError(
            f"catalog {catalog.name!r} has no embedded item; run `nightjar ingest` and `nightjar embed` first"
        )
    return build_item_index(
        items,
        vectors,
        popularity=_popularity_of(items["item_id"], popular),
        blocked=catalog.blocked_items,
        fields=load_item_fields(warehouse, context, items["item_id"]),
        in_place=True,
    )


def _popularity_of(item_ids: pl.Series, popular: pl.DataFrame) -> NDArray[np.float64]:
    joined = item_ids.to_frame("item_id").join(popular, on="item_id", how="left", maintain_order="left")
    return joined["popularity"].fill_null(0.0).to_numpy()


def load_facts(warehouse: Warehouse, context: StepContext, arrays: CatalogArrays, *, fold: int | None) -> ItemFacts:
    """Facts of the index's items, as the features need them."""
    scope = {"catalog": context.catalog.name}
    return build_item_facts(
        arrays.index,
        topics=warehouse.query("queries/item_topic_shares", **scope),
        categories=warehouse.query("queries/item_categories", **scope),
        authors=warehouse.query("queries/item_authors", **scope),
        interactions=warehouse.query(
            "queries/item_values", as_of_end=context.as_of_end, fold=fold, max_days=MAX_DAYS, **scope
        ),
        neighbours=similarity_of(arrays.sources),
        words=warehouse.query("queries/item_words", **scope),
        segment_popularity=arrays.segment_popularity,
    )


def load_shard(
    warehouse: Warehouse, context: StepContext, index: ItemIndex, *, user_ids: Sequence[str], fold: int | None
) -> UserShard:
    """Some users: profiles, histories in this and in other catalogs of their space, and what they have seen."""
    inputs = read_shard_inputs(warehouse, context, user_ids=user_ids, fold=fold)
    return build_shard(inputs, index, half_life_days=context.catalog.candidates.history_half_life_days)
