"""What the candidate sources are fitted to beside the index: interactions, relations, aspects, popularity by segment.

Reads pair_history, item_relations, enrichments, embeddings and users; what no source of the catalog asks for is not read.
Memory O(interactions + relations + texts of aspects x dimension).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from tasks.contracts.context import StepContext
from tasks.contracts.recommending import CandidatesConfig
from tasks.retrieval.item_index import ItemIndex, unit_rows
from tasks.retrieval.source import AspectVectors, SourceInputs
from warehouse.connection import Warehouse
from warehouse.vectors import read_vectors

EPOCH = datetime(1970, 1, 1)
SAMPLE_USERS = 1000


def load_source_inputs(
    warehouse: Warehouse, context: StepContext, index: ItemIndex, config: CandidatesConfig, *, fold: int | None
) -> SourceInputs:
    """The inputs of config's sources as of the day, but for what the fold holds out (None: nothing).

    also_bought is not among the relations: it is made from all interactions, so that it knows what a fold holds out; the
    source item_to_item makes the same anew from what the fold may know.
    """
    catalog, scope = context.catalog, {"catalog": context.catalog.name}
    return SourceInputs(
        interactions=_load_choices(warehouse, config, fold=fold),
        relations=warehouse.query("queries/related_items", **scope) if "relations" in config.sources else None,
        aspects=_load_aspects(warehouse, context, index) if "aspects" in config.sources else None,
        segment_popularity=warehouse.query(
            "queries/segment_popularity",
            user_space=catalog.user_space,
            half_life_days=config.popularity_half_life_days,
            fold=fold,
        ),
        as_of_day=(context.as_of_end - EPOCH) / timedelta(days=1),
        sample_queries=_sample_queries(warehouse, context) if len(index) > config.exact_up_to else None,
    )


def _load_choices(warehouse: Warehouse, config: CandidatesConfig, *, fold: int | None) -> pl.DataFrame | None:
    """As many choices as the sources want: all, those of the last days, or none."""
    if not {"item_to_item", "collaborative", "recent_popularity"} & config.sources.keys():
        return None
    is_only_recent = not {"item_to_item", "collaborative"} & config.sources.keys()
    return warehouse.query(
        "queries/choices", fold=fold, max_age_days=float(config.recent_days) if is_only_recent else None
    )


def _load_aspects(warehouse: Warehouse, context: StepContext, index: ItemIndex) -> AspectVectors | None:
    """None where the stage embed has not embedded aspects by the model of the items."""
    found, vectors = read_vectors(warehouse, "queries/aspect_vectors", catalog=context.catalog.name)
    if found.is_empty():
        return None
    names = found["aspect"].unique().sort()
    return AspectVectors(
        names=names.to_list(),
        items=index.locate(found["item_id"]),
        aspects=names.search_sorted(found["aspect"]).cast(pl.Int64).to_numpy(),
        texts=found["text"].to_list(),
        vectors=unit_rows(vectors)[0],
    )


def _sample_queries(
    warehouse: Warehouse, context: StepContext
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]] | None:
    """Unit profile vectors of at most SAMPLE_USERS users, who are the same each night; None without any."""
    catalog = context.catalog
    found, vectors = read_vectors(
        warehouse,
        "queries/sample_user_vectors",
        catalog=catalog.name,
        user_space=catalog.user_space,
        n_users=SAMPLE_USERS,
    )
    return None if found.is_empty() else unit_rows(vectors)[0]
