"""The configured sources, fitted once a catalog and run and then asked shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import polars as pl
from scipy import sparse

from tasks.contracts.recommending import CandidatesConfig, SourceName
from tasks.retrieval.approximate_search import choose_search
from tasks.retrieval.aspects import Aspects, build_aspects
from tasks.retrieval.bm25 import Bm25
from tasks.retrieval.collaborative import fit_collaborative
from tasks.retrieval.dense_history import DenseHistory
from tasks.retrieval.dense_profile import DenseProfile
from tasks.retrieval.exploration import Exploration
from tasks.retrieval.item_index import BoolVector, FloatMatrix, ItemIndex
from tasks.retrieval.item_to_item import ItemToItem, fit_neighbours
from tasks.retrieval.new_arrivals import NewArrivals
from tasks.retrieval.popularity import Popularity
from tasks.retrieval.recent_popularity import RecentPopularity
from tasks.retrieval.relations import Relations
from tasks.retrieval.rewritten_query import RewrittenQuery
from tasks.retrieval.source import Source, SourceInputs
from tasks.retrieval.vector_search import VectorSearch

NO_INPUTS = SourceInputs()


def build_sources(
    index: ItemIndex,
    config: CandidatesConfig,
    *,
    inputs: SourceInputs = NO_INPUTS,
    search: VectorSearch | None = None,
) -> list[Source]:
    """The sources of config.sources in their order; one whose input is missing or empty is left out.

    item_to_item, collaborative and recent_popularity need interactions (of the window), relations and aspects theirs,
    new_arrivals the day. rewritten_query reads the shard: users without search texts have no list. The vectors are
    searched exactly up to config.exact_up_to items, approximately above; see index_recall_of. search: that of the items'
    vectors, where it is made already.
    """
    make_search = partial(
        choose_search, exact_up_to=config.exact_up_to, depth=config.per_source, samples=inputs.sample_queries
    )
    find = cache(lambda: search or make_search(index.vectors, index.is_active & index.has_vector))
    fit = partial(_fit_source, index=index, config=config, inputs=inputs, search=find, make_search=make_search)
    fitted = [fit(name) for name in config.sources]
    return [source for source in fitted if source is not None]


def similarity_of(sources: Sequence[Source]) -> sparse.csr_matrix | None:
    """The fitted item similarities (n, n) of the source `item_to_item`, for the features; None without it."""
    return next((source.similarity for source in sources if isinstance(source, ItemToItem)), None)


def item_search_of(sources: Sequence[Source]) -> VectorSearch | None:
    """The search of the items' vectors that the dense sources share; None without one."""
    return next(
        (source.search for source in sources if isinstance(source, DenseProfile | DenseHistory | RewrittenQuery)), None
    )


def index_recall_of(sources: Sequence[Source]) -> float | None:
    """The lowest measured recall, in [0, 1], of the sources' approximate searches; None: all searches are exact."""
    searching = (DenseProfile, DenseHistory, RewrittenQuery, Aspects)
    known = [source.index_recall for source in sources if isinstance(source, searching)]
    return min((recall for recall in known if recall is not None), default=None)


def _fit_source(
    name: SourceName,
    *,
    index: ItemIndex,
    config: CandidatesConfig,
    inputs: SourceInputs,
    search: Callable[[], VectorSearch],
    make_search: Callable[[FloatMatrix, BoolVector], VectorSearch],
) -> Source | None:
    """One source, None where its input is missing or empty. search() is that of the items' vectors."""
    latest = config.history_items
    match name:
        case "dense_profile":
            return DenseProfile(index, search())
        case "dense_history":
            return DenseHistory(index, search(), history_items=latest, interests=config.interests)
        case "rewritten_query":
            return RewrittenQuery(index, search())
        case "aspects" if inputs.aspects is not None:
            aspects = build_aspects(index, inputs.aspects, make_search=make_search)
            return Aspects(aspects, history_items=latest) if aspects else None
        case "bm25":
            return Bm25(index, history_items=latest)
        case "popularity":
            return Popularity(index)
        case "new_arrivals" if inputs.as_of_day is not None:
            return NewArrivals(index, as_of_day=inputs.as_of_day, recent_days=config.recent_days)
        case "exploration":
            return Exploration(index, as_of_day=inputs.as_of_day)
        case "relations" if inputs.relations is not None:
            related = Relations(index, inputs.relations, history_items=latest)
            return related if len(related) else None
    chosen = inputs.interactions
    return None if chosen is None or chosen.is_empty() else _fit_chosen(name, chosen, index=index, config=config)


def _fit_chosen(
    name: SourceName, interactions: pl.DataFrame, *, index: ItemIndex, config: CandidatesConfig
) -> Source | None:
    """A source that learns from the interactions of all users; None of any other name, or where none counts."""
    match name:
        case "item_to_item":
            near = fit_neighbours(interactions, index, neighbours=config.neighbours, shrinkage=config.shrinkage)
            return ItemToItem(index, near)
        case "collaborative":
            return fit_collaborative(interactions, index, config)
        case "recent_popularity":
            recent = RecentPopularity(index, interactions, recent_days=config.recent_days)
            return recent if len(recent) else None
    return None
