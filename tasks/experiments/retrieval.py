"""Experiment `retrieval`: BM25, dense search and their fusions, with titles as queries.

Two tasks: items of the same topic as the title's (the item itself left out), and the title's own text among texts
without titles. Weights of a fusion are chosen on one half of the queries and measured on the other, both ways round.
Time O(queries x items x d), memory O(block x items) and a row of hits for each query and system.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.evaluation.gains import discount_of, ideal_dcg
from tasks.experiments.findings import Findings
from tasks.experiments.fusions import System, choose_weights, fuse, named_values
from tasks.experiments.known_item import find_own_text
from tasks.experiments.retrieval_tables import (
    ALL,
    FloatVector,
    Measured,
    describe_leads,
    own_table,
    plot_topics,
    time_table,
    topic_tables,
    weight_table,
)
from tasks.experiments.retrieval_words import READING, describe_protocol
from tasks.experiments.setting import (
    Setting,
    half_of,
    index_texts,
    read_items,
    read_topics,
    sample_by_hash,
    topic_matrix,
)
from tasks.experiments.title_queries import TitleQueries, score_blocks, search_sources, seconds_a_query, top_positions
from tasks.retrieval.item_index import ItemIndex

DEPTH = 20
CUTOFFS = (10, 20)
MAX_QUERIES = 5000


def run(setting: Setting) -> Findings:
    """Compare the searches on one catalog. Raises MissingInputError without vectors or topics."""
    items, vectors = read_items(setting)
    topics = read_topics(setting)
    queries = _title_queries(setting, items, topics.rows)
    index = index_texts(items, vectors, texts=pl.concat_str("title", "text", separator="\n", ignore_nulls=True))
    measured = _measure(setting, index, queries, topics.rows)
    own = find_own_text(setting, items, queries)
    seconds = {
        name: seconds_a_query(index, queries, source, depth=DEPTH + 1) for name, source in search_sources(index).items()
    }
    return Findings(
        question="Do words, vectors or both together find items of the same topic, and the text that belongs to a title?",
        protocol=describe_protocol(
            n_items=len(items),
            n_queries=len(queries),
            n_texts=own.n_texts,
            origin=topics.origin,
            max_queries=MAX_QUERIES,
        ),
        tables=(
            *topic_tables(measured),
            own_table(own),
            weight_table(measured.chosen, own.chosen),
            time_table(seconds, depth=DEPTH),
        ),
        plots=(plot_topics(measured),),
        reading=READING,
        verdicts=describe_leads(measured),
        seed=setting.seed,
        packages=("numpy", "polars", "bm25s", "faiss-cpu", "sentence-transformers"),
    )


def _title_queries(setting: Setting, items: pl.DataFrame, topics: pl.DataFrame) -> TitleQueries:
    """The titles of items with a topic that another item shares; at most MAX_QUERIES, by hash."""
    known = topics.join(items.select("item_id"), on="item_id", how="semi")
    shared = known.filter((pl.len() > 1).over("label"))["item_id"].unique()
    usable = items.filter(pl.col("item_id").is_in(shared.implode()) & (pl.col("title").fill_null("") != ""))
    ids = sample_by_hash(usable["item_id"], n=MAX_QUERIES, seed=setting.seed)
    chosen = usable.filter(pl.col("item_id").is_in(ids.implode()))
    titles = chosen["title"].to_list()
    return TitleQueries(chosen["item_id"], titles, setting.embedder.encode(titles))


def _measure(setting: Setting, index: ItemIndex, queries: TitleQueries, topics: pl.DataFrame) -> Measured:
    names, member = topic_matrix(index.item_ids, topics)
    places = index.locate(queries.item_ids)
    hits: dict[System, list[NDArray[np.bool_]]] = {}
    n_relevant = []
    for rows, scores in score_blocks(index, queries, search_sources(index)):
        itself = np.arange(len(index)) == places[rows][:, None]
        is_relevant = (member[places[rows]] @ member.T) & ~itself
        n_relevant.append(is_relevant.sum(axis=1))
        for system, fused in fuse(scores, itself):
            top = top_positions(fused, DEPTH)
            hits.setdefault(system, []).append(np.take_along_axis(is_relevant, top, axis=1))
    half = half_of(queries.item_ids, seed=setting.seed)
    found = {system: np.concatenate(parts) for system, parts in hits.items()}
    chosen = choose_weights({system: _precision(of, CUTOFFS[0]) for system, of in found.items()}, half)
    named = named_values(found, chosen, half)
    total = np.concatenate(n_relevant)
    values = {f"precision@{k}": {name: _precision(of, k) for name, of in named.items()} for k in CUTOFFS}
    values |= {f"NDCG@{k}": {name: _ndcg(of, total, k) for name, of in named.items()} for k in CUTOFFS}
    parts = {name: np.flatnonzero(member[places, code]) for code, name in enumerate(names)}
    shown = {name: rows for name, rows in parts.items() if len(rows)}
    return Measured(values, {**shown, ALL: np.arange(len(queries))}, chosen, setting.seed)


def _precision(found: NDArray[np.bool_], k: int) -> FloatVector:
    precision: FloatVector = found[:, :k].sum(axis=1) / k
    return precision


def _ndcg(found: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> FloatVector:
    top = found[:, :k]
    gained: FloatVector = top @ discount_of(np.arange(1, top.shape[1] + 1))
    return gained / ideal_dcg(n_relevant[:, None].astype(np.float64), k, grades=(1,))
